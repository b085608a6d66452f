"""
WORKERS: several processes that are one server. A parent holds what there is but once,
the directory and the listening sockets, and sees to it that each socket is served.
"""
