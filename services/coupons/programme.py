"""What of the settings the use cases need: time zone, currency, keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.coupons.codes import CodeBook
from shared.security.crypto import LookupKey, MasterKey
from shared.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Programme:
    """The programme's own constants."""

    zone: ZoneInfo
    currency: str
    codes: CodeBook
    entry_tier: str
    """Tier of members whose tier nobody has told yet."""


@lru_cache(maxsize=4)
def programme_of(settings: ServiceSettings) -> Programme:
    """Return the programme that the settings describe."""
    return Programme(
        zone=ZoneInfo(settings.time_zone),
        currency=settings.currency,
        entry_tier=settings.entry_tier,
        codes=CodeBook(MasterKey.of(settings), LookupKey(settings.lookup_key.reveal())),
    )
