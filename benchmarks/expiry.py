"""``python -m benchmarks.expiry``: lots a second of the sweep, next to the same rows in bulk.

Half of the lots lapse by the service's sweep, slice by slice, and half by one such slice of them
all: what PostgreSQL can do when nobody has to be let in between. What is quoted is the ratio. In
a second run sales of members whose points lapse are recorded meanwhile. Their times are shown next
to those of the same sales without a sweep, and how long its longest slice had accounts locked: no
sale waits longer for it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.ceiling import points_database, points_service
from benchmarks.growth import Size, award, fill, member_id
from services.points.repository import lapses
from services.points.service import PointsService
from shared.clock import ManualClock, SystemClock
from shared.db import UnitOfWork, create_engine
from shared.startup import set_aside

AFTER_ALL = timedelta(days=500)
ALONE_S = 5
_LATER = sa.text("UPDATE accounts SET next_lapse_at = NULL WHERE member_id >= :first")
_DUE = sa.text(
    "UPDATE accounts SET next_lapse_at = now() WHERE member_id >= :first AND member_id < :last"
)


def main() -> None:
    """Measure and print."""
    options = _options()
    third = options.members // 3
    with tempfile.TemporaryDirectory() as folder, points_database(Path(folder)) as database:
        fill(database, Size(third * 3, options.lots_each), long_history=0)
        engine = create_engine(database.url)
        slices = Slices(engine)
        set_aside()  # as its process does
        service = points_service(engine, database.url)
        service.db = replace(service.db, clock=ManualClock(SystemClock().now() + AFTER_ALL))
        lots = third * options.lots_each
        _make_due(engine, 0, third)
        swept = _rate(service.expire_lots, lots)
        _make_due(engine, third, 2 * third)
        # On a connection of its own: for so many members PostgreSQL has to plan otherwise.
        engine.dispose()
        bulk = _rate(lambda: service.db.run(_expire_at_once), lots)
        engine.dispose()
        with Sales(service, range(2 * third, 3 * third)) as alone:
            time.sleep(ALONE_S)
        _make_due(engine, 2 * third, 3 * third)
        slices.took_ms.clear()
        with Sales(service, range(2 * third, 3 * third)) as sales:
            beside = _rate(service.expire_lots, lots)
        engine.dispose()
    table = Table(title=f"{lots:,} lots of {third:,} members each")
    for column in ("", "lots/s", "ratio"):
        table.add_column(column, justify="right")
    for name, rate in (("at once", bulk), ("sweep", swept), ("sweep beside sales", beside)):
        table.add_row(name, f"{rate:,.0f}", f"{rate / bulk:.2f}")
    console = Console()
    console.print(table)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.print(f"slices beside sales: {_spread(slices.took_ms)}")
    console.print(f"sales without a sweep: {alone}")
    console.print(f"sales beside it: {sales}; largest size of this process: {peak_mb} MB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.expiry", description=__doc__)
    parser.add_argument("--members", type=int, default=150_000, help="a third for each run")
    parser.add_argument("--lots-each", type=int, default=4, help="lots that each of them has")
    return parser.parse_args()


def _make_due(engine: sa.Engine, first: int, last: int) -> None:
    """Let the points of some members lapse next, and of those after them later."""
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        connection.execute(_LATER, {"first": member_id(last)})
        connection.execute(_DUE, {"first": member_id(first), "last": member_id(last)})


def _expire_at_once(uow: UnitOfWork) -> int:
    uow.connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    everybody = 10**9
    found = lapses.lock(uow.connection, uow.now, accounts=everybody, lots=everybody)
    return lapses.expire(uow, found)


def _rate(work: Callable[[], object], lots: int) -> float:
    """Return lots a second."""
    begun = time.perf_counter()
    work()
    return lots / (time.perf_counter() - begun)


def _spread(took_ms: Iterable[float]) -> str:
    """Return number, median, 99th percentile and maximum."""
    took = sorted(took_ms)
    if not took:
        return "none"
    middle, high = took[len(took) // 2], took[int(0.99 * (len(took) - 1))]
    return f"{len(took)}, median {middle:.0f} ms, p99 {high:.0f} ms, longest {took[-1]:.0f} ms"


class Slices:
    """How long slices of the sweep kept accounts locked: from the locking to after the commit."""

    _BEGUN = "sweep_begun"

    def __init__(self, engine: sa.Engine) -> None:
        self.took_ms: list[float] = []
        sa.event.listen(engine, "after_cursor_execute", self._note)
        sa.event.listen(engine, "checkin", self._end)

    def _note(self, connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "SKIP LOCKED" in statement:
            connection.info[self._BEGUN] = time.perf_counter()

    def _end(self, _connection: Any, record: Any) -> None:
        begun = record.info.pop(self._BEGUN, None)
        if begun is not None:
            self.took_ms.append((time.perf_counter() - begun) * 1000)


class Sales:
    """Sales of some members, one after the other, until it is left; as text, how long they took."""

    def __init__(self, service: PointsService, members: range) -> None:
        self._service = service
        self._members = members
        self._stop = threading.Event()
        self._took_ms: list[float] = []
        self._thread = threading.Thread(target=self._sell)

    def __enter__(self) -> Sales:
        """Begin to sell."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End with the sale under way."""
        self._stop.set()
        self._thread.join()

    def __str__(self) -> str:
        """Return median, 99th percentile and maximum."""
        return _spread(self._took_ms)

    def _sell(self) -> None:
        place = 0
        while not self._stop.is_set():
            place = (place + 7_919) % len(self._members)
            begun = time.perf_counter()
            award(self._service, member_id(self._members[place]))
            self._took_ms.append((time.perf_counter() - begun) * 1000)


if __name__ == "__main__":
    main()
