"""What sales would earn by drafts, without writing anything (E4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.points.domain import rules as domain
from services.points.domain import sales
from services.points.domain.programme import Programme
from services.points.domain.rules import Rule, RuleBook, Version
from services.points.domain.sales import Line, Sale, Tier, tier_at
from services.points.repository import accounts, rules
from services.points.use_cases.judging import Judge, Shopper
from services.points.use_cases.sales import NOBODY
from shared.db import Snapshot
from shared.errors import FieldError
from shared.errors.points import RuleNotValid

_WEEK = timedelta(days=7)


def simulate(
    snapshot: Snapshot,
    *,
    programme: Programme,
    sale: Mapping[str, Any],
    at: datetime | None,
    rules: Sequence[Mapping[str, Any]] | None,
) -> Mapping[str, Any]:
    """Return what a sale would earn at a time, by drafts or by what is published.

    Raises:
        LoyaltyError: as a sale is refused; the member's balance does not count.
        RuleNotValid: a draft could not be published.
    """
    at = at or snapshot.now
    if sale["member_status"] in NOBODY:
        raise NOBODY[sale["member_status"]]
    subject = Sale(
        sale_id="",
        occurred_at=at,
        currency=sale["currency"],
        lines=tuple(Line(**line) for line in sale["lines"]),
        member_id=sale["member_id"],
        store_id=sale["store_id"],
        points_to_redeem=sale["points_to_redeem"],
    )
    price = sales.price(subject, programme, at)
    judge = Judge(snapshot, programme, _rules(snapshot, programme, rules, at))
    judge.prepare([subject])
    shopper = _shopper(snapshot, programme, subject, sale["channel"])
    judgement = judge.judge(subject, price, shopper)
    waits = [grant.rule.pending_days for grant in judgement.grants]
    usable_at = at + timedelta(days=max(waits, default=0))
    return {
        "at": at,
        "member_id": subject.member_id,
        "tier": shopper.tier.code,
        "totals": price.totals,
        "points": {
            "earned": judgement.points,
            "pending": sum(grant.points for grant in judgement.grants if grant.rule.pending_days),
            "available_on": programme.local_date(usable_at) if judgement.points else None,
        },
        "lines": [
            {"line_id": line.line_id, "points": points}
            for line, points in zip(subject.lines, judgement.by_line, strict=True)
        ],
        "explain": judgement.explain,
    }


def drafts(programme: Programme, given: Sequence[Mapping[str, Any]], at: datetime) -> list[Rule]:
    """Return drafts as rules, each checked by itself and against the others.

    Raises:
        RuleNotValid: naming what is wrong with which of them.
    """
    found: list[Rule] = []
    problems: list[FieldError] = []
    for place, draft in enumerate(given):
        rule = rules.drafted(draft, f"draft-{place:03}", 0)
        since = at
        if rule.valid_until is not None and rule.valid_until <= at:
            # It is no contradiction to try a rule at a time when it is over.
            since = rule.valid_until - _WEEK
        wrong = [
            *domain.problems(rule, since, programme.lot_terms),
            *domain.overlaps(rule, since, RuleBook.of(Version(each, since) for each in found)),
        ]
        problems += domain.named(f"rules.{place}", wrong)
        found.append(rule)
    if problems:
        raise RuleNotValid(errors=problems)
    return found


def _rules(
    snapshot: Snapshot,
    programme: Programme,
    given: Sequence[Mapping[str, Any]] | None,
    at: datetime,
) -> RuleBook | list[Rule]:
    if given is None:
        return rules.current_book(snapshot.connection)
    return drafts(programme, given, at)


def _shopper(
    snapshot: Snapshot, programme: Programme, subject: Sale, channel: str | None
) -> Shopper:
    tiers: Sequence[Tier] = ()
    birth_month = None
    if subject.member_id is not None:
        for account in accounts.peek(snapshot.connection, [subject.member_id]):
            tiers, birth_month = account.tiers, account.birth_month
    tier = tier_at(tiers, subject.occurred_at, programme)
    return Shopper(subject.member_id, tier, birth_month, channel)
