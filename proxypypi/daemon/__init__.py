"""
A daemon: its pid file, what it leaves beside that, how it is put into the background
and how it is ended.
"""
