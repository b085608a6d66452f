"""
What all errors have in common.
"""


class ProxypypiError(Exception):
    """
    Whatever is not a defect of ours.
    """
