"""Long work of one service, measured: in a process of its own that is killed, and beside a COPY."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import cpu
from shared.calls import Actor, CallContext
from shared.contracts import jobs
from shared.contracts.method import Method
from shared.contracts.platform import of
from shared.db import Transactions, create_engine
from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from shared.ids import new_id
from shared.jobs.kinds import steps_of
from shared.jobs.repository import LEASE_S
from shared.jobs.runner import run_due
from shared.rpc.dispatch import dispatch
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from standalone.postgres import SUPERUSER, EmbeddedPostgres

_LOOK_EVERY_S = 0.2
_WORKS_FOR_S = 7_200.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A service on a fresh PostgreSQL that is as durable as the platform's."""

    kind: Any
    """Its nameko class."""
    url: str
    superuser_url: str
    keys: tuple[str, str]
    """Master and lookup key."""
    service: Any
    actor: Actor

    def call(self, method: Method, payload: Any, actor: Actor | None = None) -> Any:
        """Return the answer of an RPC as the wire has it: a body or an error."""
        context = CallContext(str(new_id()), actor or self.actor).to_wire()
        handler = getattr(self.service, method.name)
        return dispatch(method, handler, context=context, payload=payload)

    def query(self, statement: str, **values: object) -> list[Any]:
        """Return the rows of a statement."""
        with self.service.db.engine.connect() as connection:
            return list(connection.execute(sa.text(statement), values))


@dataclass(frozen=True, slots=True)
class Run:
    """One job, done."""

    seconds: float
    """While a process was at work on it, starts included."""
    python_cpu_s: float
    postgres_cpu_s: float
    peak_mb: float
    """Of the process at work, in 10^6 bytes."""
    killed: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Copied:
    """The same rows, taken in by a plain COPY."""

    seconds: float
    cpu_s: float
    """Of PostgreSQL."""


@contextmanager
def bench(kind: Any, folder: Path, actor: Actor, *, pool_size: int = 2) -> Iterator[Bench]:
    """Start a PostgreSQL and one service on it."""
    name = kind.name
    postgres = EmbeddedPostgres(folder / name)
    postgres.start()
    try:
        bootstrap_service(postgres.url("postgres", SUPERUSER), name)
        upgrade(name, postgres.url(database_name(name), owner_role(name)))
        superuser_url = postgres.url(database_name(name), SUPERUSER)
        url, keys = postgres.url(database_name(name), database_name(name)), (new_key(), new_key())
        service = _service(kind, url, keys, pool_size)
        yield Bench(kind, url, superuser_url, keys, service, actor)
        service.db.engine.dispose()
    finally:
        postgres.stop()


def upload(on: Bench, job_id: str, pieces: Iterable[bytes]) -> None:
    """Send a job its file as the gateway does."""
    digests = []
    for seq, piece in enumerate(pieces):
        digests.append(hashlib.sha256(piece).digest())
        chunk = {"job_id": job_id, "seq": seq, "data": base64.b64encode(piece).decode()}
        on.call(of(on.kind.name, jobs.ADD_JOB_INPUT), chunk)
    end = {"job_id": job_id, "chunks": len(digests), "digest": jobs.input_digest(digests)}
    on.call(of(on.kind.name, jobs.END_JOB_INPUT), end)


def in_chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield a file, a chunk at a time."""
    piece = bytearray()
    for line in lines:
        piece += line.encode()
        while len(piece) >= jobs.CHUNK_BYTES:
            yield bytes(piece[: jobs.CHUNK_BYTES])
            del piece[: jobs.CHUNK_BYTES]
    yield bytes(piece)


def run_job(on: Bench, job_id: str, *, kills: int = 0) -> Run:
    """Do a job in a process of its own, which is killed with -9 so many times.

    Raises:
        RuntimeError: the job failed.
    """
    processes = multiprocessing.get_context("spawn")
    seconds, peak_mb, killed, before = 0.0, 0.0, 0, cpu.seconds()
    while (job := _job(on, job_id)).status in ("queued", "running"):
        worker = processes.Process(target=_work, args=(on.kind, on.url, on.keys))
        begun = time.monotonic()
        worker.start()
        until = begun + (random.uniform(4, 8) if killed < kills else float("inf"))
        while worker.is_alive() and time.monotonic() < until:
            peak_mb = max(peak_mb, _peak_mb(worker.pid))
            time.sleep(_LOOK_EVERY_S)
        seconds += time.monotonic() - begun
        if worker.is_alive():
            os.kill(worker.pid or 0, signal.SIGKILL)
            killed += 1
            time.sleep(LEASE_S + 1)
        worker.join()
    python_s, postgres_s = (now - then for now, then in zip(cpu.seconds(), before, strict=True))
    if job.status != "succeeded":
        raise RuntimeError(f"{job.status}: {job.error}")
    return Run(seconds, python_s, postgres_s, peak_mb, killed, dict(job.result))


def copied(on: Bench, folder: Path, tables: Iterable[str]) -> Copied:
    """Copy all rows of these tables into new ones with the same indexes."""
    engine, seconds, cpu_s = sa.create_engine(on.superuser_url), 0.0, 0.0
    path = folder / "rows.copy"
    for name in tables:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE copied (LIKE {name} INCLUDING ALL)")
            raw: Any = connection.connection.driver_connection
            with raw.cursor() as cursor, path.open("wb") as file:
                cursor.copy_expert(f"COPY {name} TO STDOUT", file)
            begun, used = time.monotonic(), cpu.seconds()[1]
            with raw.cursor() as cursor, path.open("rb") as file:
                cursor.copy_expert("COPY copied FROM STDIN", file)
            connection.exec_driver_sql("DROP TABLE copied")
        seconds += time.monotonic() - begun
        cpu_s += cpu.seconds()[1] - used
    engine.dispose()
    path.unlink()
    return Copied(seconds, cpu_s)


def _service(kind: Any, url: str, keys: tuple[str, str], pool_size: int) -> Any:
    service = kind()
    engine = create_engine(url, application="bench", pool_size=pool_size)
    service.db = Transactions(engine, vault=MasterKey(keys[0]))
    service.settings = ServiceSettings(
        service=kind.name,
        database_url=Secret(url),
        migration_url=Secret(url),
        amqp_url=Secret(""),
        master_key=Secret(keys[0]),
        lookup_key=Secret(keys[1]),
    )
    return service


def _work(kind: Any, url: str, keys: tuple[str, str]) -> None:
    service = _service(kind, url, keys, pool_size=2)
    run_due(service.db, steps_of(service), for_s=_WORKS_FOR_S)


def _job(on: Bench, job_id: str) -> Any:
    (row,) = on.query("SELECT status, result, error FROM jobs WHERE job_id = :id", id=job_id)
    return row


def _peak_mb(pid: int | None) -> float:
    """Return a process's peak memory; 0 of one that has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1_024 / 1e6
    return 0.0
