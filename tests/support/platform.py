"""The whole platform in one plain process: real gateway, services and databases, no broker.

Calls go through the same `dispatch` as on the wire, as JSON both ways. Events wait in the outboxes
until `Platform.settle` hands them on, so a test decides when the rest of the world hears.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask.testing import FlaskClient

from gateway import create_app
from services.identity.bootstrap import ensure_admin
from shared.calls import CallContext, Reply
from shared.clock import Clock, SystemClock
from shared.contracts.event import Envelope
from shared.contracts.method import Method
from shared.contracts.platform import SERVICES
from shared.db import Transactions
from shared.db.tables import PLATFORM
from shared.errors import from_wire
from shared.errors.backend import BackendUnavailable
from shared.events.subscriptions import SUBSCRIPTIONS
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_due
from shared.rpc.dispatch import dispatch
from shared.security.crypto import MasterKey, new_key
from shared.settings import GatewaySettings, Secret, ServiceSettings
from tests.support.postgres import ServiceDatabase
from tests.support.stand_ins import OneByOne

ADMIN_PASSWORD = "correct horse battery staple"
MASTER_KEY, LOOKUP_KEY = new_key(), new_key()


def make_service(database: ServiceDatabase, clock: Clock, *, sandbox: bool = False) -> Any:
    """Return a service's nameko class as a plain object on ``database``."""
    service = import_module(f"services.{database.service}.service").SERVICE()
    vault = MasterKey(MASTER_KEY)
    service.db = Transactions(database.engine, clock, sandbox, vault)
    service.settings = ServiceSettings(
        service=database.service,
        database_url=Secret(database.url),
        migration_url=Secret(database.owner_url),
        amqp_url=Secret(""),
        master_key=Secret(MASTER_KEY),
        lookup_key=Secret(LOOKUP_KEY),
        sandbox=sandbox,
    )
    return service


def _marked(service: Any, attribute: str) -> list[Any]:
    kind = type(service)
    names = [name for name in dir(kind) if hasattr(getattr(kind, name), attribute)]
    return [getattr(service, name) for name in names]


