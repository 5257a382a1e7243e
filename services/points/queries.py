"""Reads: plain data in the shape of the contract, each from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from services.points import tables
from services.points.domain import ledger
from services.points.domain.due import Parcel, catch_up, lapse_order
from services.points.domain.ledger import Figures
from services.points.domain.programme import Programme
from services.points.domain.rules import THRESHOLD_BONUS
from services.points.repository import orders, rules
from services.points.repository.holds import HELD
from services.points.repository.pos import view_exception
from services.points.use_cases.recording import revive
from shared.db import Snapshot
from shared.db.pages import page
from shared.errors import NotFound

_FIGURES = tuple(Figures.__dataclass_fields__)


def balance(
    snapshot: Snapshot, *, programme: Programme, member_id: UUID, exists: bool
) -> Mapping[str, Any]:
    """Return a member's points; what is due counts as done, however late the sweep (L4, E5).

    Raises:
        NotFound: points has not heard of the member, and the caller does not vouch for it.
    """
    statement = _account_and_lots(member_id)
    row = snapshot.connection.execute(statement, {"now": snapshot.now}).one_or_none()
    if row is None and not exists:
        raise NotFound
    figures, usable = _standing(row, snapshot.now)
    by_expiry: dict[datetime, int] = {}
    for parcel in sorted(usable, key=lapse_order):
        if parcel.expires_at is not None:
            so_far = by_expiry.get(parcel.expires_at, 0)
            by_expiry[parcel.expires_at] = so_far + parcel.points
    shown = asdict(figures)
    return {
        "member_id": member_id,
        "balances": shown,
        "lifetime": shown,
        "expiring": [
            _expiring(expires_at, points, snapshot.now, programme)
            for expires_at, points in by_expiry.items()
        ],
        "as_of": snapshot.now,
    }


def figures_of(snapshot: Snapshot, member_ids: Sequence[UUID]) -> dict[UUID, Figures]:
    """Return members' points as they all are at one moment, what is due counted as done."""
    statement = sa.union_all(*(_account_and_lots(member_id) for member_id in member_ids))
    found = {
        row.member_id: row for row in snapshot.connection.execute(statement, {"now": snapshot.now})
    }
    return {each: _standing(found.get(each), snapshot.now)[0] for each in member_ids}


def _standing(row: Any, now: datetime) -> tuple[Figures, list[Parcel]]:
    """Return an account's figures and what can be spent once all that is due is done."""
    known = Figures() if row is None else Figures(**{name: getattr(row, name) for name in _FIGURES})
    return catch_up(known, [_parcel(*left) for left in ((row and row.lots) or ())], now)


def _account_and_lots(member_id: UUID) -> sa.Select[Any]:
    """Select account, lots and ended holds in one statement, so that they are of one moment."""
    accounts, lots, held = tables.accounts, tables.lots, tables.holds
    of_pending = sa.literal(ledger.PENDING)
    account = sa.case((lots.c.is_pending, of_pending), else_=ledger.AVAILABLE).label("account")
    freed_at = sa.case((lots.c.is_pending, lots.c.activated_at)).label("freed_at")
    points = sa.func.sum(lots.c.remaining).label("points")
    left = (
        sa.select(points, lots.c.expires_at, account, freed_at)
        .where(lots.c.member_id == member_id, lots.c.remaining > 0)
        .group_by(lots.c.expires_at, lots.c.is_pending, freed_at)
    )
    parts, of_held = tables.lot_entries, sa.literal(ledger.HELD)
    ended = (
        sa.select(-parts.c.points, lots.c.expires_at, of_held, held.c.expires_at)
        .join_from(
            held, parts, (parts.c.member_id == held.c.member_id) & (parts.c.number == held.c.number)
        )
        .join(lots, (lots.c.member_id == parts.c.member_id) & (lots.c.lot_id == parts.c.lot_id))
        .where(held.c.member_id == member_id, held.c.status == HELD)
        .where(held.c.expires_at <= sa.bindparam("now"))
    )
    found = left.union_all(ended).subquery()
    parcel = sa.func.jsonb_build_array(*found.c)
    parcels = sa.select(sa.func.jsonb_agg(parcel)).scalar_subquery()
    return sa.select(accounts, parcels.label("lots")).where(accounts.c.member_id == member_id)


