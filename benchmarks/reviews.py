"""Measures how many tier reviews a second the due work does.

    python -m benchmarks.reviews --members 100000

Fills a throw-away database with members in equal shares at each tier, some sales each, lets all
reviews be due at once, and times the slices of the service's own use case; then the same for the
end of grace. Beside them somebody reads members' tiers, one after the other. No test asserts a
time: what is quoted are rates next to that of one plain UPDATE of as many of the same rows, and the
reads next to reads when nothing else is done.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.tiers import queries, use_cases
from shared.calls import CallContext
from shared.clock import ManualClock
from shared.contracts.tiers import rpc as contract
from shared.db import Call, Transactions, create_engine
from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from standalone.postgres import EmbeddedPostgres

ZONE = ZoneInfo("Asia/Shanghai")
BEGAN = datetime(2026, 3, 1, 4, tzinfo=UTC)
REVIEW = datetime(2027, 3, 1, 16, tzinfo=UTC)
READ_EVERY_S = 0.02
_FILL = """
INSERT INTO tier_states (member_id, tier, rank, source, since, told_from, review_on,
    programme_version, earned_rank, earned_since, judged_at, began_at, enrolled, notified, due_at)
SELECT gen_random_uuid(), l.code, l.rank, 'earned', :began, :began, '2027-03-01', 1, l.rank, :began,
    :began, :began, true, 2, :review
FROM generate_series(1, :members) AS n JOIN tier_levels l ON l.version = 1 AND l.rank = n % 4;
INSERT INTO contributions (sale_id, member_id, occurred_at, payable_minor, refunded_minor)
SELECT s.member_id || '-' || k, s.member_id, :began + make_interval(days => k * 30), 30000, 0
FROM tier_states s CROSS JOIN generate_series(1, :sales) AS k;
ANALYZE;
"""
_PLAIN = "UPDATE tier_states SET due_at = due_at + interval '1 second'"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--sales", type=int, default=8, help="of each member")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="loyalty-bench-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home / "postgres", durable=True)
    try:
        server.start()
        measure(server, options.members, options.sales)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def measure(server: EmbeddedPostgres, members: int, sales: int) -> None:
    """Fill the database and time each kind of due work."""
    bootstrap_service(server.url(), "tiers")
    name = database_name("tiers")
    upgrade("tiers", server.url(name, owner_role("tiers")))
    admin = sa.create_engine(server.url(name), poolclass=sa.NullPool)
    with admin.begin() as connection:
        values = {"began": BEGAN, "review": REVIEW, "members": members, "sales": sales}
        for statement in _FILL.split(";\n"):
            if statement.strip():
                connection.execute(sa.text(statement), values)
    clock = ManualClock(REVIEW)
    db = Transactions(create_engine(server.url(name, name), application="bench"), clock)
    with Reads(db) as reads:
        time.sleep(5)
    print(f"reads alone: {reads}")
    rates = {}
    for label, at in (("reviews", REVIEW), ("ends of grace", REVIEW + timedelta(days=30))):
        clock.move_to(at)
        with Reads(db) as reads:
            count, seconds = timed(lambda: use_cases_review(db))
        report(label, count, seconds)
        print(f"reads beside: {reads}")
        rates[label] = count / seconds
    with admin.begin() as connection:
        count, seconds = timed(lambda: connection.execute(sa.text(_PLAIN)).rowcount)
    report("a plain UPDATE", count, seconds)
    for label, rate in rates.items():
        print(f"{label}: {rate * seconds / count:.2f} of a plain UPDATE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process: {peak} MB")


class Reads:
    """Reads of members' tiers, some 50 a second, until it is left; as text, how long they took.

    They run in a process of their own, so that they wait for the database only.
    """

    def __init__(self, db: Transactions) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready, self._stop, self._took = context.Event(), context.Event(), context.Queue()
        url = db.engine.url.render_as_string(hide_password=False)
        arguments = (url, db.clock.now(), self._ready, self._stop, self._took)
        self._process = context.Process(target=_read, args=arguments, daemon=True)
        self._text = "none"

    def __enter__(self) -> Reads:
        """Begin to read."""
        self._process.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """End with the read under way."""
        self._stop.set()
        took = self._took.get()
        self._process.join()
        if took:
            middle, high = took[len(took) // 2], took[int(0.99 * (len(took) - 1))]
            self._text = (
                f"{len(took)}, median {middle:.1f} ms, p99 {high:.1f} ms, longest {took[-1]:.0f} ms"
            )

    def __str__(self) -> str:
        """Return median, 99th percentile and maximum."""
        return self._text


def _read(url: str, now: datetime, ready: Event, stop: Event, took: Queue[list[float]]) -> None:
    db = Transactions(create_engine(url, application="reads"), ManualClock(now))
    with db.engine.connect() as connection:
        some = sa.text("SELECT member_id FROM tier_states TABLESAMPLE SYSTEM (5) LIMIT 1000")
        members = connection.execute(some).scalars().all()
    call = Call(CallContext("bench"), contract.MEMBER_TIER)
    times: list[float] = []
    for member_id in cycle(members):
        began = time.perf_counter()
        db.read(call, queries.member_tier, time_zone=ZONE, member_id=member_id, enrolled_at=None)
        if ready.is_set():  # the first one connects
            times.append((time.perf_counter() - began) * 1000)
        ready.set()
        if stop.wait(READ_EVERY_S):
            break
    took.put(sorted(times))


def use_cases_review(db: Transactions) -> int:
    """Do all that is due, batch by batch; return how many members that were."""
    total = 0
    while done := db.run(use_cases.review, time_zone=ZONE):
        total += done
    return total


def timed(work: Callable[[], int]) -> tuple[int, float]:
    """Return what ``work()`` counted, and the seconds it took."""
    began = time.perf_counter()
    count = work()
    return count, time.perf_counter() - began


def report(label: str, count: int, seconds: float) -> None:
    """Print a rate."""
    print(f"{label}: {count} in {seconds:.1f} s, {count / max(seconds, 1e-9):.0f}/s", flush=True)


if __name__ == "__main__":
    main()