@dataclass
class DirectBackend(OneByOne):
    """Calls services in this process; ``away`` names those that shall not answer."""

    services: Mapping[str, Any]
    away: set[str] = field(default_factory=set)
    before: Callable[[Method], None] | None = None
    """Called before each call: a test may raise here to let a process "die" at that step."""
    after: Callable[[Method], None] | None = None
    """The same when the call has had its effect, and its answer can still be lost."""

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Answer as the service would over the wire."""
        if self.before is not None:
            self.before(method)
            # However long a test stood still there, the call is made in time.
            context = replace(context, deadline_ms=None)
        if method.service in self.away:
            raise BackendUnavailable
        service = self.services[method.service]
        handler = next(
            found for found in _marked(service, "contract") if found.contract.name == method.name
        )
        message = json.loads(json.dumps({"context": context.to_wire(), "payload": payload}))
        result = json.loads(json.dumps(dispatch(handler.contract, handler, **message)))
        if self.after is not None:
            self.after(method)
        if "error" in result:
            raise from_wire(result["error"])
        return Reply.from_wire(result)


@dataclass
class Person:
    """Somebody with a token, as the HTTP API sees them."""

    client: FlaskClient
    token: str

    def request(
        self, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Send a request; returns status, body (of JSON) and headers. A text is a CSV file."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if method != "GET":
            headers["Idempotency-Key"] = key or str(uuid4())
        is_file = isinstance(body, str)
        sent = {"data": body, "content_type": "text/csv"} if is_file else {"json": body}
        response = self.client.open(path, method=method, headers=headers, **sent)
        received = response.data or b"{}"
        return (
            response.status_code,
            json.loads(received) if response.is_json else {},
            dict(response.headers),
        )

    def get(self, path: str, *, status: int = 200) -> dict[str, Any]:
        """Return the body of a GET that must answer ``status``."""
        found, body, _ = self.request("GET", path)
        assert found == status, body
        return body

    def post(
        self, path: str, body: Any = None, *, status: int = 201, key: str | None = None
    ) -> dict[str, Any]:
        """Return the body of a POST that must answer ``status``."""
        found, answer, _ = self.request("POST", path, body if body is not None else {}, key=key)
        assert found == status, answer
        return answer


@dataclass
class Platform:
    """Gateway, services and their databases."""

    databases: Mapping[str, ServiceDatabase]
    clock: Clock = field(default_factory=SystemClock)
    sandbox: bool = True

    def __post_init__(self) -> None:
        """Put the parts together and make the first administrator."""
        self.services = {
            name: make_service(database, self.clock, sandbox=self.sandbox)
            for name, database in self.databases.items()
        }
        self.backend = DirectBackend(self.services)
        settings = GatewaySettings(
            Secret(""), Secret("cursor key"), sandbox=self.sandbox, rate_limits=False
        )
        self.app = create_app(settings, self.backend)
        ensure_admin(self.services["identity"].db, ADMIN_PASSWORD)

    def renew(self) -> None:
        """Start over on databases as the migrations left them."""
        for database in self.databases.values():
            database.reset()
        self.__post_init__()

    @property
    def client(self) -> FlaskClient:
        """Return a new HTTP client, usable in a thread of its own."""
        return self.app.test_client()

    def login(self, **grant: str) -> Person:
        """Return somebody who signed in with ``grant``."""
        response = self.client.post("/v1/auth/token", json=grant)
        assert response.status_code == 200, response.data
        return Person(self.client, response.json["access_token"])  # type: ignore[index]

    def admin(self) -> Person:
        """Return the first administrator."""
        return self.login(grant_type="password", username="admin", password=ADMIN_PASSWORD)

    def staff(self, *roles: str) -> Person:
        """Return a new member of staff."""
        name = f"staff-{uuid4().hex[:8]}"
        person = {"username": name, "password": ADMIN_PASSWORD, "roles": list(roles)}
        self.admin().post("/v1/staff", person)
        return self.login(grant_type="password", username=name, password=ADMIN_PASSWORD)

    def terminal(self, terminal_id: str = "t-1", store_id: str = "s-1") -> Person:
        """Return a new till, in a store that is made when it does not exist yet."""
        admin = self.admin()
        store = {"store_id": store_id, "name": "Nanjing", "time_zone": "Asia/Shanghai"}
        admin.request("POST", "/v1/stores", store)
        made = admin.post("/v1/terminals", {"terminal_id": terminal_id, "store_id": store_id})
        return self._client(made)

    def shop(self) -> Person:
        """Return a new web shop."""
        made = self.admin().post("/v1/clients", {"name": f"shop-{uuid4().hex[:8]}", "role": "shop"})
        return self._client(made)

    def shopper(self, phone: str) -> Person:
        """Return whoever owns ``phone``, signed in by one-time code."""
        response = self.client.post("/v1/auth/otp", json={"phone": phone})
        assert response.status_code == 202, response.data
        code = response.json["sandbox_code"]  # type: ignore[index]
        return self.login(grant_type="otp", phone=phone, code=code)

    def _client(self, made: Mapping[str, Any]) -> Person:
        return self.login(
            grant_type="client_credentials",
            client_id=made["client_id"],
            client_secret=made["client_secret"],
        )

    def move_clock(self, to: datetime) -> None:
        """Move the sandbox clock and let everybody hear what it caused."""
        status, body, _ = self.admin().request(
            "PUT", "/v1/sandbox/clock", {"now": to.isoformat().replace("+00:00", "Z")}
        )
        assert status == 200, body
        self.settle()

    def advance_clock(self, **delta: float) -> None:
        """Move the sandbox clock on by ``timedelta(**delta)``."""
        self.move_clock(self.now() + timedelta(**delta))

    def now(self) -> datetime:
        """Return the platform's time."""
        transactions = self.services["identity"].db
        with transactions.engine.connect() as connection:
            now: datetime = transactions.now(connection)
        return now

    def run_jobs(self, *, for_s: float = 60) -> int:
        """Do all slices of long work that are due; return how many were begun."""
        return sum(
            run_due(service.db, steps_of(service), for_s=for_s)
            for service in self.services.values()
        )

    def settle(self) -> int:
        """Deliver events until none is left; return how many were delivered."""
        total = 0
        while delivered := sum(self._deliver_from(name) for name in self.databases):
            total += delivered
        return total

    def _deliver_from(self, producer: str) -> int:
        engine = self.services[producer].db.engine
        outbox = PLATFORM.outbox
        with engine.begin() as connection:
            rows = connection.execute(
                sa.select(outbox).where(outbox.c.published_at.is_(None)).order_by(outbox.c.id)
            ).all()
        for row in rows:
            self.deliver(envelope_of(row, producer))
            with engine.begin() as connection:
                connection.execute(
                    sa.update(outbox)
                    .where(outbox.c.id == row.id)
                    .values(published_at=row.recorded_at)
                )
        return len(rows)

    def outbox(self, producer: str, type_name: str) -> list[Envelope]:
        """Return all events of a type that a service has written, oldest first."""
        outbox = PLATFORM.outbox
        wanted = sa.select(outbox).where(outbox.c.type == type_name).order_by(outbox.c.id)
        with self.services[producer].db.engine.connect() as connection:
            return [envelope_of(row, producer) for row in connection.execute(wanted)]

    def mark_published(self, producer: str) -> None:
        """Have nobody get what a service has to tell."""
        outbox = PLATFORM.outbox
        with self.services[producer].db.engine.begin() as connection:
            all_of_it = sa.update(outbox).values(published_at=outbox.c.recorded_at)
            connection.execute(all_of_it)

    def deliver(self, event: Envelope, *, only: str | None = None) -> None:
        """Hand one event to every service that subscribed to it, or to one of them."""
        envelope = Envelope.from_wire(json.loads(json.dumps(event.to_wire())))
        for consumer, heard in SUBSCRIPTIONS.items():
            if consumer not in self.services or only not in (None, consumer):
                continue
            wanted = {(kind.producer, kind.routing_key) for kind in heard}
            if (event.producer, event.routing_key) in wanted:
                next(
                    handler
                    for handler in _marked(self.services[consumer], "event_type")
                    if handler.event_type.routing_key == event.routing_key
                )(envelope)


def envelope_of(row: Any, producer: str) -> Envelope:
    """Return an outbox row as it travels."""
    return Envelope(
        id=row.event_id,
        type=row.type,
        version=row.version,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        producer=producer,
        subject=row.subject,
        sequence=row.sequence,
        data=row.data,
        traceparent=row.traceparent,
        request_id=row.request_id,
    )


def build(database: Callable[[str], ServiceDatabase], clock: Clock | None = None) -> Platform:
    """Return a platform on fresh databases."""
    return Platform({name: database(name) for name in SERVICES}, clock or SystemClock())
