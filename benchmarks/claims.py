"""``python -m benchmarks.claims``: 10,000 claims on 1,000 coupons from 50 connections (C10).

Through HTTP, of a fresh one-process platform, each connection another member's. Next to it the same
connections ask as often for ``/healthz``, which touches no database: what HTTP alone costs.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.load import CREATED, Load
from examples.client import ApiClient, Login, by_password, by_sandbox_otp
from examples.own_server import Server, server_at

_SERVER_ERROR = 500


def main() -> None:
    """Measure and print.

    Raises:
        RuntimeError: more or fewer coupons were claimed, or an answer was a 5xx.
    """
    options = _options()
    with server_at(None) as server:
        campaign_id, tokens = _opened(server, options)
        claims = _ask(server, options.claims, "POST", f"/v1/campaigns/{campaign_id}/claims", tokens)
        plain = _ask(server, options.claims, "GET", "/healthz", tokens)
    table = Table(title=f"{options.claims:,} requests from {len(tokens)} connections")
    for column in ("", "seconds", "requests/s", "p50 ms", "p99 ms", "longest ms", "answers"):
        table.add_column(column, justify="right")
    for name, load in (("claims", claims), ("/healthz", plain)):
        quantiles = (f"{load.quantile_ms(share):.0f}" for share in (0.5, 0.99, 1))
        rate = f"{options.claims / load.seconds:,.0f}"
        answers = ", ".join(f"{count:,} of {code}" for code, count in sorted(load.statuses.items()))
        table.add_row(name, f"{load.seconds:.1f}", rate, *quantiles, answers)
    Console().print(table)
    failed = sum(count for code, count in claims.statuses.items() if code >= _SERVER_ERROR)
    if claims.statuses[CREATED] != options.coupons or failed:
        raise RuntimeError(f"not {options.coupons} claimed, or failures: {dict(claims.statuses)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=__doc__)
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--coupons", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=50)
    return parser.parse_args()


def _opened(server: Server, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Publish the campaign and enrol a member for each connection; return their tokens."""
    client = ApiClient(server.base_url)
    admin = by_password("admin", server.admin_password)
    login = {"username": "bench", "password": uuid4().hex}
    staff = {**login, "roles": ["marketing", "support"]}
    client.call("POST", "/v1/staff", login=admin, body=staff, key="staff")
    marketing = by_password(**login)
    draft: dict[str, Any] = {
        "name": "Flash",
        "kind": "amount_off",
        "value": 500,
        "validity": {"days_after_issue": 1},
        "limits": {"total": options.coupons},
    }
    made = client.call("POST", "/v1/campaigns", login=marketing, body=draft, key="campaign")
    campaign_id: str = made["campaign_id"]
    path = f"/v1/campaigns/{campaign_id}/publish"
    client.call("POST", path, login=marketing, key="publish")
    phones = [f"+86138{number:08}" for number in range(options.connections)]
    tokens = [_enrolled(client, marketing, phone) for phone in phones]
    client.close()
    return campaign_id, tokens


def _enrolled(client: ApiClient, staff: Login, phone: str) -> str:
    member = {"phone": phone, "channel": "app"}
    client.call("POST", "/v1/members", login=staff, body=member, key=phone)
    return by_sandbox_otp(phone).token(client)


def _ask(server: Server, requests: int, method: str, path: str, tokens: list[str]) -> Load:
    """Ask so many times in all, each connection one request after another."""
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    left = iter(range(requests))
    address = urlsplit(server.base_url)

    def work(token: str) -> None:
        connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        for _ in left:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
            begun = time.perf_counter()
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            response.read()
            latencies.append(time.perf_counter() - begun)
            statuses[response.status] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(token,)) for token in tokens]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(time.monotonic() - started, statuses, latencies)


if __name__ == "__main__":
    main()
