"""``python -m benchmarks.coupons``: a million codes as a job, looking one up, and a flash claim.

The job runs in a process of its own, which is killed with -9 as often as asked for; what it made is
then counted. Next to it stands a plain COPY of the same rows into a table with the same indexes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks import memory
from services.coupons.repository import coupons as coupon_rows
from services.coupons.service import CouponsService
from shared.calls import Actor, CallContext
from shared.contracts.coupons import rpc
from shared.contracts.method import Method
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

SERVICE = "coupons"
MARKETING = Actor("staff", "bench", roles=("marketing",))
FEW = 10_000
LOOKUPS = 3_000
CLAIMS, COUPONS, CONNECTIONS = 10_000, 1_000, 50
_LEASE_S = 6.0


def main() -> None:
    """Measure and print."""
    options = _options()
    console = Console()
    with tempfile.TemporaryDirectory() as folder, _database(Path(folder)) as (url, superuser, keys):
        service = _service(url, keys, pool_size=CONNECTIONS)
        _codes(service, FEW, url, keys)
        few_us = _lookup_us(service)
        seconds, peak_mb, killed = _codes(service, options.count, url, keys, kills=options.kills)
        many_us = _lookup_us(service)
        postgres_mb = sum(used.pss_mb for used in memory.of_tree(psutil.Process()))
        copy_s = _copy_seconds(superuser, Path(folder))
        table = Table(title=f"{options.count:,} codes, {killed} kills")
        for column in ("seconds", "COPY s", "ratio", "job MB", "all MB", "lookup us", "at 10,000"):
            table.add_column(column, justify="right")
        table.add_row(
            f"{seconds:.1f}",
            f"{copy_s:.1f}",
            f"{copy_s / seconds:.2f}",
            f"{peak_mb:.0f}",
            f"{postgres_mb:.0f}",
            f"{many_us:.0f}",
            f"{few_us:.0f}",
        )
        console.print(table)
        console.print(_claims(service))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coupons", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3, help="with -9, of the process at work")
    return parser.parse_args()


@contextmanager
def _database(directory: Path) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Start a PostgreSQL as durable as the platform's.

    Yields the URLs of the runtime role and of the superuser, and keys.
    """
    postgres = EmbeddedPostgres(directory / "coupons")
    postgres.start()
    try:
        bootstrap_service(postgres.url("postgres", SUPERUSER), SERVICE)
        upgrade(SERVICE, postgres.url(database_name(SERVICE), owner_role(SERVICE)))
        superuser = postgres.url(database_name(SERVICE), SUPERUSER)
        url = postgres.url(database_name(SERVICE), database_name(SERVICE))
        yield url, superuser, (new_key(), new_key())
    finally:
        postgres.stop()


def _service(url: str, keys: tuple[str, str], *, pool_size: int = 2) -> CouponsService:
    service = CouponsService()
    engine = create_engine(url, application="bench", pool_size=pool_size)
    service.db = Transactions(engine, vault=MasterKey(keys[0]))
    service.settings = ServiceSettings(  # type: ignore[assignment]  # as the container gives it
        service=SERVICE,
        database_url=Secret(url),
        migration_url=Secret(url),
        amqp_url=Secret(""),
        master_key=Secret(keys[0]),
        lookup_key=Secret(keys[1]),
    )
    return service


def _call(service: CouponsService, method: Method, payload: Any, actor: Actor = MARKETING) -> Any:
    context = CallContext(str(new_id()), actor).to_wire()
    handler = getattr(service, method.name)
    return dispatch(method, handler, context=context, payload=payload)


def _campaign(service: CouponsService, **more: Any) -> str:
    draft = {
        "name": "Bench",
        "kind": "amount_off",
        "value": 500,
        "validity": {"days_after_issue": 30},
        **more,
    }
    made = _call(service, rpc.CREATE_CAMPAIGN, draft)["body"]
    campaign_id: str = made["campaign_id"]
    _call(service, rpc.PUBLISH_CAMPAIGN, {"campaign_id": campaign_id})
    return campaign_id


