"""Entries for what is due: activations, lapses, ends of holds, and debt repaid by what comes in.

`services.points.domain.due` reads by the same rules what is due and not yet written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain import ledger
from services.points.domain.ledger import AVAILABLE, HELD, PENDING
from services.points.domain.lots import Draw, Lot, draw, homes
from services.points.repository import accounts, expiry_terms, holds
from services.points.repository.accounts import Account
from services.points.repository.holds import Hold
from services.points.repository.journal import Cause, Journal
from shared.contracts.points import events
from shared.ids import new_id

LOT, HOLD = "lot", "hold"


@dataclass(frozen=True, slots=True)
class End:
    """How a hold ends: what is captured of it, and from when on its lots may have lapsed."""

    status: str
    at: datetime
    captured: int = 0
    good_until: datetime | None = None
    """By the merchant's fault it ends: what comes home lasts until then at least (C4)."""


def do(journal: Journal, due: Sequence[Account]) -> None:
    """Write all that is due on locked accounts, and when something is next (L4, L5, E5)."""
    connection, now = journal.uow.connection, journal.uow.now
    expiry_terms.catch_up(connection, [account.member_id for account in due])
    lots = accounts.due_lots(connection, due, now)
    ended = _overdue_holds(connection, due, now)
    following = accounts.next_due(connection, due, now)
    for account in due:
        account.next_lapse_at = following.get(account.member_id)
        journal.touch(account)
        member_id = account.member_id
        _catch_up(journal, account, lots.get(member_id, []), ended.get(member_id, []))


def _overdue_holds(
    connection: sa.Connection, due: Sequence[Account], now: datetime
) -> dict[UUID, list[tuple[Hold, list[Draw]]]]:
    by_member: dict[UUID, list[tuple[Hold, list[Draw]]]] = {}
    holders = [account.member_id for account in due if account.figures.held]
    if holders:
        for hold, drawn in holds.overdue(connection, holders, now):
            by_member.setdefault(hold.member_id, []).append((hold, drawn))
    return by_member


def _catch_up(
    journal: Journal,
    account: Account,
    lots: Sequence[Lot],
    ended: Sequence[tuple[Hold, list[Draw]]],
) -> None:
    """Let points become available in the order of their instants, then lapse what has lapsed."""
    now, left = journal.uow.now, {lot.lot_id: lot for lot in lots}
    freed: list[tuple[datetime, Lot | tuple[Hold, list[Draw]]]] = [
        (hold.expires_at, (hold, drawn)) for hold, drawn in ended
    ]
    freed += [
        (lot.activated_at, lot)
        for lot in lots
        if lot.is_pending and lot.activated_at <= now and not lot.lapses_by(lot.activated_at)
    ]
    for _, what in sorted(freed, key=lambda pair: pair[0]):
        if isinstance(what, Lot):
            left[what.lot_id] = activate(journal, account, what)
            continue
        over_at = what[0].expires_at
        for part in end_hold(journal, account, what, End(holds.EXPIRED, over_at)):
            home = Lot(part.lot_id, 0, over_at, part.expires_at)
            home = left.get(part.lot_id, home)
            left[part.lot_id] = replace(home, points=home.points + part.points)
    for together in _lapsing(left.values(), now):
        expire(journal, account, together)


def _lapsing(lots: Iterable[Lot], now: datetime) -> list[list[Lot]]:
    """Return what is left in lots that have lapsed, in order, what lapsed together as one."""
    together: dict[tuple[datetime, bool], list[Lot]] = {}
    for lot in sorted(lots, key=lambda lot: (lot.activated_at, lot.lot_id)):
        if lot.points and lot.expires_at is not None and lot.lapses_by(now):
            together.setdefault((lot.expires_at, lot.is_pending), []).append(lot)
    return [together[when] for when in sorted(together)]


def activate(journal: Journal, account: Account, lot: Lot) -> Lot:
    """Make a pending lot available, once: nothing makes it pending again (E5)."""
    cause = Cause(LOT, str(lot.lot_id), lot.activated_at)
    journal.post(account, "activate", ledger.free(lot.points, PENDING), [], cause)
    journal.change_lot(account, lot.lot_id, 0)
    return repay_from(journal, account, replace(lot, is_pending=False), cause)


def expire(journal: Journal, account: Account, lots: Sequence[Lot]) -> None:
    """Let what is left of lots lapse that do so at the same instant: one entry, told once (L4).

    Each lapses once, since it can never be filled again, and the first names the entry.
    """
    first = lots[0]
    if first.expires_at is None:
        raise ValueError(f"lot {first.lot_id} never lapses")
    points = sum(lot.points for lot in lots)
    cause = Cause(LOT, str(first.lot_id), first.expires_at)
    source = PENDING if first.is_pending else AVAILABLE
    parts = [(lot.lot_id, -lot.points) for lot in lots]
    entry = journal.post(account, "expire", ledger.expire(points, source), parts, cause)
    for lot in lots:
        journal.change_lot(account, lot.lot_id, -lot.points, is_pending=lot.is_pending)
    _tell_expired(journal, account, entry, points, first.expires_at)


