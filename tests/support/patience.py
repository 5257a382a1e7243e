"""Hypothesis without a clock: how long an example takes says something about the machine only."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def ignore_the_clock() -> None:
    """Make it the default of all tests imported from now on."""
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")
