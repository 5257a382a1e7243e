"""``python -m benchmarks.member_import``: members with opening balances, from a CSV, as a job.

The job runs in a process of its own, which is killed with -9 as often as asked for; what it made is
then counted, and the same file is imported again, which must change nothing. Next to it stands a
plain COPY of all rows it wrote, events included, into tables with the same indexes. Then points
hears of the members and gives them their balances.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks import cpu, opening_balances
from services.members.service import MembersService
from shared.calls import Actor, CallContext
from shared.contracts import jobs
from shared.contracts.members import rpc
from shared.contracts.method import Method
from shared.contracts.platform import of
from shared.db import Transactions, create_engine
from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from shared.ids import new_id
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_due
from shared.rpc.dispatch import dispatch
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from standalone.postgres import SUPERUSER, EmbeddedPostgres

SERVICE = "members"
MANAGER = Actor("staff", "bench", roles=("manager",))
WRITTEN = ("members", "identifiers", "imported_rows", "outbox", "event_sequences")
_LEASE_S = 6.0


@dataclass(frozen=True, slots=True)
class Run:
    """One import of the file."""

    seconds: float
    cpu_s: float
    """Of Python and PostgreSQL together."""
    peak_mb: float
    killed: int
    result: dict[str, Any]


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, _database(Path(folder)) as (url, superuser, keys):
        service, rows = _service(url, keys), options.rows
        first = _import(service, rows, url, keys, kills=options.kills)
        copy_s = _copy_seconds(superuser, Path(folder))
        again = _import(service, rows, url, keys)
        _check(service, rows, first, again)
        intake = opening_balances.measure(service.db.engine, Path(folder))
        if intake.points != first.result["points"]:
            raise RuntimeError(f"points has {intake.points}: {first.result}")
    table = Table(title=f"{rows:,} members with balances, {first.killed} kills")
    for column in ("", "seconds", "rows/s", "CPU s/1,000", "COPY s", "ratio", "MB", "again s"):
        table.add_column(column, justify="right")
    table.add_row(
        "members",
        *_rate(rows, first.seconds, first.cpu_s),
        f"{copy_s:.1f}",
        f"{copy_s / first.seconds:.2f}",
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


@contextmanager
def _database(directory: Path) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Start a PostgreSQL as durable as the platform's.

    Yields the URLs of the runtime role and of the superuser, and keys.
    """
    postgres = EmbeddedPostgres(directory / SERVICE)
    postgres.start()
    try:
        bootstrap_service(postgres.url("postgres", SUPERUSER), SERVICE)
        upgrade(SERVICE, postgres.url(database_name(SERVICE), owner_role(SERVICE)))
        superuser = postgres.url(database_name(SERVICE), SUPERUSER)
        url = postgres.url(database_name(SERVICE), database_name(SERVICE))
        yield url, superuser, (new_key(), new_key())
    finally:
        postgres.stop()


def _service(url: str, keys: tuple[str, str]) -> MembersService:
    service = MembersService()
    engine = create_engine(url, application="bench", pool_size=2)
    service.db = Transactions(engine, vault=MasterKey(keys[0]))
    service.settings = ServiceSettings(
        service=SERVICE,
        database_url=Secret(url),
        migration_url=Secret(url),
        amqp_url=Secret(""),
        master_key=Secret(keys[0]),
        lookup_key=Secret(keys[1]),
    )
    return service


def _call(service: MembersService, method: Method, payload: Any) -> Any:
    context = CallContext(str(new_id()), MANAGER).to_wire()
    handler = getattr(service, method.name)
    return dispatch(method, handler, context=context, payload=payload)["body"]