def repay_from(journal: Journal, account: Account, lot: Lot, cause: Cause) -> Lot:
    """Pay debt from a lot and return what is left of it (L6)."""
    (left,) = repay(journal, account, [Draw(lot.lot_id, lot.points)], cause)
    return replace(lot, points=left.points)


def repay(journal: Journal, account: Account, credited: Sequence[Draw], cause: Cause) -> list[Draw]:
    """Pay debt from what has come to lots and return what is left of that (L6)."""
    given = draw(credited, account.figures.debt)
    if not given:
        return list(credited)
    because = Cause(cause.kind, cause.id, cause.occurred_at, cause.rule)
    postings = ledger.repay(sum(part.points for part in given))
    journal.post(account, "debt_repay", postings, taken(given), because)
    for part in given:
        journal.change_lot(account, part.lot_id, -part.points)
    gave = {part.lot_id: part.points for part in given}
    return [replace(part, points=part.points - gave.get(part.lot_id, 0)) for part in credited]


def end_hold(
    journal: Journal, account: Account, held: tuple[Hold, Sequence[Draw]], end: End
) -> list[Draw]:
    """End a hold: redeem what is captured of it, and let the rest go home to its lots (L5).

    ``held`` comes with what it took from which lots: those that lapse first are redeemed first.
    What was to go home to a lot that has lapsed by then lapses too (L4). Returns what has come home
    and was not needed for debt.
    """
    hold, drawn = held
    cause = Cause(HOLD, str(hold.hold_id), end.at)
    if end.captured:
        _redeem_held(journal, account, (hold, end.captured), cause)
    going = homes(drawn, 0, hold.points - end.captured)[::-1]
    fresh: dict[UUID, UUID] = {}
    if end.good_until is not None:
        going, fresh = _prolonged(going, end.good_until)
    kept = [part for part in going if part.expires_at is None or part.expires_at > end.at]
    entry = _release(journal, account, kept, cause, fresh) if kept else None
    if len(kept) < len(going):
        lapsed = sum(part.points for part in going) - sum(part.points for part in kept)
        expired = journal.post(account, "expire", ledger.expire(lapsed, HELD), [], cause)
        _tell_expired(journal, account, expired, lapsed, end.at)
    change = {"hold_id": hold.hold_id, "status": end.status, "captured": end.captured}
    journal.update(tables.holds, [{**change, "closed_at": end.at}])
    if going:
        data = {
            "member_id": hold.member_id,
            "transaction_id": entry,
            "hold_id": hold.hold_id,
            "order_id": hold.order_id,
            "points": sum(part.points for part in kept),
            "status": end.status,
        }
        journal.uow.emit(events.RELEASED, subject=hold.member_id, occurred_at=end.at, data=data)
    return repay(journal, account, kept, cause)


def taken(drawn: Iterable[Draw]) -> list[tuple[UUID, int]]:
    """Return what lots lose that give so much."""
    return [(part.lot_id, -part.points) for part in drawn]


def _redeem_held(
    journal: Journal, account: Account, captured: tuple[Hold, int], cause: Cause
) -> None:
    hold, points = captured
    entry = journal.post(account, "redeem", ledger.capture(points), [], cause)
    data = {"transaction_id": entry, "points": points, "sale_id": None, "order_id": hold.order_id}
    journal.uow.emit(
        events.REDEEMED,
        subject=account.member_id,
        occurred_at=cause.occurred_at,
        data={**data, "member_id": account.member_id},
    )


def _prolonged(going: Sequence[Draw], until: datetime) -> tuple[list[Draw], dict[UUID, UUID]]:
    """Let points that would lapse before ``until`` come home to new lots that do then (C4).

    Returns where they go, and which lot each new one comes from.
    """
    homes_now, origins = [], {}
    for part in going:
        if part.expires_at is None or part.expires_at >= until:
            homes_now.append(part)
            continue
        made = Draw(new_id(), part.points, until)
        homes_now.append(made)
        origins[made.lot_id] = part.lot_id
    return homes_now, origins


def _release(
    journal: Journal,
    account: Account,
    kept: Sequence[Draw],
    cause: Cause,
    fresh: Mapping[UUID, UUID],
) -> UUID:
    points = sum(part.points for part in kept)
    parts = [(part.lot_id, part.points) for part in kept]
    entry = journal.post(account, "release", ledger.free(points, HELD), parts, cause)
    for part in kept:
        if part.lot_id in fresh:
            made = Lot(part.lot_id, part.points, cause.occurred_at, part.expires_at)
            journal.add_lot(account, made, origin=fresh[part.lot_id])
        else:
            journal.change_lot(account, part.lot_id, part.points)
        account.note_due(part.expires_at)
    return entry


def _tell_expired(
    journal: Journal, account: Account, entry: UUID, points: int, expired_at: datetime
) -> None:
    data = {"member_id": account.member_id, "transaction_id": entry, "points": points}
    journal.uow.emit(
        events.EXPIRED,
        subject=account.member_id,
        occurred_at=expired_at,
        data={**data, "expired_at": expired_at},
    )
