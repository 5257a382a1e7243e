"""Counters of what campaigns have given away, and their limits (C6).

Only what has a limit is counted. Rows are locked in the order of their keys, by everybody, so that
two transactions never wait for each other; the counters that all shoppers share come last, so that
they are held for the shortest time.

Whoever wants one of these waits for an advisory lock just before the row: that queue is first come,
first served. Those who wait for a row that changes begin to wait anew with each change, so that in
a flash claim some would wait until their time is up (C10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from services.coupons.domain import Demand
from services.coupons.tables import SCOPES, usage
from shared.errors import Busy

Key = tuple[UUID, str, str]
"""Campaign, scope, holder."""

_RANK = {scope: rank for rank, scope in enumerate(SCOPES)}
_VALUES = (
    "unnest(CAST(:campaigns AS uuid[]), CAST(:scopes AS text[]), CAST(:holders AS text[]),"
    " CAST(:amounts AS bigint[]), CAST(:limits AS bigint[]))"
    " AS d (campaign_id, scope, holder, amount, most)"
)
_IN_TURN = (
    "d.scope NOT IN ('issued', 'uses', 'budget')"
    " OR pg_advisory_xact_lock(hashtextextended(CAST(d.campaign_id AS text) || d.scope, 1))"
    " IS NOT NULL"
)
_HOLD = sa.text(
    "INSERT INTO usage AS u (campaign_id, scope, holder, used)"  # noqa: S608 - constants only
    f" SELECT d.campaign_id, d.scope, d.holder, 0 FROM {_VALUES} WHERE {_IN_TURN}"
    " ON CONFLICT (campaign_id, scope, holder) DO UPDATE SET used = u.used"
    " RETURNING campaign_id, scope, holder, used"
)
_ADD = sa.text(
    "UPDATE usage AS u SET used = u.used + d.amount"  # noqa: S608 - constants only
    f" FROM {_VALUES}"
    " WHERE u.campaign_id = d.campaign_id AND u.scope = d.scope AND u.holder = d.holder"
    " AND u.used + d.amount BETWEEN 0 AND d.most"
    " RETURNING u.campaign_id, u.scope, u.used - d.amount AS before, u.used AS after, d.most"
)
_NO_LIMIT = 2**62


@dataclass(frozen=True, slots=True)
class Taken:
    """A counter that was added to, and what it stood at before and after."""

    campaign_id: UUID
    scope: str
    before: int
    after: int
    limit: int


def hold(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Lock the counters until the transaction's end and return what they stand at."""
    wanted = sorted(set(keys), key=lambda key: (key[0], _RANK[key[1]], key[2]))
    if not wanted:
        return {}
    rows = connection.execute(_HOLD, _arrays({key: (0, 0) for key in wanted}))
    return {(row.campaign_id, row.scope, row.holder): row.used for row in rows}


def read(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Return what the counters stand at just now, without waiting for anybody."""
    columns = sa.tuple_(usage.c.campaign_id, usage.c.scope, usage.c.holder)
    rows = connection.execute(sa.select(usage).where(columns.in_(list(keys))))
    return {(row.campaign_id, row.scope, row.holder): row.used for row in rows}


def take(connection: sa.Connection, demands: Iterable[tuple[UUID, Demand]]) -> list[Taken]:
    """Add to counters that `hold` has locked, none beyond its limit; returns how they moved.

    Raises:
        Busy: a counter would pass its limit, which `hold` and the rules should have ruled out.
    """
    sums: dict[Key, tuple[int, int]] = {}
    for campaign_id, demand in demands:
        key = (campaign_id, demand.scope, demand.holder)
        sums[key] = (sums.get(key, (0, 0))[0] + demand.amount, demand.limit)
    return _add(connection, sums)


def give_back(connection: sa.Connection, demands: Iterable[tuple[UUID, Demand]]) -> None:
    """Take from the counters what uses that are undone had added."""
    sums: dict[Key, int] = {}
    for campaign_id, demand in demands:
        key = (campaign_id, demand.scope, demand.holder)
        sums[key] = sums.get(key, 0) + demand.amount
    hold(connection, sums)
    _add(connection, {key: (-amount, _NO_LIMIT) for key, amount in sums.items()})


def _add(connection: sa.Connection, sums: Mapping[Key, tuple[int, int]]) -> list[Taken]:
    if not sums:
        return []
    rows = connection.execute(_ADD, _arrays(sums)).all()
    if len(rows) != len(sums):
        raise Busy
    return [Taken(*row) for row in rows]


def _arrays(sums: Mapping[Key, tuple[int, int]]) -> dict[str, list[object]]:
    return {
        "campaigns": [str(key[0]) for key in sums],
        "scopes": [key[1] for key in sums],
        "holders": [key[2] for key in sums],
        "amounts": [amount for amount, _ in sums.values()],
        "limits": [most for _, most in sums.values()],
    }
