"""The members service in a plain process, on its own database."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from services.members.service import MembersService
from shared.calls import Actor, CallContext, Idempotency
from shared.clock import ManualClock
from shared.contracts.members import rpc as contract
from shared.contracts.method import Method
from shared.db import Transactions
from shared.ids import new_id
from shared.rpc.dispatch import dispatch
from shared.security.crypto import LookupKey, MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from tests.support.postgres import ServiceDatabase

TERMINAL = Actor("terminal", "till-1", store_id="S001")


@dataclass
class Members:
    """Calls the service as the wire does."""

    database: ServiceDatabase
    service: MembersService
    clock: ManualClock

    def call(
        self,
        method: Method,
        payload: dict[str, Any],
        *,
        actor: Actor = TERMINAL,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Return the reply or ``{"error": …}``."""
        fingerprint = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        idempotency = Idempotency(key, f"POST {method.name}", fingerprint) if key else None
        context = CallContext(str(new_id()), actor, idempotency)
        handler = getattr(self.service, method.name)
        return dispatch(method, handler, context=context.to_wire(), payload=payload)

    def enrol(self, phone: str = "13800138000", **more: Any) -> dict[str, Any]:
        """Return the body of an enrolment by a till."""
        reply = self.call(contract.ENROL, {"phone": phone, "channel": "store", **more})
        assert "error" not in reply, reply
        body: dict[str, Any] = reply["body"]
        return body

    def digest(self, phone: str) -> str:
        """Return what an OTP token says about the phone it proves."""
        key = LookupKey(self.service.settings.lookup_key.reveal())
        return base64.urlsafe_b64encode(key.digest("phone", phone)).decode().rstrip("=")

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return type and data of all events, oldest first."""
        return [
            (row.type, row.data)
            for row in self.database.query("SELECT type, data FROM outbox ORDER BY id")
        ]


@pytest.fixture
def members(service_database: Callable[[str], ServiceDatabase]) -> Members:
    database = service_database("members")
    clock = ManualClock(datetime(2026, 3, 1, 4, 0, tzinfo=UTC))
    service = MembersService()
    service.settings = ServiceSettings(
        service="members",
        database_url=Secret(database.url),
        migration_url=Secret(database.owner_url),
        amqp_url=Secret("memory://"),
        master_key=Secret(new_key()),
        lookup_key=Secret(new_key()),
    )
    vault = MasterKey(service.settings.master_key.reveal())
    service.db = Transactions(database.engine, clock, vault=vault)
    return Members(database, service, clock)
