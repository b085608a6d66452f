"""
The real program, asked by real installers over real sockets.
"""
