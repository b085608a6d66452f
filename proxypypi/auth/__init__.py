"""
Who somebody is: users and their passwords, tokens, and what each may do.
"""
