"""Changes of how long points last (L12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.points.domain.expiry import ExpiryChange
from services.points.domain.programme import LotTerms, Programme
from services.points.repository import accounts, expiry_terms
from shared.db import UnitOfWork
from shared.ids import new_id

ACCOUNTS_AT_ONCE = 500


def announce_expiry_change(
    uow: UnitOfWork,
    *,
    programme: Programme,
    months: int,
    round_to: str,
    effective_from: datetime,
    force: bool,
    reason: str | None,
) -> Mapping[str, Any]:
    """Let points earned from an instant on last for another time.

    Points earned before keep the later of both expiries: `extend_lots` sees to those that exist,
    and awards to those that are still to be reported.

    Raises:
        LoyaltyError: one of the refusals of `ExpiryHistory.judge`.
    """
    history = expiry_terms.lock_history(uow.connection, programme)
    # "From now on" has passed by the time it is read.
    if uow.now - programme.future_tolerance <= effective_from < uow.now:
        effective_from = uow.now
    change = ExpiryChange(LotTerms(months, round_to), effective_from)
    shortens = history.judge(change, uow.now, force=force, reason=reason)
    previous = history.terms_at(effective_from)
    row = {
        "change_id": new_id(),
        "months": months,
        "round_to": round_to,
        "effective_from": effective_from,
        "previous_months": previous.months,
        "previous_round_to": previous.round_to,
        "shortens": shortens,
        "force": force,
        "reason": reason,
        "announced_at": uow.now,
        "announced_by": uow.actor.key,
        "request_id": uow.context.request_id,
    }
    periods = [
        {"change_id": row["change_id"], **asdict(period)} for period in history.periods(change)
    ]
    expiry_terms.announce(uow.connection, row, periods)
    uow.audit(
        "expiry.change",
        ("expiry_change", row["change_id"]),
        before=asdict(previous),
        after={**asdict(change.terms), "effective_from": effective_from, "force": force},
        reason=reason,
    )
    return {
        **row,
        "previous": asdict(previous),
        "existing_lots": {"extended": 0, "finished_at": None},
    }


def extend_lots(uow: UnitOfWork) -> int:
    """Bring the lots of some more accounts up to a change; return 0 when there is nothing to do.

    Each slice holds the locks of its accounts only, and the next goes on where it ended, whoever
    died in between.
    """
    current = expiry_terms.lock_pass(uow.connection)
    if current is None:
        return 0
    members = accounts.lock_next(uow.connection, current.after_member_id, ACCOUNTS_AT_ONCE)
    extended = expiry_terms.extend(
        uow.connection, current.change_id, current.effective_from, members
    )
    is_last = len(members) < ACCOUNTS_AT_ONCE
    expiry_terms.advance(
        uow.connection,
        current.change_id,
        extended=extended,
        after=members[-1] if members else None,
        finished_at=uow.now if is_last else None,
    )
    return max(len(members), 1)
