"""Alarms when a campaign's budget or total is nearly used up, each once (C6)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.dialects.postgresql import insert

from services.coupons.domain import alarms
from services.coupons.repository.usage import Taken
from services.coupons.tables import campaign_alarms
from shared.contracts.coupons import events
from shared.db import UnitOfWork

_SCOPES = {"budget": "budget", "issued": "total", "uses": "total"}


def raise_alarms(uow: UnitOfWork, taken: Iterable[Taken]) -> None:
    """Tell which limits have just been used up by 80 or 95 %; what was told stays so."""
    for each in taken:
        scope = _SCOPES.get(each.scope)
        if scope is None:
            continue
        for percent in alarms(each.before, each.after, each.limit):
            _raise(uow, each, scope, percent)


def _raise(uow: UnitOfWork, taken: Taken, scope: str, percent: int) -> None:
    key = {
        "campaign_id": taken.campaign_id,
        "scope": scope,
        "percent": percent,
        "most": taken.limit,
    }
    first = uow.connection.execute(
        insert(campaign_alarms).values(**key, raised_at=uow.now).on_conflict_do_nothing()
    )
    if first.rowcount:
        data = {**key, "used": taken.after, "limit": taken.limit}
        uow.emit(events.BUDGET_ALARM, subject=taken.campaign_id, data=data)
