"""Where the data set's year lies on the platform's clock."""

from datetime import UTC, date, datetime, time, timedelta

from examples.replay.source import STORE_TIME_ZONE

SHIFT = timedelta(weeks=887)
"""From 2017 to 2034: both years begin on a Sunday and have 365 days."""


def midnight(day: date) -> datetime:
    """The instant a date of the data set begins in the replay, in the stores' time zone."""
    return datetime.combine(day + SHIFT, time(), STORE_TIME_ZONE).astimezone(UTC)
