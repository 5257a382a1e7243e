"""The register of all that is kept about a member, table by table (M6).

A new table, or a new column of a table that is named here, has to be classified: tests compare the
register with the tables of every service.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.privacy.register.coupons import COUPONS, COUPONS_OTHERS, COUPONS_TOLD
from shared.privacy.register.entries import Erasure, Field, Form, Holding
from shared.privacy.register.identity import IDENTITY, IDENTITY_OTHERS
from shared.privacy.register.members import MEMBERS, MEMBERS_OTHERS, MEMBERS_TOLD
from shared.privacy.register.platform import PLATFORM
from shared.privacy.register.points import POINTS, POINTS_OTHERS
from shared.privacy.register.tiers import TIERS, TIERS_OTHERS, TIERS_TOLD

__all__ = [
    "OTHERS",
    "PLATFORM",
    "REGISTER",
    "TOLD",
    "Erasure",
    "Field",
    "Form",
    "Holding",
    "holdings_of",
]

REGISTER: tuple[Holding, ...] = (*MEMBERS, *IDENTITY, *POINTS, *COUPONS, *TIERS)

OTHERS = {
    "members": MEMBERS_OTHERS,
    "identity": IDENTITY_OTHERS,
    "points": POINTS_OTHERS,
    "coupons": COUPONS_OTHERS,
    "tiers": TIERS_OTHERS,
}
"""Tables of each service that say nothing about any one member."""

TOLD: Mapping[str, Mapping[str, Mapping[str, str | None]]] = {
    "members": MEMBERS_TOLD,
    "coupons": COUPONS_TOLD,
    "tiers": TIERS_TOLD,
}
"""Values in events by service and type, and what takes their place in the outbox once erased."""


def holdings_of(service: str) -> tuple[Holding, ...]:
    """Return what one service keeps."""
    return tuple(holding for holding in REGISTER if holding.service == service)
