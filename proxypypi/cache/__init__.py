"""
Policy: what is asked upstream, what is kept, what is listed and served.
"""
