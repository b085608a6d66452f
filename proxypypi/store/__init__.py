"""
What lies on disk: the directory people see, and the proxy's own state.
"""
