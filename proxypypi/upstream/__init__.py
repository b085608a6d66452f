"""
What is asked of an index: project pages, files, ranges of files.
"""
