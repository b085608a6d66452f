"""
HTTP: decode a request, delegate to the core, render the answer.
"""
