"""
What proxypypi promises, tested.
"""

from hypothesis import HealthCheck, settings

# However busy the machine is.
settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")
