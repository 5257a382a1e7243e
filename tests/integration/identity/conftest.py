"""The identity service in a plain process, on its own database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from services.identity.bootstrap import ensure_admin
from services.identity.service import IdentityService
from shared.calls import Actor, CallContext, Idempotency
from shared.clock import ManualClock
from shared.contracts.identity import rpc as contract
from shared.contracts.method import Method
from shared.db import Transactions
from shared.ids import new_id
from shared.rpc.dispatch import dispatch
from shared.security import tokens
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from tests.support.postgres import ServiceDatabase

ADMIN_PASSWORD = "correct horse battery staple"
ADMIN = Actor("staff", "the-admin", ("admin",))
PHONE = "+8613800138000"
MEMBER_ID = str(new_id())

Answer = dict[str, Any]


@dataclass
class Identity:
    """Calls the service as the wire does."""

    database: ServiceDatabase
    service: IdentityService
    clock: ManualClock

    def reply(self, method: Method, payload: Answer, *, key: str | None = None) -> Answer:
        """Return ``{"status", "body", "replayed"}`` or ``{"error": …}``."""
        fingerprint = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        idempotency = Idempotency(key, f"POST {method.name}", fingerprint) if key else None
        context = CallContext(str(new_id()), ADMIN, idempotency)
        handler = getattr(self.service, method.name)
        result = dispatch(method, handler, context=context.to_wire(), payload=payload)
        json.dumps(result)  # only JSON crosses the wire
        return result

    def call(self, method: Method, payload: Answer | None = None) -> Answer:
        """Return the body of an answer that must be plain."""
        reply = self.reply(method, payload or {})
        assert "error" not in reply, reply
        assert reply["status"] == method.success
        body: Answer = reply["body"]
        return body

    def error(self, method: Method, payload: Answer) -> Answer:
        """Return a refusal."""
        reply = self.reply(method, payload)
        assert "error" in reply, reply
        error: Answer = reply["error"]
        return error

    def in_parallel(self, method: Method, payloads: list[Answer]) -> list[Answer]:
        """Send all at the same time; return the replies."""
        with ThreadPoolExecutor(len(payloads)) as pool:
            return list(pool.map(lambda payload: self.reply(method, payload), payloads))

    def sign_in(self, grant_type: str, **proof: Any) -> Answer:
        """Return the tokens of a grant that must succeed."""
        return self.call(contract.ISSUE_TOKEN, {"grant_type": grant_type, **proof})

    def refused(self, grant_type: str, **proof: Any) -> Answer:
        """Return the refusal of a grant."""
        error = self.error(contract.ISSUE_TOKEN, {"grant_type": grant_type, **proof})
        assert (error["status"], error["code"]) == (401, "invalid_credentials")
        return error

    def admin(self, password: str = ADMIN_PASSWORD) -> Answer:
        """Return the admin's tokens."""
        return self.sign_in("password", username="admin", password=password)

    def code(self, phone: str = PHONE, address: str = "192.0.2.1") -> str:
        """Return a fresh code for a phone."""
        sent = self.call(contract.REQUEST_OTP, {"phone": phone, "address": address})
        code: str = sent["sandbox_code"]
        return code

    def member(self) -> Answer:
        """Return a member's tokens."""
        return self.sign_in("otp", phone=PHONE, code=self.code(), member_id=MEMBER_ID)

    def claims(self, answer: Answer) -> Answer:
        """Return the verified claims of an access token."""
        keys = tokens.verification_keys(self.call(contract.JWKS)["keys"])
        return tokens.verify(
            answer["access_token"],
            key_of=keys.get,
            issuer="loyalty",
            audience="loyalty",
            now=self.clock.now(),
        )

    def terminal(self, terminal_id: str = "t-1", store_id: str = "s-1") -> Answer:
        """Return a new terminal with its secret."""
        store = {"store_id": store_id, "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}
        self.reply(contract.CREATE_STORE, store)
        new = {"terminal_id": terminal_id, "store_id": store_id}
        return self.call(contract.CREATE_TERMINAL, new)

    def machine(self, made: Answer) -> Answer:
        """Return a machine's token."""
        return self.sign_in(
            "client_credentials",
            client_id=made["client_id"],
            client_secret=made["client_secret"],
        )


def is_token(reply: Answer) -> bool:
    """Return whether a reply holds an access token."""
    return "error" not in reply and bool(jwt.get_unverified_header(reply["body"]["access_token"]))


def make_identity(database: ServiceDatabase, *, sandbox: bool = True) -> Identity:
    """Return the service on a database, without any staff."""
    clock = ManualClock(datetime(2026, 3, 1, 4, 0, tzinfo=UTC))
    service = IdentityService()
    service.settings = ServiceSettings(
        service="identity",
        database_url=Secret(database.url),
        migration_url=Secret(database.owner_url),
        amqp_url=Secret("memory://"),
        master_key=Secret(new_key()),
        lookup_key=Secret(new_key()),
        sandbox=sandbox,
    )
    vault = MasterKey(service.settings.master_key.reveal())
    service.db = Transactions(database.engine, clock, sandbox, vault)
    return Identity(database, service, clock)


@pytest.fixture
def bare(service_database: Callable[[str], ServiceDatabase]) -> Identity:
    """The service before its first admin."""
    return make_identity(service_database("identity"))


@pytest.fixture
def identity(bare: Identity) -> Identity:
    """The service with its first admin."""
    ensure_admin(bare.service.db, ADMIN_PASSWORD)
    return bare
