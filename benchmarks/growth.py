"""``python -m benchmarks.growth``: what balance, award and statement cost as the journal grows.

Two ledgers are made by plain SQL, a small and a large one, each with its own PostgreSQL. Then the
same calls are made of the points service on both in turn, about members drawn at random, and what
is quoted is the ratio of the medians. The last figure compares the pages of two members of the
large ledger: one with a short history, and one whose history is a thousand times as long.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.ceiling import PREFIX, Database, points_database, points_service
from services.points.service import PointsService
from shared.calls import Actor, CallContext, Idempotency
from shared.clock import rfc3339
from shared.contracts.method import Method
from shared.contracts.points import rpc
from shared.db import create_engine
from shared.rpc.dispatch import dispatch

TILL = Actor("terminal", "t-1", store_id="s-1")
LONG_HISTORY = 10_000
"""Entries of the one member whose history is long."""
PAGE = 10
"""As many entries as members have unless told otherwise, so that all pages are alike."""
_SLICE = 50_000
"""Members made by one statement."""

_FILL = sa.text("""
WITH m AS (
    SELECT (CAST(:prefix AS text) || lpad(n::text, 12, '0'))::uuid AS member_id, n
    FROM generate_series(CAST(:first AS bigint), :last) n
), a AS (
    INSERT INTO accounts (member_id, available, earned, last_number, next_lapse_at)
    SELECT member_id, 55 * :entries, 55 * :entries, :entries, now() + interval '300 days' FROM m
), p AS (
    INSERT INTO members (member_id, status, sequence) SELECT member_id, 'active', 1 FROM m
), s AS (
    INSERT INTO event_sequences (subject, last) SELECT member_id::text, :entries FROM m
), e AS MATERIALIZED (
    SELECT member_id, number, gen_random_uuid() AS lot_id, n || '-' || number AS sale_id,
        now() - (:entries - number) * interval '10 minutes' AS at
    FROM m CROSS JOIN generate_series(1, :entries) number
), t AS (
    INSERT INTO transactions (member_id, number, transaction_id, type, reference_kind,
        reference_id, line_id, rule, points, balance_after, occurred_at, posted_at, actor,
        request_id)
    SELECT member_id, number, gen_random_uuid(), 'earn', 'sale', sale_id, '', 'base@1', 55,
        55 * number, at, at, 'terminal:t-1', 'benchmark' FROM e
), l AS (
    INSERT INTO lots (member_id, lot_id, points, remaining, activated_at, expires_at, number,
        sale_id, earned_at)
    SELECT member_id, lot_id, 55, 55, at, date_trunc('month', at) + interval '13 months', number,
        sale_id, at FROM e
), x AS (
    INSERT INTO lot_entries (member_id, number, seq, lot_id, points)
    SELECT member_id, number, 0, lot_id, 55 FROM e
)
INSERT INTO postings (member_id, number, seq, debit, credit, points)
SELECT member_id, number, 0, 'issued', 'available', 55 FROM e
""")


Turn = tuple[PointsService, str]
"""A call of a service, about a member."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a ledger is."""

    members: int
    entries: int
    """Of each member; one posting each."""

    def __str__(self) -> str:
        return f"{self.members * self.entries:,} postings, {self.members:,} members"


def main() -> None:
    """Measure and print."""
    options = _options()
    sizes = [Size(number, options.entries) for number in (options.small_members, options.members)]
    with ExitStack() as stack:
        services = [stack.enter_context(_ledger(size)) for size in sizes]
        found = _measure(services, sizes, options.calls)
    table = Table(title=f"medians of {options.calls} calls, milliseconds")
    for column in ("call", *map(str, sizes), "ratio"):
        table.add_column(column, justify="right")
    for name, (before, after) in found.items():
        table.add_row(name, f"{before:.2f}", f"{after:.2f}", f"{after / before:.2f}")
    Console().print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000, help="of the large ledger")
    parser.add_argument("--small-members", type=int, default=1_000, help="of the small one")
    parser.add_argument("--entries", type=int, default=10, help="of each member")
    parser.add_argument("--calls", type=int, default=500, help="of each kind")
    return parser.parse_args()


