"""
A caching proxy and private index for Python packages.
"""

__version__ = "2.0.0.dev0"
