"""What rules with caps have given: exact counts, whoever counts at the same time (E2)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain.rules import Counter
from services.points.repository.bulk import LostRace

_TEXTS = sa.dialects.postgresql.ARRAY(sa.Text)

# Rows are locked in one order, so that nobody waits for one another; a count that would pass its
# limit is not written, and the transaction starts over with what others have left.
_COUNT = sa.text("""
INSERT INTO rule_usage AS known (holder, rule_id, period, used)
SELECT holder, rule_id, period, points
FROM unnest(
    CAST(:holders AS text[]), CAST(:rules AS text[]), CAST(:periods AS text[]),
    CAST(:points AS bigint[]), CAST(:limits AS bigint[])
) AS more(holder, rule_id, period, points, most)
WHERE points <= most
ORDER BY holder, rule_id, period
ON CONFLICT (holder, rule_id, period) DO UPDATE SET used = known.used + excluded.used
WHERE known.used + excluded.used <= (
    SELECT most FROM unnest(
        CAST(:holders AS text[]), CAST(:rules AS text[]), CAST(:periods AS text[]),
        CAST(:limits AS bigint[])
    ) AS l(holder, rule_id, period, most)
    WHERE (l.holder, l.rule_id, l.period) = (known.holder, known.rule_id, known.period)
)
""")
# What counts for a member counts for who it was merged into, too (M3), as long as it is that one.
_TAKE_BACK = """, counted AS (
    SELECT holder, rule_id, period, points FROM given
    UNION ALL
    SELECT later.holder, given.rule_id, given.period, given.points
    FROM given CROSS JOIN unnest(CAST(:became AS text[])) AS later (holder)
    WHERE given.holder = :member
), locked AS (
    SELECT u.holder, u.rule_id, u.period, counted.points
    FROM rule_usage u JOIN counted USING (holder, rule_id, period)
    ORDER BY u.holder, u.rule_id, u.period FOR UPDATE OF u
)
UPDATE rule_usage u SET used = greatest(u.used - locked.points, 0) FROM locked
WHERE (u.holder, u.rule_id, u.period) = (locked.holder, locked.rule_id, locked.period)
"""
_OF_A_SALE = """WITH given AS (
    UPDATE sale_usage SET is_returned = true
    WHERE sale_id = :sale_id AND NOT is_returned AND (:all_rules OR rule_id = ANY(:rules))
    RETURNING holder, rule_id, period, points
)"""
_OF_AN_ORDER = """WITH given AS (
    SELECT * FROM unnest(
        CAST(:holders AS text[]), CAST(:rules AS text[]), CAST(:periods AS text[]),
        CAST(:points AS bigint[])
    ) AS g(holder, rule_id, period, points)
)"""
_GIVE_BACK, _UNCOUNT = (sa.text(given + _TAKE_BACK) for given in (_OF_A_SALE, _OF_AN_ORDER))


@dataclass(slots=True)
class Tally:
    """The counts that one transaction looks at, and what it adds to them."""

    connection: sa.Connection
    _used: dict[Counter, int] = field(default_factory=dict)
    _added: dict[Counter, int] = field(default_factory=dict)
    _limits: dict[Counter, int] = field(default_factory=dict)

    @property
    def used(self) -> Mapping[Counter, int]:
        """Return what has been given, this transaction's part included."""
        return self._used

    def start_from(self, used: Mapping[Counter, int]) -> None:
        """Begin with counts that are none of the database's, as a simulation does."""
        self._used = dict(used)

    def of(self, holders: Collection[str]) -> dict[Counter, int]:
        """Return the counts of some holders."""
        return {each: used for each, used in self._used.items() if each.holder in holders}

    def read(self, counters: Collection[Counter]) -> None:
        """Look up counts.

        Those of a member stand still, since its account is locked. Those of everybody may move on
        meanwhile: `write` notices when it matters.
        """
        if not counters:
            return
        usage = tables.rule_usage
        wanted = sorted(counters)
        keys = sa.select(
            sa.func.unnest(sa.literal([c.holder for c in wanted], _TEXTS)),
            sa.func.unnest(sa.literal([c.rule_id for c in wanted], _TEXTS)),
            sa.func.unnest(sa.literal([c.period for c in wanted], _TEXTS)),
        )
        columns = sa.tuple_(usage.c.holder, usage.c.rule_id, usage.c.period)
        for row in self.connection.execute(sa.select(usage).where(columns.in_(keys))):
            self._used[Counter(row.rule_id, row.holder, row.period)] = row.used

    def add(self, counter: Counter, points: int, limit: int) -> None:
        """Count points that a rule gives now."""
        self._used[counter] = self._used.get(counter, 0) + points
        self._added[counter] = self._added.get(counter, 0) + points
        self._limits[counter] = limit

    def write(self) -> None:
        """Write what was added, as late as can be: everybody's counts are locked from here on.

        Raises:
            LostRace: others have used up meanwhile what was still free.
        """
        if not self._added:
            return
        counters = sorted(self._added)
        written = self.connection.execute(
            _COUNT,
            {
                "holders": [counter.holder for counter in counters],
                "rules": [counter.rule_id for counter in counters],
                "periods": [counter.period for counter in counters],
                "points": [self._added[counter] for counter in counters],
                "limits": [self._limits[counter] for counter in counters],
            },
        )
        if written.rowcount != len(counters):
            raise LostRace(str(_COUNT), "a cap was used up meanwhile")


def purge(connection: sa.Connection, before: date, limit: int) -> int:
    """Delete counts of days and months that ended before the month of ``before``.

    No sale or activity comes as late as that, and what is given back to them is no longer missed.
    """
    usage, month = tables.rule_usage, before.isoformat()[:7]
    old = (
        sa.select(usage.c.holder, usage.c.rule_id, usage.c.period)
        .where(usage.c.period != "", usage.c.period < month)
        .limit(limit)
    )
    key = sa.tuple_(usage.c.holder, usage.c.rule_id, usage.c.period)
    return connection.execute(sa.delete(usage).where(key.in_(old))).rowcount


def give_back(
    connection: sa.Connection,
    sale_id: str,
    rule_ids: Iterable[str],
    *,
    way: Sequence[UUID],
    everything: bool,
) -> None:
    """Uncount what a sale counted, once: by some rules, or all of it.

    ``way`` is the sale's member, whom it was merged into, and so on.
    """
    chosen: Sequence[Any] = sorted(set(rule_ids))
    connection.execute(
        _GIVE_BACK,
        {"sale_id": sale_id, "rules": list(chosen), "all_rules": everything, **_holders(way)},
    )


def uncount(
    connection: sa.Connection, counted: Collection[tuple[Counter, int]], *, way: Sequence[UUID]
) -> None:
    """Take back what was counted for an order that will not become a sale; as `give_back`."""
    if not counted:
        return
    rows = list(counted)
    connection.execute(
        _UNCOUNT,
        {
            "holders": [counter.holder for counter, _ in rows],
            "rules": [counter.rule_id for counter, _ in rows],
            "periods": [counter.period for counter, _ in rows],
            "points": [points for _, points in rows],
            **_holders(way),
        },
    )


def _holders(way: Sequence[UUID]) -> dict[str, Any]:
    member, *became = map(str, way) if way else [""]
    return {"member": member, "became": became}
