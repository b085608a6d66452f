"""
Decisions, as functions of values. Pure: no clock, no disk, no network.
"""
