"""The tiers service in a plain process, and the facts it hears."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.tiers.service import TiersService
from shared.calls import SYSTEM, Actor, CallContext
from shared.clock import ManualClock
from shared.contracts.event import Envelope, EventType
from shared.contracts.jobs import READ_JOB_FILE
from shared.contracts.members import events as members_events
from shared.contracts.method import Method
from shared.contracts.platform import of
from shared.contracts.points import events as points_events
from shared.contracts.tiers import rpc as contract
from shared.db import Transactions
from shared.ids import new_id
from shared.rpc.dispatch import dispatch
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from tests.support.postgres import ServiceDatabase

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@dataclass
class Tiers:
    """Calls the service as the wire does and hands it events."""

    database: ServiceDatabase
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))

    def __post_init__(self) -> None:
        """Put the service on its database."""
        self.service = TiersService()
        self.service.db = Transactions(self.database.engine, self.clock, vault=MasterKey(new_key()))
        self.service.settings = ServiceSettings(
            service="tiers",
            database_url=Secret(self.database.url),
            migration_url=Secret(self.database.owner_url),
            amqp_url=Secret(""),
            master_key=Secret(new_key()),
            lookup_key=Secret(new_key()),
        )
        self._handlers = {
            members_events.ENROLLED.name: self.service.on_member_enrolled,
            members_events.IMPORTED.name: self.service.on_member_imported,
            members_events.UPDATED.name: self.service.on_member_updated,
            points_events.SALE_RECORDED.name: self.service.on_sale_recorded,
            points_events.SALE_RETURNED.name: self.service.on_sale_returned,
            points_events.SALE_CANCELLED.name: self.service.on_sale_cancelled,
            points_events.CHECKOUT_CLOSED.name: self.service.on_checkout_closed,
        }

    def call(
        self, method: Method, payload: dict[str, Any], *, actor: Actor = SYSTEM
    ) -> dict[str, Any]:
        """Return the body of a reply."""
        reply = self.reply(method, payload, actor)
        assert "error" not in reply, reply
        body: dict[str, Any] = reply["body"]
        return body

    def refusal(self, method: Method, payload: dict[str, Any], *, actor: Actor = SYSTEM) -> str:
        """Return the code of the error that a call is refused with."""
        code: str = self.error(method, payload, actor=actor)["code"]
        return code

    def error(
        self, method: Method, payload: dict[str, Any], *, actor: Actor = SYSTEM
    ) -> dict[str, Any]:
        """Return the error that a call is refused with."""
        reply = self.reply(method, payload, actor)
        assert "error" in reply, reply
        error: dict[str, Any] = reply["error"]
        return error

    def job_file(self, job_id: str) -> str:
        """Return the file that a job of the system made."""
        method = of("tiers", READ_JOB_FILE)
        page = self.call(method, {"job_id": job_id, "seq": 0})
        return base64.b64decode(page["data"]).decode()

    def reply(
        self, method: Method, payload: dict[str, Any], actor: Actor = SYSTEM
    ) -> dict[str, Any]:
        """Return a reply or refusal as it is on the wire."""
        handler = getattr(self.service, method.name)
        context = CallContext(str(new_id()), actor=actor).to_wire()
        return dispatch(method, handler, context=context, payload=payload)

    def hear(self, event: Envelope) -> None:
        """Apply an event as the broker would hand it over."""
        self._handlers[event.type](Envelope.from_wire(event.to_wire()))

    def tier(self, member_id: UUID) -> dict[str, Any]:
        """Return a member's tier."""
        return self.call(contract.MEMBER_TIER, {"member_id": str(member_id)})

    def history(self, member_id: UUID) -> list[dict[str, Any]]:
        """Return a member's changes of tier, oldest first."""
        page = self.call(contract.TIER_HISTORY, {"member_id": str(member_id)})
        items: list[dict[str, Any]] = page["items"]
        return items[::-1]

    def pass_time(self, to: datetime) -> None:
        """Move the clock and do what is due by then."""
        self.clock.move_to(to)
        self.service.due_work()

    def changes(self) -> list[dict[str, Any]]:
        """Return the data of all ``tier.changed`` events, oldest first."""
        return self.told("tier.changed")

    def told(self, event_type: str) -> list[dict[str, Any]]:
        """Return the data of all events of a type, oldest first."""
        statement = "SELECT data FROM outbox WHERE type = :type ORDER BY id"
        return [row.data for row in self.database.query(statement, type=event_type)]


def enrolled(member_id: UUID, when: datetime = START, **more: Any) -> Envelope:
    """Return ``member.enrolled``."""
    data = {
        "member_id": member_id,
        "enrolled_at": when,
        "channel": "store",
        "status": "active",
        "home_store_id": None,
        "locale": None,
        **more,
    }
    return _event(members_events.ENROLLED, member_id, when, data)


def updated(member_id: UUID, status: str, sequence: int, **more: Any) -> Envelope:
    """Return ``member.updated``."""
    data = {"member_id": member_id, "changed": ["status"], "status": status, **more}
    return replace(_event(members_events.UPDATED, member_id, START, data), sequence=sequence)


def sold(
    member_id: UUID | None, sale_id: str, payable_minor: int, when: datetime = START
) -> Envelope:
    """Return ``sale.recorded``."""
    data = {
        "sale_id": sale_id,
        "member_id": member_id,
        "occurred_at": when,
        "store_id": None,
        "currency": "CNY",
        "gross_minor": payable_minor,
        "discount_minor": 0,
        "points_minor": 0,
        "payable_minor": payable_minor,
        "points_earned": payable_minor // 100,
        "coupon_codes": False,
    }
    return _event(points_events.SALE_RECORDED, member_id, when, data)


def returned(
    sale: Envelope, return_id: str, refunded_total_minor: int, when: datetime = START
) -> Envelope:
    """Return ``sale.returned`` for a sale's event."""
    payable = sale.data["payable_minor"]
    data = {
        "sale_id": sale.data["sale_id"],
        "return_id": return_id,
        "member_id": _member(sale),
        "occurred_at": when,
        "sale_occurred_at": sale.occurred_at,
        "payable_minor": payable,
        "refunded_total_minor": refunded_total_minor,
        "full": refunded_total_minor == payable,
        "reason_code": "customer_return",
    }
    return _event(points_events.SALE_RETURNED, _member(sale), when, data)


def cancelled(sale: Envelope, when: datetime = START) -> Envelope:
    """Return ``sale.cancelled`` for a sale's event."""
    data = {
        "sale_id": sale.data["sale_id"],
        "member_id": _member(sale),
        "cancelled_at": when,
        "sale_occurred_at": sale.occurred_at,
        "payable_minor": sale.data["payable_minor"],
        "reason_code": "system_fault",
        "merchant_fault": True,
    }
    return _event(points_events.SALE_CANCELLED, _member(sale), when, data)


def closed(order_id: str, when: datetime) -> Envelope:
    """Return ``checkout.closed``."""
    data = {"order_id": order_id, "reason": "expired", "attempt": 1}
    return _event(points_events.CHECKOUT_CLOSED, None, when, data)


def _member(sale: Envelope) -> UUID | None:
    return sale.data["member_id"] and UUID(sale.data["member_id"])


def _event(
    event_type: EventType, member_id: UUID | None, when: datetime, data: dict[str, Any]
) -> Envelope:
    return Envelope(
        id=new_id(),
        type=event_type.name,
        version=event_type.version,
        occurred_at=when,
        recorded_at=when,
        producer=event_type.producer,
        subject=str(member_id),
        sequence=1,
        data=event_type.schema().dump(data),
    )