def _work(url: str, keys: tuple[str, str]) -> None:
    service = _service(url, keys)
    run_due(service.db, steps_of(service), for_s=3_600)


def _codes(
    service: CouponsService, count: int, url: str, keys: tuple[str, str], *, kills: int = 0
) -> tuple[float, float, int]:
    """Make codes; returns seconds at work, the worker's peak memory in MB, and kills."""
    campaign_id = _campaign(service)
    job = _call(service, rpc.START_CODES, {"campaign_id": campaign_id, "count": count})["body"]
    processes, peak_mb, seconds, killed = multiprocessing.get_context("spawn"), 0.0, 0.0, 0
    while _status(service, job["job_id"]) not in ("succeeded", "failed"):
        worker = processes.Process(target=_work, args=(url, keys))
        begun = time.monotonic()
        worker.start()
        until = begun + (random.uniform(4, 8) if killed < kills else float("inf"))
        while worker.is_alive() and time.monotonic() < until:
            peak_mb = max(peak_mb, _peak_mb(worker.pid or 0))
            time.sleep(0.2)
        seconds += time.monotonic() - begun
        if worker.is_alive():
            os.kill(worker.pid or 0, signal.SIGKILL)
            killed += 1
            time.sleep(_LEASE_S)
        worker.join()
    with service.db.engine.connect() as connection:
        made = connection.execute(
            sa.text("SELECT count(DISTINCT code_no) FROM coupons WHERE campaign_id = :id"),
            {"id": campaign_id},
        ).scalar_one()
    if made != count:
        raise RuntimeError(f"{made} codes instead of {count}")
    return seconds, peak_mb, killed


def _status(service: CouponsService, job_id: str) -> str:
    with service.db.engine.connect() as connection:
        found = sa.text("SELECT status FROM jobs WHERE job_id = :id")
        status: str = connection.execute(found, {"id": job_id}).scalar_one()
    return status


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(found[0]) / 1_000 if found else 0.0


def _lookup_us(service: CouponsService) -> float:
    """Return the median time of finding a code that there is, in microseconds."""
    with service.db.engine.connect() as connection:
        digests = [
            bytes(digest)
            for digest in connection.execute(
                sa.text("SELECT code_digest FROM coupons ORDER BY code_hint LIMIT :n"),
                {"n": LOOKUPS},
            ).scalars()
        ]
        random.shuffle(digests)
        times = []
        for digest in digests:
            begun = time.perf_counter()
            coupon_rows.by_digest(connection, [digest])
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def _copy_seconds(superuser: str, folder: Path) -> float:
    """Return the time of copying the same rows into a table with the same indexes."""
    engine = sa.create_engine(superuser)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE copied (LIKE coupons INCLUDING ALL)")
        path = folder / "rows.copy"
        raw: Any = connection.connection.driver_connection
        with raw.cursor() as cursor, path.open("wb") as file:
            cursor.copy_expert("COPY coupons TO STDOUT", file)
        begun = time.monotonic()
        with raw.cursor() as cursor, path.open("rb") as file:
            cursor.copy_expert("COPY copied FROM STDIN", file)
    return time.monotonic() - begun


def _claims(service: CouponsService) -> str:
    """Let 50 connections claim 10,000 times what there is 1,000 times (C10)."""
    campaign_id = _campaign(service, limits={"total": COUPONS})

    def claim(_: int) -> str:
        member_id = str(new_id())
        payload = {"campaign_id": campaign_id, "member_id": member_id}
        while True:
            answer = _call(service, rpc.CLAIM, payload, Actor("member", member_id))
            if "body" in answer:
                return "claimed"
            if not answer["error"]["retryable"]:
                return str(answer["error"]["code"])

    begun = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        outcomes = Counter(pool.map(claim, range(CLAIMS)))
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    return f"{CLAIMS:,} claims on {COUPONS:,}: {told}, {time.monotonic() - begun:.1f} s"


if __name__ == "__main__":
    main()
