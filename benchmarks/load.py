"""Sales through HTTP: as many keep-alive connections as asked for, each one sale after another."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit
from uuid import uuid4

CREATED = 201


@dataclass(frozen=True, slots=True)
class Load:
    """What one run did: answers by status, and the time each 201 took."""

    seconds: float
    statuses: Counter[int]
    latencies_s: Sequence[float]

    @property
    def rate(self) -> float:
        """Return sales answered 201 per second."""
        return self.statuses[CREATED] / self.seconds

    def quantile_ms(self, share: float) -> float:
        """Return the time that ``share`` of the sales stayed below, in milliseconds."""
        ordered = sorted(self.latencies_s)
        return ordered[int(share * (len(ordered) - 1))] * 1000


def post_sales(
    base_url: str, token: str, phones: Sequence[str], *, connections: int, seconds: float
) -> Load:
    """Post different sales of members in turn for ``seconds``.

    Raises:
        RuntimeError: not every answer was a 201: the figure would mean something else.
    """
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    until = time.monotonic() + seconds
    occurred_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))

    def work(place: int) -> None:
        address = urlsplit(base_url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
        turn = place
        while time.monotonic() < until:
            turn += connections
            body = _sale(phones[turn % len(phones)], occurred_at)
            headers = {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Idempotency-Key": str(uuid4()),
            }
            begun = time.perf_counter()
            connection.request("POST", "/v1/sales", body, headers)
            response = connection.getresponse()
            response.read()
            latencies.append(time.perf_counter() - begun)
            statuses[response.status] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(connections)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if set(statuses) != {CREATED}:
        raise RuntimeError(f"answers were not all 201: {dict(statuses)}")
    return Load(time.monotonic() - started, statuses, latencies)


def _sale(phone: str, occurred_at: str) -> bytes:
    lines = [
        {"line_id": "1", "sku": "tea", "category": "drinks", "quantity": 2, "net_minor": 4_000},
        {"line_id": "2", "sku": "rice", "category": "food", "quantity": 1, "net_minor": 2_590},
        {"line_id": "3", "sku": "soap", "category": "home", "quantity": 1, "net_minor": 990},
    ]
    sale = {
        "sale_id": str(uuid4()),
        "occurred_at": occurred_at,
        "currency": "CNY",
        "member": {"type": "phone", "value": phone},
        "lines": lines,
    }
    return json.dumps(sale).encode()
