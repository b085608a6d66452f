"""
Bundles: what lies here, and what is known of it, carried to where there is no Internet.
"""
