"""Settings of the tier."""

from __future__ import annotations

from tests.support.patience import ignore_the_clock

ignore_the_clock()
