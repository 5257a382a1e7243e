"""What tills' reports leave for staff: missing numbers, conflicts, refusals (S5).

A refusal undoes its transaction. What has to be kept of it is written by a transaction of its own
before the till hears the answer: a crash in between leaves a till without an answer, and it reports
again. In a batch, where nothing is undone, both are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.points.domain.counters import Gap, gaps_after, remaining
from services.points.domain.lateness import is_offline
from services.points.domain.programme import Programme
from services.points.repository import pos as repository
from services.points.use_cases.content import digest_of
from shared.db import UnitOfWork
from shared.errors import LoyaltyError, NotFound
from shared.errors.points import (
    OfflineAllowanceExceeded,
    PosExceptionSettled,
    ReturnIdConflict,
    SaleIdConflict,
    SaleTooOld,
    TerminalCounterConflict,
)
from shared.ids import new_id

TERMINAL = "terminal"
_REFUSED = "refused"
_KINDS: Mapping[type[LoyaltyError], str] = {
    SaleIdConflict: "sale_conflict",
    TerminalCounterConflict: "counter_conflict",
    SaleTooOld: "too_old",
    OfflineAllowanceExceeded: "over_allowance",
    ReturnIdConflict: "return_conflict",
}
"""Refusals that staff has to look at whenever they happen; others only if made offline."""


@dataclass(frozen=True, slots=True)
class Report:
    """A sale or return as a till reported it, and how it was received."""

    sale_id: str
    content: str
    occurred_at: datetime
    amount_minor: int
    return_id: str | None = None
    member_id: UUID | None = None
    points_to_redeem: int = 0
    counter: int | None = None
    refusal: LoyaltyError | None = None


def note_reports(uow: UnitOfWork, programme: Programme, reports: Iterable[Report]) -> None:
    """Keep what staff has to look at of a terminal's reports; replayed ones are left out."""
    if uow.actor.kind != TERMINAL:
        return
    known = list(reports)
    _see(uow, {report.counter for report in known if report.counter is not None})
    late = [
        report.sale_id
        for report in known
        if report.refusal is None and is_offline(report.occurred_at, programme, uow.now)
    ]
    if late:
        repository.close_reports(uow.connection, uow.actor.id, sorted(late), uow.now)
    rows = {row["fingerprint"]: row for report in known for row in _rows(uow, programme, report)}
    repository.note_reports(uow.connection, [rows[name] for name in sorted(rows)])


def resolve_exception(
    uow: UnitOfWork, *, exception_id: UUID, action: str, note: str
) -> Mapping[str, Any]:
    """Note what staff has done about an exception; once.

    Raises:
        NotFound: there is no such exception.
        PosExceptionSettled: it has been resolved, or has settled itself.
    """
    known = repository.lock_exception(uow.connection, exception_id)
    if known is None:
        raise NotFound
    if known.status != repository.OPEN:
        raise PosExceptionSettled(exception_status=known.status)
    now = {"action": action}
    uow.audit("pos_exception.resolve", ("pos_exception", exception_id), after=now, reason=note)
    values = {"action": action, "note": note, "resolved_by": uow.actor.key, "closed_at": uow.now}
    return repository.view_exception(repository.resolve(uow.connection, exception_id, **values))


def _see(uow: UnitOfWork, seen: Collection[int]) -> None:
    """Move the terminal's number on: open a gap for what is missing, fill what was."""
    if not seen:
        return
    connection, terminal_id = uow.connection, uow.actor.id
    first, last = min(seen), max(seen)
    is_run = last - first + 1 == len(seen)
    # A first report with holes: its first number is where counting begins.
    before = repository.advance(connection, terminal_id, first, last if is_run else first)
    if before is None and is_run:
        return
    before = first if before is None else before
    if last > before:
        repository.set_last(connection, terminal_id, last)
    _fill(uow, sorted(number for number in seen if number <= before))
    repository.add_gaps(connection, [_gap_row(uow, gap) for gap in gaps_after(before, seen)])


def _fill(uow: UnitOfWork, seen: list[int]) -> None:
    """Close open gaps that late numbers fill, or leave open what is still missing."""
    if not seen:
        return
    for row in repository.open_gaps(uow.connection, uow.actor.id, seen):
        left = remaining(Gap(row.first_counter, row.last_counter), seen)
        if not left:
            repository.close(uow.connection, row.exception_id, uow.now)
            continue
        repository.shrink_gap(uow.connection, row.exception_id, left[0], uow.now)
        found = {"detected_at": row.detected_at, "store_id": row.store_id}
        rest = [_gap_row(uow, gap) | found for gap in left[1:]]
        repository.add_gaps(uow.connection, rest)


def _gap_row(uow: UnitOfWork, gap: Gap) -> dict[str, Any]:
    return {
        **_head(uow),
        "kind": repository.GAP,
        "first_counter": gap.first,
        "last_counter": gap.last,
    }


def _rows(uow: UnitOfWork, programme: Programme, report: Report) -> list[dict[str, Any]]:
    """Return the exception that a refused report is, if any."""
    refusal = report.refusal
    if refusal is None or refusal.retryable:
        return []
    kind = _KINDS.get(type(refusal))
    if kind is None and is_offline(report.occurred_at, programme, uow.now):
        kind = _REFUSED
    if kind is None:
        return []
    row = {
        **_head(uow),
        "kind": kind,
        "first_counter": report.counter,
        "last_counter": report.counter,
        "sale_id": report.sale_id,
        "return_id": report.return_id,
        "member_id": report.member_id,
        "occurred_at": report.occurred_at,
        "amount_minor": report.amount_minor,
        "points_to_redeem": report.points_to_redeem,
        "code": refusal.code,
        "detail": refusal.detail,
        "fingerprint": digest_of([kind, report.sale_id, report.return_id, report.content]),
    }
    return [row]


def _head(uow: UnitOfWork) -> dict[str, Any]:
    return {
        "exception_id": new_id(),
        "status": repository.OPEN,
        "terminal_id": uow.actor.id,
        "store_id": uow.actor.store_id,
        "times": 1,
        "detected_at": uow.now,
        "last_reported_at": uow.now,
    }
