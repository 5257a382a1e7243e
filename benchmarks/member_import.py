"""``python -m benchmarks.member_import``: members with opening balances, from a CSV, as a job.

The job runs in a process of its own, which is killed with -9 as often as asked for; what it made is
then counted, and the same file is imported again, which must change nothing. Next to it stands a
plain COPY of all rows it wrote, events included, into tables with the same indexes. Then points
hears of the members and gives them their balances.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import opening_balances
from benchmarks.jobs import Bench, Run, bench, copied, in_chunks, run_job, upload
from services.members.service import MembersService
from shared.calls import Actor
from shared.contracts.members import rpc

MANAGER = Actor("staff", "bench", roles=("manager",))
WRITTEN = ("members", "identifiers", "imported_rows", "outbox", "event_sequences")


def main() -> None:
    """Measure and print."""
    options = _options()
    rows = options.rows
    with (
        tempfile.TemporaryDirectory() as name,
        bench(MembersService, folder := Path(name), MANAGER) as on,
    ):
        first = _import(on, rows, kills=options.kills)
        plain = copied(on, folder, WRITTEN)
        again = _import(on, rows)
        _check(on, rows, first, again)
        intake = opening_balances.measure(on.service.db.engine, folder)
        if intake.points != first.result["points"]:
            raise RuntimeError(f"points has {intake.points}: {first.result}")
    table = Table(title=f"{rows:,} members with balances, {first.killed} kills")
    for column in ("", "seconds", "rows/s", "CPU s/1,000", "COPY s", "ratio", "MB", "again s"):
        table.add_column(column, justify="right")
    table.add_row(
        "members",
        *_rate(rows, first.seconds, first.python_cpu_s + first.postgres_cpu_s),
        f"{plain.seconds:.1f}",
        f"{plain.seconds / first.seconds:.2f}",
        f"{first.peak_mb:.0f}",
        f"{again.seconds:.1f}",
    )
    rate = _rate(rows, intake.seconds, intake.cpu_s)
    table.add_row("points", *rate, "", "", "", f"{intake.again_s:.1f}")
    Console(width=100).print(table)


def _rate(rows: int, seconds: float, cpu_s: float) -> tuple[str, str, str]:
    return f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{cpu_s / rows * 1_000:.2f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.member_import", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=2, help="with -9, of the process at work")
    return parser.parse_args()


def _lines(rows: int) -> Iterator[str]:
    yield "phone,name,email,birthday,card_number,points,points_expire_on\n"
    for number in range(rows):
        yield (
            f"+86138{number:08},Member {number},m{number}@example.com,19{number % 90 + 10}-05-17,"
            f"C{number:010},{number % 5_000 + 1},2099-12-31\n"
        )


def _import(on: Bench, rows: int, *, kills: int = 0) -> Run:
    """Import the file, and kill who does it some times."""
    job_id: str = on.call(rpc.IMPORT_MEMBERS, {"dry_run": False})["body"]["job_id"]
    upload(on, job_id, in_chunks(_lines(rows)))
    return run_job(on, job_id, kills=kills)


def _check(on: Bench, rows: int, first: Run, again: Run) -> None:
    ((made,),) = on.query("SELECT count(*) FROM members")
    outcome = (made, first.result["created"], again.result["unchanged"], again.result["created"])
    if outcome != (rows, rows, rows, 0):
        raise RuntimeError(f"{outcome} of {rows}: {first.result}, {again.result}")


if __name__ == "__main__":
    main()
