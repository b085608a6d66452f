"""
What can be said after ``proxypypi`` in a shell; a module for each group of commands.

A command takes its arguments, prints, and returns its exit status.
"""
