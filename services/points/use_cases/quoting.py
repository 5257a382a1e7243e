"""What points would pay of a sale, and what it would earn, before it is one (H1, H3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.points import queries
from services.points.domain import rules, sales
from services.points.domain.programme import Programme
from services.points.domain.rules import Judgement
from services.points.domain.sales import Line, Price, Sale, Tier, tier_at
from services.points.repository import accounts, orders
from services.points.repository import rules as rule_rows
from services.points.use_cases.awards import NOBODYS
from services.points.use_cases.judging import Judge, Shopper
from services.points.use_cases.standing import is_active
from shared.db import Snapshot
from shared.errors.points import InsufficientPoints, not_active


def quote_sale(snapshot: Snapshot, *, programme: Programme, **asked: Any) -> Mapping[str, Any]:
    """Return what a sale would cost and earn now; nothing is held.

    Raises:
        CurrencyMismatch: it is not in the programme's currency.
        MemberNotActive: the member may not own points.
        MemberRequired: nobody is named whose points could pay.
        InsufficientPoints: the member has fewer.
        RedemptionOutOfRange: points would pay too little or too much (H3).
    """
    channel = asked.pop("channel")
    lines = tuple(Line(**line) for line in asked.pop("lines"))
    subject = Sale(sale_id="", occurred_at=snapshot.now, lines=lines, **asked)
    price = sales.price(subject, programme, snapshot.now)
    book = rule_rows.current_book(snapshot.connection)
    shopper = _shopper(snapshot, programme, subject, channel)
    judgement = NOBODYS
    if subject.member_id is not None:
        judge = Judge(snapshot, programme, book)
        judge.prepare([subject])
        judgement = judge.judge(subject, price, shopper)
    published = [rule for rule in book.at(snapshot.now) if rule.kind != rules.ACTIVITY]
    return {
        "totals": price.totals,
        "lines": _lines(subject, price, judgement),
        "points": _points(snapshot, programme, judgement),
        "explain": judgement.explain,
        "judged_by": {
            "at": snapshot.now,
            "tier": shopper.tier.code if subject.member_id is not None else None,
            "multiplier": str(shopper.tier.multiplier),
            "rules": [rule.key for rule in published],
            "has_open_order": shopper.is_first_purchase is False,
        },
    }


def _shopper(
    snapshot: Snapshot, programme: Programme, subject: Sale, channel: str | None
) -> Shopper:
    if subject.member_id is None:
        return Shopper(None, tier_at((), subject.occurred_at, programme), None, channel)
    tiers: tuple[Tier, ...] = ()
    birth_month = None
    for account in accounts.peek(snapshot.connection, [subject.member_id]):
        if not is_active(account):
            raise not_active(account.status)
        tiers, birth_month = tuple(account.tiers), account.birth_month
    if subject.points_to_redeem:
        figures = queries.figures_of(snapshot, [subject.member_id])[subject.member_id]
        if subject.points_to_redeem > figures.available:
            raise InsufficientPoints(available=figures.available)
    tier = tier_at(tiers, subject.occurred_at, programme)
    has_order = orders.has_open_order(snapshot.connection, subject.member_id, snapshot.now)
    is_first = False if has_order else None
    return Shopper(subject.member_id, tier, birth_month, channel, is_first_purchase=is_first)


def _lines(subject: Sale, price: Price, judgement: Judgement) -> list[dict[str, Any]]:
    by_line = judgement.by_line or (0,) * len(subject.lines)
    return [
        {"line_id": line.line_id, "points_minor": tender, "points": points}
        for line, tender, points in zip(subject.lines, price.tender, by_line, strict=True)
    ]


def _points(snapshot: Snapshot, programme: Programme, judgement: Judgement) -> dict[str, Any]:
    waits = [grant.rule.pending_days for grant in judgement.grants]
    usable_at = snapshot.now + timedelta(days=max(waits, default=0))
    return {
        "earned": judgement.points,
        "pending": sum(grant.points for grant in judgement.grants if grant.rule.pending_days),
        "available_on": programme.local_date(usable_at) if judgement.points else None,
    }
