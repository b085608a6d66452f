"""
The Simple repository API: bytes to model, model to bytes. Pure.
"""