@contextmanager
def _ledger(size: Size) -> Iterator[PointsService]:
    """Make a ledger of that size; yield the service on it."""
    with tempfile.TemporaryDirectory() as folder, points_database(Path(folder)) as database:
        fill(database, size, long_history=LONG_HISTORY)
        engine = create_engine(database.url)
        yield points_service(engine, database.url)
        engine.dispose()


def _measure(
    services: Sequence[PointsService], sizes: Sequence[Size], calls: int
) -> dict[str, tuple[float, float]]:
    """Return the median milliseconds of each call on both ledgers.

    The calls take turns, so that whatever else the machine does slows both alike.
    """
    drawn = random.Random(1)
    members = [
        (member_id(drawn.randrange(small.members)), member_id(drawn.randrange(large.members)))
        for small, large in [tuple(sizes)] * calls
    ]
    found = {
        name: _medians([((services[0], one), (services[1], two)) for one, two in members], call)
        for name, call in (("balance", _balance), ("award", award), ("statement page", _page))
    }
    large, long = services[1], member_id(sizes[1].members)
    found[f"page, of {LONG_HISTORY:,} entries on the right"] = _medians(
        [((large, one), (large, long)) for _, one in members], _page
    )
    return found


def member_id(number: int) -> str:
    """Return the id of a member of the ledger."""
    return f"{PREFIX}{number:012d}"


def fill(database: Database, size: Size, *, long_history: int) -> None:
    """Make members, and one more with a long history; foreign keys are true by construction."""
    engine = sa.create_engine(database.admin_url)
    with engine.begin() as connection:
        connection.execute(sa.text("SET session_replication_role = replica"))
        for first in range(0, size.members, _SLICE):
            last = min(first + _SLICE, size.members) - 1
            values = {"prefix": PREFIX, "first": first, "last": last, "entries": size.entries}
            connection.execute(_FILL, values)
        if long_history:
            one = {"first": size.members, "last": size.members, "entries": long_history}
            connection.execute(_FILL, {"prefix": PREFIX, **one})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
        connection.execute(sa.text("CHECKPOINT"))
    engine.dispose()


def _medians(
    turns: Sequence[tuple[Turn, Turn]], call: Callable[[PointsService, str], object]
) -> tuple[float, float]:
    """Return the median milliseconds of either side, once the first tenth has warmed them up."""
    took: tuple[list[float], list[float]] = ([], [])
    for turn in turns:
        for side, (service, member) in zip(took, turn, strict=True):
            begun = time.perf_counter()
            call(service, member)
            side.append((time.perf_counter() - begun) * 1000)
    warm = len(turns) // 10
    return statistics.median(took[0][warm:]), statistics.median(took[1][warm:])


def _balance(service: PointsService, member: str) -> None:
    _call(rpc.BALANCE, service.balance, {"member_id": member})


def _page(service: PointsService, member: str) -> None:
    _call(rpc.TRANSACTIONS, service.transactions, {"member_id": member, "limit": PAGE})


def award(service: PointsService, member: str) -> None:
    """Record a sale of a member as of now."""
    sale = {
        "sale_id": str(uuid4()),
        "member_id": member,
        "occurred_at": rfc3339(service.db.clock.now()),
        "currency": "CNY",
        "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 5_500}],
    }
    _call(rpc.RECORD_SALE, service.record_sale, sale, Idempotency(str(uuid4()), "sale", "f" * 64))


def _call(
    method: Method,
    handler: Callable[..., Any],
    payload: dict[str, Any],
    key: Idempotency | None = None,
) -> None:
    context = CallContext(str(uuid4()), TILL, key)
    answer = dispatch(method, handler, context=context.to_wire(), payload=payload)
    if "error" in answer:
        raise RuntimeError(f"{method.name} was refused: {answer['error']}")


if __name__ == "__main__":
    main()
