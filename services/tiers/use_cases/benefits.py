"""Benefits are used, and taken back (T6).

A use is made under the lock of its member, so that parallel ones are counted one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from services.tiers.domain.benefits import benefit_of, quota_period
from services.tiers.domain.programme import Benefit, Level
from services.tiers.domain.standing import ACTIVE
from services.tiers.domain.validation import GIVEN
from services.tiers.queries.benefits import quota_body, use_body
from services.tiers.queries.passing import Move
from services.tiers.repository import benefits, facts
from services.tiers.use_cases.moving import record, up_to_date
from shared.contracts.event import Envelope
from shared.contracts.points import events as points_events
from shared.contracts.tiers import events
from shared.db import Outcome, UnitOfWork
from shared.errors import NotFound
from shared.errors.tiers import (
    BenefitExhausted,
    BenefitNotAvailable,
    BenefitOrderCancelled,
    BenefitUseConflict,
)


def use_benefit(
    uow: UnitOfWork,
    *,
    time_zone: tzinfo,
    member_id: UUID,
    enrolled_at: datetime | None,
    code: str,
    use_id: str,
    reference: str,
) -> Outcome:
    """Use a benefit once; the same ``use_id`` again is the same use.

    Raises:
        BenefitUseConflict: the id stands for another use.
        BenefitNotAvailable: the member's tier does not give it.
        BenefitOrderCancelled: the order it is for has been cancelled.
        BenefitExhausted: it was used as often as the period allows.
    """
    move = up_to_date(uow, member_id, enrolled_at, time_zone)
    wanted = {"member_id": member_id, "code": code, "reference": reference}
    known = benefits.find(uow.connection, use_id)
    if known is not None:
        return _known(uow, move, known, wanted)
    level, benefit = _benefit(move, code)
    if facts.is_cancelled(uow.connection, reference):
        raise BenefitOrderCancelled
    _count(uow, move, benefit)
    row = benefits.add(
        uow.connection,
        {
            **wanted,
            "use_id": use_id,
            "kind": benefit.kind,
            "tier": level.code,
            "used_at": uow.now,
            "used_by_kind": uow.actor.kind,
            "used_by_id": uow.actor.id,
        },
    )
    if row is None:  # another member's, made at this very moment
        raise BenefitUseConflict
    record(uow, [move])
    shown = ("member_id", "use_id", "code", "kind", "tier", "reference", "used_at")
    uow.emit(events.BENEFIT_USED, subject=member_id, data={name: row[name] for name in shown})
    return Outcome(use_body(row, quota_body(uow, move, benefit)))


def reverse_use(
    uow: UnitOfWork, *, time_zone: tzinfo, member_id: UUID, code: str, use_id: str
) -> dict[str, Any]:
    """Take a use back, so that it counts no more; doing so twice changes nothing.

    Raises:
        NotFound: the member has no such use.
    """
    move = up_to_date(uow, member_id, None, time_zone)
    row = benefits.find(uow.connection, use_id)
    if row is None or (row["member_id"], row["code"]) != (member_id, code):
        raise NotFound
    record(uow, [move])
    reversed_now = benefits.reverse(uow.connection, use_id, cause="reversed", now=uow.now)
    if reversed_now is not None:
        _tell_reversed(uow, [reversed_now])
        row = reversed_now
    benefit = benefit_of(_level(move), code)
    return use_body(row, None if benefit is None else quota_body(uow, move, benefit))


def free_order(uow: UnitOfWork, event: Envelope) -> None:
    """Take back what was used for an order that ended without a sale (``checkout.closed``).

    What was used later belongs to a later opening of the order.
    """
    fact = event.read(points_events.CHECKOUT_CLOSED)
    reverse_order(uow, fact["order_id"], cause="order_closed", until=event.occurred_at)


def reverse_order(
    uow: UnitOfWork, order_id: str, *, cause: str, until: datetime | None = None
) -> None:
    """Take back all that was used for an order."""
    last = uow.now if until is None else until
    rows = benefits.reverse_order(uow.connection, order_id, cause=cause, now=uow.now, until=last)
    _tell_reversed(uow, rows)


def _known(
    uow: UnitOfWork, move: Move, known: Mapping[Any, Any], wanted: Mapping[str, Any]
) -> Outcome:
    if any(known[name] != value for name, value in wanted.items()):
        raise BenefitUseConflict
    benefit = benefit_of(_level(move), known["code"])
    quota = None if benefit is None else quota_body(uow, move, benefit)
    return Outcome(use_body(known, quota), status=200, replayed=True)


def _level(move: Move) -> Level:
    standing = move.standing
    return move.life.programme(standing.earned.version).level(standing.tier)


def _benefit(move: Move, code: str) -> tuple[Level, Benefit]:
    level = _level(move)
    benefit = benefit_of(level, code)
    if move.standing.status != ACTIVE:
        raise BenefitNotAvailable("The member is not active.")
    if benefit is None:
        raise BenefitNotAvailable
    if benefit.kind in GIVEN:
        raise BenefitNotAvailable("This benefit comes by itself; it cannot be used.")
    return level, benefit


def _count(uow: UnitOfWork, move: Move, benefit: Benefit) -> None:
    if benefit.quota is None:
        return
    rules = move.life.programme(move.standing.earned.version)
    period = quota_period(benefit.quota.per, move.standing, rules, uow.now, move.life.zone)
    member_id = move.standing.member_id
    so_far = benefits.used(
        uow.connection, member_id, benefit.code, period.starts_at, period.ends_at
    )
    if so_far >= benefit.quota.count:
        raise BenefitExhausted(
            count=benefit.quota.count, period_ends_on=period.last_day.isoformat()
        )


def _tell_reversed(uow: UnitOfWork, rows: Iterable[Mapping[Any, Any]]) -> None:
    shown = ("member_id", "use_id", "code", "kind", "reference", "reversed_at")
    for row in rows:
        data = {name: row[name] for name in shown} | {"cause": row["reversed_cause"]}
        uow.emit(events.BENEFIT_REVERSED, subject=row["member_id"], data=data)
