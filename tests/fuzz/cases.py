"""How many cases a fuzz test draws: few in every run of the tests, many when asked to."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("PEFTPORT_FUZZ", "1"))  # docs/reliability.md has a run of 30 times as many


def cases_of(number):
    """Settings of hypothesis for so many cases, new ones in every run, ``PEFTPORT_FUZZ`` times over."""
    quiet = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
    return settings(max_examples=TIMES * number, **quiet)
