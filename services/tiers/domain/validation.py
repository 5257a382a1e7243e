"""What a tier programme may not say (T5). Drafts are held to it too, so that any can be tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from shared.errors import FieldError

_PERCENT = 100
GIVEN = ("birthday_gift", "upgrade_coupon")
"""Kinds of benefits that come by themselves; the others are used."""
Terms = Mapping[str, Any]


def problems(content: Terms) -> list[FieldError]:
    """Return what is wrong with a programme; ``content`` is as the draft's schema loads it."""
    found = list(_of_window(content["window"]))
    found += _of_levels(content["levels"])
    for place, level in enumerate(content["levels"]):
        found += _of_benefits(level["benefits"], f"levels.{place}.benefits")
    return found


def _of_window(window: Terms) -> Iterator[FieldError]:
    is_rolling = window["type"] == "rolling"
    if is_rolling and window["months"] is None:
        yield FieldError("window.months", "required", "A rolling window needs its months.")
    if not is_rolling and window["months"] is not None:
        yield FieldError("window.months", "invalid", "Only a rolling window has months.")


def _of_levels(levels: Sequence[Terms]) -> Iterator[FieldError]:
    places = sorted(range(len(levels)), key=lambda place: levels[place]["rank"])
    entry = levels[places[0]]
    if (entry["rank"], entry["threshold"]) != (0, 0):
        where = f"levels.{places[0]}"
        yield FieldError(where, "entry_tier_missing", "The lowest tier needs rank 0, threshold 0.")
    for below, place in pairwise(places):
        if levels[place]["rank"] == levels[below]["rank"]:
            yield FieldError(f"levels.{place}.rank", "duplicate", "Another tier has this rank.")
        elif levels[place]["threshold"] <= levels[below]["threshold"]:
            text = "A higher tier needs a higher threshold."
            yield FieldError(f"levels.{place}.threshold", "not_rising", text)
    yield from _doubles([level["code"] for level in levels], "levels", "code")
    for place, level in enumerate(levels):
        if Decimal(level["multiplier"]) <= 0:
            text = "A multiplier is more than 0."
            yield FieldError(f"levels.{place}.multiplier", "invalid", text)


def _of_benefits(benefits: Sequence[Terms], where: str) -> Iterator[FieldError]:
    yield from _doubles([benefit["code"] for benefit in benefits], where, "code")
    for place, benefit in enumerate(benefits):
        for field, problem in _benefit_problems(benefit):
            yield FieldError(f"{where}.{place}.{field}", "invalid", problem)


def _benefit_problems(benefit: Terms) -> Iterator[tuple[str, str]]:
    kind, value = benefit["kind"], benefit["value"]
    gives = benefit["campaign_id"] is not None
    if kind == "member_price" and not (value and value <= _PERCENT):
        yield "value", "A member price needs its percentage, 1 to 100."
    if kind == "birthday_gift" and gives == (value is not None):
        yield "campaign_id", "A birthday gift is a campaign's coupon, or points as its value."
    if kind == "upgrade_coupon" and not gives:
        yield "campaign_id", "An upgrade coupon needs the campaign it is of."
    if kind not in GIVEN and gives:
        yield "campaign_id", "This kind of benefit gives no coupon."
    if kind not in ("member_price", "birthday_gift") and value is not None:
        yield "value", "This kind of benefit has no value."
    if kind in GIVEN and benefit["quota"] is not None:
        yield "quota", "This benefit is given, not used; it has no quota."


def _doubles(codes: Sequence[str], where: str, field: str) -> Iterator[FieldError]:
    for place, code in enumerate(codes):
        if code in codes[:place]:
            yield FieldError(f"{where}.{place}.{field}", "duplicate", "Used twice.")
