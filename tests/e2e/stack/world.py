"""The real stack as `tests.support.person` wants the world: people, time, and news that arrive."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
from flask.testing import FlaskClient

from shared.clock import parse_rfc3339, rfc3339
from shared.contracts.platform import SERVICES
from shared.events.subscriptions import SUBSCRIPTIONS
from standalone.privileges import BIN
from tests.support.platform import Person
from tests.support.shop import TIMEOUT_S, Shop
from tests.support.stack import Stack
from tests.support.standalone import ADMIN_PASSWORD
from tests.support.waiting import eventually

# What was told before has long arrived; other tests leave thousands of events.
_TOLD = "SELECT event_id::text FROM outbox WHERE type = ANY (:types) AND id > :after"
_HEARD = (
    "SELECT event_id::text FROM inbox WHERE producer = :producer AND event_id::text = ANY (:ids)"
)
_LAST = "SELECT coalesce(max(id), 0) FROM outbox"


class _Client:
    """What `Person` uses of Flask's test client, over the wire."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S)

    def open(self, path: str, *, method: str, headers: dict[str, str], **sent: Any) -> Any:
        answer = self._http.request(method, path, headers=headers, json=sent["json"])
        kind = answer.headers.get("Content-Type", "")
        return SimpleNamespace(
            status_code=answer.status_code,
            data=answer.content,
            is_json="json" in kind,
            headers=answer.headers,
        )


@dataclass
class StackWorld:
    """People of a stack that other tests use, too."""

    stack: Stack
    shop: Shop

    def __post_init__(self) -> None:
        """Begin to look at what is told from here on."""
        self._after = {name: self.stack.query(name, _LAST)[0][0] for name in SERVICES}

    def staff(self, *roles: str) -> Person:
        """Return a new member of staff."""
        name = f"staff-{uuid4().hex[:8]}"
        known = {"username": name, "password": ADMIN_PASSWORD}
        self.shop.admin.post("/v1/staff", {**known, "roles": list(roles)})
        return self._login({"grant_type": "password", **known})

    def terminal(self) -> Person:
        """Return a new till in the shop's store."""
        body = {"terminal_id": f"T-{uuid4().hex[:8]}", "store_id": "S1"}
        made = self.shop.admin.post("/v1/terminals", body)
        secret = {name: made[name] for name in ("client_id", "client_secret")}
        return self._login({"grant_type": "client_credentials", **secret})

    def shopper(self, phone: str) -> Person:
        """Return whoever owns ``phone``, signed in by one-time code."""
        sent = httpx.post(f"{self.stack.url}/v1/auth/otp", json={"phone": phone}, timeout=TIMEOUT_S)
        code = sent.json()["sandbox_code"]
        return self._login({"grant_type": "otp", "phone": phone, "code": code})

    def now(self) -> datetime:
        """Return the platform's time."""
        return parse_rfc3339(self.shop.admin.get("/v1/sandbox/clock")["now"])

    def advance_clock(self, *, seconds: float) -> None:
        """Move the sandbox clock on."""
        to = self.now() + timedelta(seconds=seconds)
        answer = self.shop.admin.send("PUT", "/v1/sandbox/clock", {"now": rfc3339(to)})
        assert answer.status_code == 200, answer.text

    def settle(self) -> None:
        """Return when every service has consumed what it subscribed to."""
        eventually(self._is_quiet)

    def finish_job(self, person: Person, job_id: str) -> dict[str, Any]:
        """Return a job once it has ended."""
        ended: list[dict[str, Any]] = []

        def look() -> bool:
            job = person.get(f"/v1/jobs/{job_id}")
            ended.append(job)
            return job["status"] not in ("queued", "running")

        eventually(look)
        return ended[-1]

    def dumps(self) -> dict[str, str]:
        """Return every database as text, as an operator's backup has it."""
        found = {}
        for service in SERVICES:
            url = self.stack.postgres.url(f"loyalty_{service}")
            url = url.replace("postgresql+psycopg2://", "postgresql://")
            done = subprocess.run(
                [BIN / "pg_dump", "--no-owner", url], capture_output=True, check=True, text=True
            )
            found[f"database of {service}"] = done.stdout
        return found

    def logs(self) -> dict[str, str]:
        """Return what all processes have printed, and PostgreSQL's own log."""
        places = [*(self.stack.home / "logs").iterdir()]
        return self._read([*places, *(self.stack.home / "postgres").rglob("*.log")])

    def broker_files(self) -> dict[str, str]:
        """Return all that the broker has on disk: queues, its log, and what it has yet to wipe."""
        return self._read([*self.stack.rabbit.home.rglob("*")])

    def _read(self, places: list[Path]) -> dict[str, str]:
        return {
            str(path.relative_to(self.stack.home)): path.read_bytes().decode(errors="replace")
            for path in places
            if path.is_file()
        }

    def _is_quiet(self) -> bool:
        return all(
            self._has_heard(consumer, producer, types)
            for consumer in SUBSCRIPTIONS
            for producer, types in _heard_by(consumer).items()
        )

    def _has_heard(self, consumer: str, producer: str, types: list[str]) -> bool:
        told = self.stack.query(producer, _TOLD, types=types, after=self._after[producer])
        ids = [row[0] for row in told]
        return len(self.stack.query(consumer, _HEARD, producer=producer, ids=ids)) == len(ids)

    def _login(self, grant: dict[str, str]) -> Person:
        answer = httpx.post(f"{self.stack.url}/v1/auth/token", json=grant, timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        return Person(cast(FlaskClient, _Client(self.stack.url)), token)


def _heard_by(consumer: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind in SUBSCRIPTIONS[consumer]:
        found.setdefault(kind.producer, []).append(kind.name)
    return found
