"""``python -m benchmarks``: sales per second through HTTP, next to pgbench with the same SQL."""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import memory
from benchmarks.ceiling import ceiling
from benchmarks.load import Load, post_sales
from examples.client import ApiClient, by_password, by_secret
from examples.own_server import Server, server_at

MEMBERS = 200
WARM_UP_S = 2.0


def main() -> None:
    """Measure and print."""
    options = _options()
    console = Console()
    with (
        server_at(options.base_url, sandbox=False) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        till, phones = _opened(server)
        post_sales(server.base_url, till, phones, connections=4, seconds=WARM_UP_S)
        loads = [
            (n, post_sales(server.base_url, till, phones, connections=n, seconds=options.seconds))
            for n in options.connections
        ]
        usage = [] if options.base_url else _memory()
        with ceiling(Path(folder)) as postgres:
            rows = [
                (n, load, postgres.rate(clients=n, seconds=int(options.seconds)))
                for n, load in loads
            ]
            console.print(_table(rows, postgres.statements))
    for used in usage:
        console.print(f"{used.name:<12} {used.count:>3} processes {used.pss_mb:8.1f} MB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument(
        "--connections",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[1, 8, 32],
        help="comma-separated",
    )
    parser.add_argument("--base-url", help="measure a running server instead of a fresh one")
    return parser.parse_args()


def _opened(server: Server) -> tuple[str, Sequence[str]]:
    """Make a store, a till and members; return the till's token and the members' phones."""
    client = ApiClient(server.base_url)
    admin = by_password("admin", server.admin_password)
    run = uuid4().hex[:8]
    store = {"store_id": f"bench-{run}", "name": "Bench", "time_zone": "Asia/Shanghai"}
    client.call("POST", "/v1/stores", login=admin, body=store, key=f"store-{run}")
    terminal = {"terminal_id": f"bench-{run}", "store_id": store["store_id"]}
    made = client.call("POST", "/v1/terminals", login=admin, body=terminal, key=f"till-{run}")
    till = by_secret(made["client_id"], made["client_secret"])
    first = random.randrange(10**4) * 10**4
    phones = [f"+86138{first + number:08d}" for number in range(MEMBERS)]
    for phone in phones:
        member = {"phone": phone, "channel": "store"}
        client.call("POST", "/v1/members", login=till, body=member, key=f"{run}-{phone}")
    token = till.token(client)
    client.close()
    return token, phones


def _memory() -> list[memory.Usage]:
    """Return the memory of the server this process started."""
    return memory.of_tree(psutil.Process())


def _table(rows: Sequence[tuple[int, Load, float]], statements: int) -> Table:
    table = Table(title=f"POST /v1/sales ({statements} SQL statements a sale)")
    for column in ("connections", "sales/s", "p50 ms", "p99 ms", "pgbench tps", "ratio"):
        table.add_column(column, justify="right")
    for connections, load, tps in rows:
        table.add_row(
            str(connections),
            f"{load.rate:,.0f}",
            f"{load.quantile_ms(0.5):.1f}",
            f"{load.quantile_ms(0.99):.1f}",
            f"{tps:,.0f}",
            f"{load.rate / tps:.3f}",
        )
    return table


if __name__ == "__main__":
    main()
