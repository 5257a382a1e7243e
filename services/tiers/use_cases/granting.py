"""Benefits that come by themselves: birthday gifts, upgrade coupons (T6).

Tiers says that one is due, once for each occasion; whoever gives coupons or points hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from uuid import UUID

from services.tiers.domain.programme import Benefit, Level, in_force, local_day
from services.tiers.domain.standing import Change
from services.tiers.repository import benefits, programmes
from shared.contracts.tiers import events
from shared.db import UnitOfWork
from shared.ids import new_id

_GIFTS_AT_ONCE = 500


def give_birthday_gifts(uow: UnitOfWork, *, time_zone: tzinfo) -> int:
    """Give members their gift in the month of their birthday, once a year; return how many."""
    rules = in_force(programmes.published(uow.connection), uow.now)
    giving = {level.rank: level for level in rules.levels if _gifts(level, "birthday_gift")}
    if not giving:
        return 0
    today = local_day(uow.now, time_zone)
    occasion = str(today.year)
    rows = benefits.born_in(uow.connection, today.month, occasion, list(giving), _GIFTS_AT_ONCE)
    due = [
        (row.member_id, giving[row.rank], _gifts(giving[row.rank], "birthday_gift")[0], occasion)
        for row in rows
    ]
    _give(uow, due)
    return len(rows)


def give_upgrade_coupons(
    uow: UnitOfWork, changes: Iterable[tuple[UUID, Change]], zone: tzinfo
) -> None:
    """Give what a tier promises to those who have just earned it, once a year for each tier."""
    due = [
        (member_id, change.level, benefit, _occasion(change.level, change.at, zone))
        for member_id, change in changes
        if change.is_news and change.is_rise
        for benefit in _gifts(change.level, "upgrade_coupon")[:1]
    ]
    _give(uow, due)


def _occasion(level: Level, at: datetime, zone: tzinfo) -> str:
    return f"{level.code} {local_day(at, zone).year}"


def _gifts(level: Level, kind: str) -> list[Benefit]:
    return [benefit for benefit in level.benefits if benefit.kind == kind]


def _give(uow: UnitOfWork, due: Sequence[tuple[UUID, Level, Benefit, str]]) -> None:
    rows = [
        {
            "member_id": member_id,
            "kind": benefit.kind,
            "occasion": occasion,
            "grant_id": new_id(),
            "code": benefit.code,
            "tier": level.code,
            "granted_at": uow.now,
        }
        for member_id, level, benefit, occasion in due
    ]
    new = set(benefits.grant(uow.connection, rows))
    for row, (_, _, benefit, _) in zip(rows, due, strict=True):
        if row["grant_id"] in new:
            gift = {"campaign_id": benefit.campaign_id, "points": benefit.value}
            uow.emit(events.BENEFIT_GRANTED, subject=row["member_id"], data={**row, **gift})