def _parcel(points: int, expires_at: str | None, account: str, freed_at: str | None) -> Parcel:
    return Parcel(points, _instant(expires_at), account, _instant(freed_at))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _expiring(
    expires_at: datetime, points: int, now: datetime, programme: Programme
) -> Mapping[str, Any]:
    expires_on = programme.last_usable_day(expires_at)
    return {
        "points": points,
        "expires_at": expires_at,
        "expires_on": expires_on,
        "days_left": (expires_on - programme.local_date(now)).days,
    }


def transactions(
    snapshot: Snapshot,
    *,
    member_id: UUID,
    exists: bool,
    limit: int,
    after: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """Return a page of a member's journal, newest first, each entry with its lots.

    Raises:
        NotFound: points has not heard of the member, and the caller does not vouch for it.
    """
    entries = tables.transactions
    statement = (
        sa.select(entries, _lots_of_entry().label("lots"))
        .where(entries.c.member_id == member_id)
        .order_by(entries.c.number.desc())
        .limit(limit + 1)
    )
    if after is not None:
        statement = statement.where(entries.c.number < int(after["number"]))
    rows = snapshot.connection.execute(statement).all()
    if not rows and not exists and not _has_account(snapshot, member_id):
        raise NotFound
    return page(rows, limit, key="number", view=_entry)


def entries_between(
    snapshot: Snapshot, *, member_id: UUID, after: int, last: int, limit: int
) -> Mapping[str, Any]:
    """Return a page of the entries numbered above ``after`` up to ``last``, oldest first."""
    entries = tables.transactions
    statement = (
        sa.select(entries, _lots_of_entry().label("lots"))
        .where(entries.c.member_id == member_id)
        .where(entries.c.number > after, entries.c.number <= last)
        .order_by(entries.c.number)
        .limit(limit + 1)
    )
    rows = snapshot.connection.execute(statement).all()
    return page(rows, limit, key="number", view=_entry)


def _lots_of_entry() -> sa.ScalarSelect[Any]:
    entries, parts, lots = tables.transactions, tables.lot_entries, tables.lots
    same_lot = (lots.c.member_id == parts.c.member_id) & (lots.c.lot_id == parts.c.lot_id)
    part = sa.func.jsonb_build_array(parts.c.lot_id, parts.c.points, lots.c.expires_at)
    return (
        sa.select(sa.func.jsonb_agg(aggregate_order_by(part, parts.c.seq)))
        .join_from(parts, lots, same_lot)
        .where(parts.c.member_id == entries.c.member_id, parts.c.number == entries.c.number)
        .scalar_subquery()
    )


def _entry(row: Any) -> Mapping[str, Any]:
    return {
        "id": row.transaction_id,
        "type": row.type,
        "points": row.points,
        "balance_after": row.balance_after,
        "occurred_at": row.occurred_at,
        "posted_at": row.posted_at,
        "reason_code": row.reason_code,
        "reference": {"kind": row.reference_kind, "id": row.reference_id},
        "lots": [
            {
                "lot_id": lot_id,
                "points": points,
                "expires_at": _instant(expires_at),
            }
            for lot_id, points, expires_at in row.lots or ()
        ],
    }


def _has_account(snapshot: Snapshot, member_id: UUID) -> bool:
    statement = sa.select(tables.accounts.c.member_id).filter_by(member_id=member_id)
    return snapshot.connection.execute(statement).first() is not None


def expiry_changes(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return a page of the changes of how long points last, newest first (L12)."""
    changes = tables.expiry_changes
    statement = _expiry_changes().order_by(changes.c.number.desc()).limit(limit + 1)
    if after is not None:
        statement = statement.where(changes.c.number < int(after["number"]))
    rows = snapshot.connection.execute(statement).all()
    return page(rows, limit, key="number", view=_expiry_change)


def expiry_change(snapshot: Snapshot, *, change_id: UUID) -> Mapping[str, Any]:
    """Return one change of how long points last.

    Raises:
        NotFound: there is no such change.
    """
    statement = _expiry_changes().where(tables.expiry_changes.c.change_id == change_id)
    row = snapshot.connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound
    return _expiry_change(row)


def _expiry_changes() -> sa.Select[Any]:
    changes, passes = tables.expiry_changes, tables.expiry_passes
    progress = (passes.c.lots_extended, passes.c.finished_at)
    same = changes.c.change_id == passes.c.change_id
    return sa.select(changes, *progress).join_from(changes, passes, same)


def _expiry_change(row: Any) -> Mapping[str, Any]:
    return {
        **row._mapping,
        "previous": {"months": row.previous_months, "round_to": row.previous_round_to},
        "existing_lots": {"extended": row.lots_extended, "finished_at": row.finished_at},
    }


def sale(snapshot: Snapshot, *, sale_id: str) -> Mapping[str, Any]:
    """Return a sale as it was answered, with what has come back of it since.

    Raises:
        NotFound: there is no such sale.
    """
    found = orders.sale(snapshot.connection, sale_id)
    if found is None:
        raise NotFound
    rows = [dict(row._mapping) for row in orders.line_rows(snapshot.connection, sale_id)]
    claimed = orders.known_claim(snapshot.connection, sale_id)
    answer = revive(found.answer)
    if claimed is not None:
        del answer["receipt_code"]  # it opens nothing any more
    return {
        **answer,
        "member_id": found.member_id,
        "claimed_at": claimed and claimed.claimed_at,
        "status": found.status,
        "occurred_at": found.occurred_at,
        "recorded_at": found.recorded_at,
        "currency": found.currency,
        "store_id": found.store_id,
        "lines": rows,
        "refunded_minor": found.refunded_minor,
        "points_clawed_back": sum(row["clawed_back"] for row in rows)
        + _clawed_bonuses(snapshot, found),
        "points_restored": found.points_restored,
    }


def _clawed_bonuses(snapshot: Snapshot, found: Any) -> int:
    """Return what was taken back of a sale's bonuses, which belong to no line."""
    if found.lot_id is not None or not found.points_earned:
        return 0
    return sum(
        award.clawed_back
        for award in orders.awards(snapshot.connection, found.sale_id)
        if award.kind == THRESHOLD_BONUS
    )


def rule(snapshot: Snapshot, *, rule_id: UUID) -> Mapping[str, Any]:
    """Return an earning rule with all its versions.

    Raises:
        NotFound: there is no such rule.
    """
    connection = snapshot.connection
    return rules.body(rules.get(connection, rule_id), rules.versions(connection, rule_id))


def rule_list(
    snapshot: Snapshot,
    *,
    status: str | None,
    kind: str | None,
    limit: int,
    after: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """Return earning rules, newest first."""
    table = tables.earning_rules
    wanted = {name: value for name, value in (("status", status), ("kind", kind)) if value}
    statement = (
        sa.select(table).filter_by(**wanted).order_by(table.c.rule_id.desc()).limit(limit + 1)
    )
    if after is not None:
        statement = statement.where(table.c.rule_id < UUID(after["rule_id"]))
    rows = snapshot.connection.execute(statement).all()
    return page(rows, limit, key="rule_id", view=rules.body)


def pos_exceptions(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None, **filters: str | None
) -> Mapping[str, Any]:
    """Return a page of what tills' reports left for staff, newest first (S5)."""
    found = tables.pos_exceptions
    statement = sa.select(found).order_by(found.c.exception_id.desc()).limit(limit + 1)
    for name, value in filters.items():
        if value is not None:
            statement = statement.where(found.c[name] == value)
    if after is not None:
        statement = statement.where(found.c.exception_id < UUID(after["exception_id"]))
    rows = snapshot.connection.execute(statement).all()
    return page(rows, limit, key="exception_id", view=view_exception)


def pos_exception(snapshot: Snapshot, *, exception_id: UUID) -> Mapping[str, Any]:
    """Return one exception.

    Raises:
        NotFound: there is no such exception.
    """
    found = tables.pos_exceptions
    statement = sa.select(found).where(found.c.exception_id == exception_id)
    row = snapshot.connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound
    return view_exception(row)
