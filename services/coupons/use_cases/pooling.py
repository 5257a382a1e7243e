"""Codes for nobody in particular: made by the million, and shown in full once (C8, C9).

Whoever brings such a code may use it. A job makes them slice by slice; each slice commits its codes
together with the job's progress, so a killed process repeats none and leaves none out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import codes, domain
from services.coupons.programme import Programme
from services.coupons.repository import Change, append_history, campaigns, pools, usage
from services.coupons.use_cases.alarms import raise_alarms
from shared.contracts.coupons.pools import GenerateCodesRequest
from shared.db import Outcome, UnitOfWork
from shared.errors.coupons import BudgetExhausted, CampaignStateConflict, NotClaimable
from shared.jobs import JobKind, JobState, Progress, finished, more, start
from shared.lanes import beside

GENERATE = JobKind("coupons", "generate_codes", GenerateCodesRequest)
_SLICE = 8_000
_AT_ONCE = 1_000
"""Codes made between two statements: other calls of the process wait as long."""
EXPORTED_AT_ONCE = 1_000


def start_codes(uow: UnitOfWork, *, campaign_id: UUID, count: int) -> dict[str, Any]:
    """Start making codes.

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it is neither published nor paused.
        NotClaimable: it has a public code.
        BudgetExhausted: its total has no room for so many.
    """
    row = campaigns.get(uow.connection, campaign_id)
    terms = poolable(row)
    drawn = demand(terms, count)
    if drawn is not None:
        key = (campaign_id, drawn.scope, drawn.holder)
        if usage.read(uow.connection, [key]).get(key, 0) + count > drawn.limit:
            raise BudgetExhausted
    append_history(
        uow,
        [Change(campaign_id, row["status"], row["status"], "generate", reason=f"{count} codes")],
    )
    uow.audit("campaign.generate_codes", ("campaign", campaign_id), after={"count": count})
    request = {"campaign_id": campaign_id, "count": count, "issued_at": uow.now}
    return start(uow, GENERATE, request, total=count)


def generate_slice(uow: UnitOfWork, work: JobState, *, programme: Programme) -> Progress:
    """Make some of the codes of a job.

    Raises:
        CampaignStateConflict: the campaign has ended meanwhile.
        BudgetExhausted: its total was used up otherwise meanwhile.
    """
    campaign_id, count = work.request["campaign_id"], work.request["count"]
    row = campaigns.get(uow.connection, campaign_id)
    terms = poolable(row)
    wanted = min(_SLICE, count - work.done)
    _draw(uow, campaign_id, demand(terms, wanted))
    valid_from, valid_until = domain.period(
        terms.validity, work.request["issued_at"], programme.zone
    )
    shared = {
        "campaign_id": campaign_id,
        "version": row["version"],
        "valid_from": valid_from,
        "valid_until": valid_until,
    }
    last = pools.number(uow.connection, campaign_id, wanted)
    _make(uow, programme, row, shared, range(last + 1, last + wanted + 1))
    done = work.done + wanted
    if done >= count:
        return finished(work, done=done, result={"campaign_id": str(campaign_id), "codes": done})
    return more(work, done=done, state={})


def export_codes(
    uow: UnitOfWork, *, programme: Programme, campaign_id: UUID, after: int
) -> Outcome:
    """Return the next codes of the pool; to ask for what follows is to have received the last.

    Codes nobody has received yet come in full, the others masked.

    Raises:
        NotFound: there is no such campaign.
    """
    campaign_row = campaigns.get(uow.connection, campaign_id)
    if not after:
        uow.audit("campaign.export_codes", ("campaign", campaign_id))
    shown = pools.exported(uow.connection, campaign_id, seen=after)
    rows = pools.page(uow.connection, campaign_id, after=after, limit=EXPORTED_AT_ONCE)
    key = programme.codes.key(campaign_row["code_key"])
    items = [
        {
            "code": codes.masked(row["code_hint"])
            if row["code_no"] <= shown
            else codes.unseal(key, row["coupon_id"], row["code_sealed"]),
            "status": domain.status_at(row["status"], row["valid_until"], uow.now),
            "valid_until": row["valid_until"],
        }
        for row in rows
    ]
    return Outcome({"items": items, "next": rows[-1]["code_no"] if rows else None})


def poolable(row: sa.RowMapping) -> domain.Terms:
    """Return the terms of a campaign that may have codes for nobody in particular.

    Raises:
        CampaignStateConflict: it is neither published nor paused.
        NotClaimable: it has a public code.
    """
    if row["status"] not in ("published", "paused"):
        raise CampaignStateConflict(f"The campaign is {row['status']}.")
    terms = campaigns.terms_of(row)
    if terms.public:
        raise NotClaimable(domain.message_for("public_code"), reason="public_code")
    return terms


def demand(terms: domain.Terms, count: int) -> domain.Demand | None:
    """Return what so many codes take of the campaign's total, if it has one."""
    total = terms.limits.total
    return None if total is None else domain.Demand("issued", "", count, total, "budget_exhausted")


def _draw(uow: UnitOfWork, campaign_id: UUID, drawn: domain.Demand | None) -> None:
    if drawn is None:
        return
    key = (campaign_id, drawn.scope, drawn.holder)
    if usage.hold(uow.connection, [key])[key] + drawn.amount > drawn.limit:
        raise BudgetExhausted
    raise_alarms(uow, usage.take(uow.connection, [(campaign_id, drawn)]))


def _make(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: sa.RowMapping,
    shared: Mapping[str, Any],
    numbers: Sequence[int],
) -> None:
    """Store a new code under each number: while the database takes some, the next are made."""
    pattern, book = campaign_row["code_pattern"], programme.codes

    def take(numbered: Mapping[int, codes.StoredCode]) -> list[int]:
        stored = pools.add(uow.connection, shared, numbered, uow.now)
        return [number for number in numbered if number not in stored]

    left = list(numbers)
    while left:
        again: list[int] = []
        stored: Callable[[], list[int]] = list
        for first in range(0, len(left), _AT_ONCE):
            part = left[first : first + _AT_ONCE]
            try:
                made = book.stored(campaign_row["code_key"], codes.new_codes(len(part), pattern))
            finally:
                again += stored()
            stored = beside(partial(take, dict(zip(part, made, strict=True))))
        # One in many billions was there already; its number gets another code.
        left = again + stored()
