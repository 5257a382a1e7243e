"""Baskets, rules and occasions for tests of the earning rules."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from services.points.domain import rules
from services.points.domain.rules import Basket, Judgement, LocalTime, Occasion, Rule, Scope
from services.points.domain.sales import Line, Tier

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
"""A Tuesday, 12:00 in Shanghai."""
BRONZE = Tier("BRONZE", Fraction(1))
DEFAULT = rules.default_base(Fraction(1, 100))


def rule(kind: str, rule_id: str = "r", **fields: Any) -> Rule:
    """Return a rule; a text as value is exact."""
    if "value" in fields:
        fields["value"] = Fraction(fields["value"])
    return Rule(rule_id=rule_id, version=1, name=rule_id, kind=kind, **fields)


def scope(**fields: Any) -> Scope:
    """Return a scope; lists become sets, a pair of hours a window."""
    hours = fields.pop("hours", None)
    sets: dict[str, Any] = {
        name: frozenset(v) if isinstance(v, list) else v for name, v in fields.items()
    }
    return Scope(**sets, local_time=hours and LocalTime(hours[0] * 60, hours[1] * 60))


def basket(*nets: int, **categories: int) -> Basket:
    """Return lines "1", "2", … without category, then one of each category by its name."""
    lines = [Line(str(n), "sku", None, None, "product", 1, net) for n, net in enumerate(nets, 1)]
    lines += [Line(name, "sku", name, None, "product", 1, net) for name, net in categories.items()]
    return Basket(tuple(lines), tuple(line.net_minor for line in lines))


def occasion(at: datetime = NOON, **fields: Any) -> Occasion:
    """Return an occasion in Shanghai."""
    return Occasion(occurred_at=at, local=at.astimezone(ZONE), **({"tier": BRONZE} | fields))


def judge(of: Basket, *published: Rule, **given: Any) -> Judgement:
    """Judge a basket; rooms are those of the rules' caps, nothing used yet."""
    when = given.pop("occasion", None) or occasion(**given)
    rooms = rules.rooms(published, "member", when.local.date(), {})
    return rules.judge(of, published, when, rooms, DEFAULT)
