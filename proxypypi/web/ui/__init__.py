"""
Pages for people: what they look like, and what is on them.
"""
