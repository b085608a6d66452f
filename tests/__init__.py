"""
What proxypypi promises, tested.
"""