def _pieces(rows: int) -> Iterator[bytes]:
    """Yield the file, a chunk at a time."""
    piece = bytearray(b"phone,name,email,birthday,card_number,points,points_expire_on\n")
    for number in range(rows):
        piece += (
            f"+86138{number:08},Member {number},m{number}@example.com,19{number % 90 + 10}-05-17,"
            f"C{number:010},{number % 5_000 + 1},2099-12-31\n"
        ).encode()
        while len(piece) >= jobs.CHUNK_BYTES:
            yield bytes(piece[: jobs.CHUNK_BYTES])
            del piece[: jobs.CHUNK_BYTES]
    yield bytes(piece)


def _upload(service: MembersService, rows: int) -> str:
    """Send the file as the gateway does; return the job's id."""
    job_id: str = _call(service, rpc.IMPORT_MEMBERS, {"dry_run": False})["job_id"]
    digests = []
    for seq, piece in enumerate(_pieces(rows)):
        digests.append(hashlib.sha256(piece).digest())
        chunk = {"job_id": job_id, "seq": seq, "data": base64.b64encode(piece).decode()}
        _call(service, of(SERVICE, jobs.ADD_JOB_INPUT), chunk)
    end = {"job_id": job_id, "chunks": len(digests), "digest": jobs.input_digest(digests)}
    _call(service, of(SERVICE, jobs.END_JOB_INPUT), end)
    return job_id


def _work(url: str, keys: tuple[str, str]) -> None:
    service = _service(url, keys)
    run_due(service.db, steps_of(service), for_s=7_200)


def _import(
    service: MembersService, rows: int, url: str, keys: tuple[str, str], *, kills: int = 0
) -> Run:
    """Import the file, and kill who does it some times."""
    job_id = _upload(service, rows)
    before = sum(cpu.seconds())
    processes, peak_mb, seconds, killed = multiprocessing.get_context("spawn"), 0.0, 0.0, 0
    while (job := _job(service, job_id))["status"] not in ("succeeded", "failed"):
        worker = processes.Process(target=_work, args=(url, keys))
        begun = time.monotonic()
        worker.start()
        until = begun + (random.uniform(6, 10) if killed < kills else float("inf"))
        while worker.is_alive() and time.monotonic() < until:
            peak_mb = max(peak_mb, _peak_mb(worker.pid or 0))
            time.sleep(0.2)
        seconds += time.monotonic() - begun
        if worker.is_alive():
            os.kill(worker.pid or 0, signal.SIGKILL)
            killed += 1
            time.sleep(_LEASE_S)
        worker.join()
    cpu_s = sum(cpu.seconds()) - before
    return Run(seconds, cpu_s, peak_mb, killed, dict(job["result"] or {}))


def _job(service: MembersService, job_id: str) -> Any:
    with service.db.engine.connect() as connection:
        found = sa.text("SELECT status, result FROM jobs WHERE job_id = :id")
        return connection.execute(found, {"id": job_id}).mappings().one()


def _check(service: MembersService, rows: int, first: Run, again: Run) -> None:
    with service.db.engine.connect() as connection:
        made = connection.execute(sa.text("SELECT count(*) FROM members")).scalar_one()
    outcome = (made, first.result["created"], again.result["unchanged"], again.result["created"])
    if outcome != (rows, rows, rows, 0):
        raise RuntimeError(f"{outcome} of {rows}: {first.result}, {again.result}")


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(found[0]) / 1_000 if found else 0.0


def _copy_seconds(superuser: str, folder: Path) -> float:
    """Return the time of copying the same rows into tables with the same indexes."""
    engine, seconds, path = sa.create_engine(superuser), 0.0, folder / "rows.copy"
    for name in WRITTEN:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE copied (LIKE {name} INCLUDING ALL)")
            raw: Any = connection.connection.driver_connection
            with raw.cursor() as cursor, path.open("wb") as file:
                cursor.copy_expert(f"COPY {name} TO STDOUT", file)
            begun = time.monotonic()
            with raw.cursor() as cursor, path.open("rb") as file:
                cursor.copy_expert("COPY copied FROM STDIN", file)
            seconds += time.monotonic() - begun
            connection.exec_driver_sql("DROP TABLE copied")
    return seconds


if __name__ == "__main__":
    main()
