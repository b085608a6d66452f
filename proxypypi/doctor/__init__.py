"""
Whether a server would work here, found out without one.
"""
