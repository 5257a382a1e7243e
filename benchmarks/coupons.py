"""``python -m benchmarks.coupons``: a million codes made, taken in from a CSV, exported, looked up.

Jobs run in a process of their own, which is killed with -9 as often as asked for; what it made is
then counted. Next to them stands a plain COPY of the same rows into a table with the same indexes.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.jobs import Bench, Copied, Run, bench, copied, in_chunks, run_job, upload
from services.coupons import codes
from services.coupons.repository import coupons as coupon_rows
from services.coupons.service import CouponsService
from shared.calls import Actor
from shared.contracts.coupons import rpc

MARKETING = Actor("staff", "bench", roles=("marketing",))
FEW = 10_000
LOOKUPS = 3_000


def main() -> None:
    """Measure and print."""
    options, console = _options(), Console()
    with (
        tempfile.TemporaryDirectory() as name,
        bench(CouponsService, folder := Path(name), MARKETING) as on,
    ):
        _generate(on, FEW, kills=0)
        few_us = _lookup_us(on)
        campaign_id, made = _generate(on, options.count, kills=options.kills)
        many_us = _lookup_us(on)
        console.print(_job_table(f"{options.count:,} codes made", made, copied(on, folder, _ROWS)))
        console.print(f"looked up in {many_us:.0f} us, {few_us:.0f} us among {FEW:,}")
        console.print(_export(on, campaign_id, options.count))
    with (
        tempfile.TemporaryDirectory() as name,
        bench(CouponsService, folder := Path(name), MARKETING) as on,
    ):
        printed = codes.new_codes(options.count)
        campaign_id, first = _import(on, printed, kills=options.kills)
        title = f"{options.count:,} codes taken in"
        console.print(_job_table(title, first, copied(on, folder, _ROWS)))
        _, again = _import(on, printed, kills=0, campaign_id=campaign_id)
        _count(on, campaign_id, options.count)
        told = f"{again.result['codes']} taken in, {again.result['rejected']:,} told"
        console.print(f"the same file again: {told}, {again.seconds:.1f} s, {again.peak_mb:.0f} MB")


_ROWS = ("coupons",)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coupons", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3, help="with -9, of the process at work")
    return parser.parse_args()


def _campaign(on: Bench) -> str:
    draft = {
        "name": "Bench",
        "kind": "amount_off",
        "value": 500,
        "validity": {"days_after_issue": 30},
        "limits": {"total": 100_000_000},
    }
    campaign_id: str = on.call(rpc.CREATE_CAMPAIGN, draft)["body"]["campaign_id"]
    on.call(rpc.PUBLISH_CAMPAIGN, {"campaign_id": campaign_id})
    return campaign_id


def _generate(on: Bench, count: int, *, kills: int) -> tuple[str, Run]:
    campaign_id = _campaign(on)
    wanted = {"campaign_id": campaign_id, "count": count}
    run = run_job(on, on.call(rpc.START_CODES, wanted)["body"]["job_id"], kills=kills)
    _count(on, campaign_id, count)
    return campaign_id, run


def _import(
    on: Bench, printed: list[str], *, kills: int, campaign_id: str | None = None
) -> tuple[str, Run]:
    campaign_id = campaign_id or _campaign(on)
    job_id: str = on.call(rpc.IMPORT_CODES, {"campaign_id": campaign_id})["body"]["job_id"]
    upload(on, job_id, in_chunks(f"{code}\n" for code in ("code", *printed)))
    return campaign_id, run_job(on, job_id, kills=kills)


def _count(on: Bench, campaign_id: str, count: int) -> None:
    """See that there are so many codes, and that the campaign's total counts them.

    Raises:
        RuntimeError: codes are missing, or there twice.
    """
    ((made,),) = on.query(
        "SELECT count(DISTINCT code_no) FROM coupons WHERE campaign_id = :id", id=campaign_id
    )
    ((used,),) = on.query("SELECT used FROM usage WHERE campaign_id = :id", id=campaign_id)
    if (made, used) != (count, count):
        raise RuntimeError(f"{made} codes, {used} counted, instead of {count}")


def _lookup_us(on: Bench) -> float:
    """Return the median time of finding a code that there is, in microseconds."""
    with on.service.db.engine.connect() as connection:
        found = on.query("SELECT code_digest FROM coupons ORDER BY code_hint LIMIT :n", n=LOOKUPS)
        digests = [bytes(digest) for (digest,) in found]
        random.shuffle(digests)
        times = []
        for digest in digests:
            begun = time.perf_counter()
            coupon_rows.by_digest(connection, [digest])
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def _pages(on: Bench, campaign_id: str) -> Iterator[list[Any]]:
    after: int | None = 0
    while after is not None:
        wanted = {"campaign_id": campaign_id, "after": after}
        page = on.call(rpc.EXPORT_CODES, wanted)["body"]
        yield page["items"]
        after = page["next"]


def _export(on: Bench, campaign_id: str, count: int) -> str:
    """Read all codes as the export does, page by page.

    Raises:
        RuntimeError: there are more or fewer, or one is not shown in full.
    """
    begun = time.monotonic()
    shown = [sum("*" not in item["code"] for item in page) for page in _pages(on, campaign_id)]
    if sum(shown) != count:
        raise RuntimeError(f"{sum(shown)} codes shown instead of {count}")
    seconds = time.monotonic() - begun
    return f"exported in {seconds:.1f} s, {count / seconds:,.0f} codes/s, {len(shown):,} pages"


def _job_table(title: str, run: Run, plain: Copied) -> Table:
    table = Table(title=f"{title}, {run.killed} kills")
    cells = {
        "seconds": f"{run.seconds:.1f}",
        "COPY s": f"{plain.seconds:.1f}",
        "ratio": f"{run.seconds / plain.seconds:.2f}",
        "Python CPU s": f"{run.python_cpu_s:.1f}",
        "PostgreSQL CPU s": f"{run.postgres_cpu_s:.1f}",
        "COPY CPU s": f"{plain.cpu_s:.1f}",
        "job MB": f"{run.peak_mb:.0f}",
    }
    for column in cells:
        table.add_column(column, justify="right")
    table.add_row(*cells.values())
    return table


if __name__ == "__main__":
    main()
