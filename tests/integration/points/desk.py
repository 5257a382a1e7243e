"""A points service in this process, spoken to as over the wire, at a time the test sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.calls import Actor, CallContext, Idempotency, Reply
from shared.clock import ManualClock, rfc3339
from shared.contracts import privacy
from shared.contracts.coupons import events as coupons
from shared.contracts.event import Envelope, EventType
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.members import merge_events
from shared.contracts.method import Method
from shared.contracts.points import rpc
from shared.contracts.tiers import events as tiers
from shared.errors import LoyaltyError, from_wire
from shared.rpc.dispatch import dispatch
from tests.support.platform import make_service
from tests.support.postgres import ServiceDatabase

START = datetime(2026, 3, 10, 4, tzinfo=UTC)
TILL = Actor("terminal", "t-1", (), "s-1")
SHOP = Actor("shop", "web")


class Desk:
    """What tests say to the points service."""

    def __init__(self, database: ServiceDatabase, start: datetime = START) -> None:
        self.database = database
        self.clock = ManualClock(start)
        self.service = make_service(database, self.clock)
        self._sequence = 0

    def allow_late_reports(self) -> None:
        """Let sales be as old as a test wants them, as if a till had just been online (S5)."""
        self.service.settings = replace(
            self.service.settings, late_limit_hours=10**6, online_within_minutes=10**8
        )

    def call(
        self,
        method: Method,
        payload: Mapping[str, Any],
        *,
        actor: Actor = TILL,
        key: str | None = None,
        route: str | None = None,
    ) -> Reply:
        """Call the service; JSON both ways."""
        idempotency = Idempotency(key, route or method.name, _fingerprint(payload)) if key else None
        context = CallContext(f"request-{uuid4().hex[:8]}", actor, idempotency)
        handler = getattr(self.service, method.name)
        message = json.loads(json.dumps({"context": context.to_wire(), "payload": payload}))
        result = json.loads(json.dumps(dispatch(method, handler, **message)))
        if "error" in result:
            raise from_wire(result["error"])
        return Reply.from_wire(result)

    def sell(
        self,
        *nets: int,
        member: UUID | None = None,
        actor: Actor = TILL,
        key: str | None = None,
        **fields: Any,
    ) -> Reply:
        """Record a sale whose lines "1", "2", … cost ``nets``."""
        return self.call(
            rpc.RECORD_SALE, self.sale(*nets, member=member, **fields), actor=actor, key=key
        )

    def sale(self, *nets: int, member: UUID | None = None, **fields: Any) -> dict[str, Any]:
        """Return a sale as the gateway hands it over."""
        lines = [line(str(place), net) for place, net in enumerate(nets, start=1)]
        return {
            "sale_id": f"sale-{uuid4().hex[:12]}",
            "occurred_at": rfc3339(self.clock.now()),
            "currency": "CNY",
            "member_id": member and str(member),
            "store_id": "s-1",
            "lines": lines,
        } | fields

    def give_back(
        self,
        sale_id: str,
        lines: Mapping[str, tuple[int, int]],
        *,
        return_id: str | None = None,
        actor: Actor = TILL,
        key: str | None = None,
        **fields: Any,
    ) -> Reply:
        """Return lines of a sale: ``{line_id: (quantity, net_minor)}``."""
        payload = {
            "sale_id": sale_id,
            "return_id": return_id or f"return-{uuid4().hex[:12]}",
            "occurred_at": rfc3339(self.clock.now()),
            "reason_code": "customer_return",
            "lines": [
                {"line_id": line_id, "quantity": quantity, "net_minor": net}
                for line_id, (quantity, net) in lines.items()
            ],
        } | fields
        return self.call(rpc.RETURN_SALE, payload, actor=actor, key=key)

    def cancel(self, sale_id: str, *, actor: Actor = TILL, **fields: Any) -> Reply:
        """Undo a sale."""
        payload = {"sale_id": sale_id, "reason_code": "customer_request"} | fields
        return self.call(rpc.CANCEL_SALE, payload, actor=actor)

    def points(self, member: UUID) -> dict[str, Any]:
        """Return a member's points."""
        payload = {"member_id": str(member), "exists": True}
        return self.call(rpc.BALANCE, payload).body

    def available(self, member: UUID) -> int:
        """Return what a member can spend."""
        available: int = self.points(member)["balances"]["available"]
        return available

    def journal(self, member: UUID) -> list[dict[str, Any]]:
        """Return a member's entries, oldest first."""
        payload = {"member_id": str(member), "exists": True, "limit": 200}
        items: list[dict[str, Any]] = self.call(rpc.TRANSACTIONS, payload).body["items"]
        return items[::-1]

    def verify(self) -> dict[str, Any]:
        """Return the proof of the ledger."""
        return self.call(rpc.VERIFY, {}).body

    def hear(
        self, event_type: EventType, subject: object, data: Mapping[str, Any], sequence: int = 0
    ) -> Envelope:
        """Deliver an event of another service."""
        self._sequence += 1
        event = Envelope(
            id=uuid4(),
            type=event_type.name,
            version=event_type.version,
            occurred_at=self.clock.now(),
            recorded_at=self.clock.now(),
            producer=event_type.producer,
            subject=str(subject),
            sequence=sequence or self._sequence,
            data=event_type.schema().dump(data),
        )
        self.deliver(event)
        return event

    def deliver(self, event: Envelope) -> None:
        """Hand an event to whoever in points hears it."""
        handlers = {
            tiers.CHANGED.name: self.service.on_tier_changed,
            members.ENROLLED.name: self.service.on_member_enrolled,
            members.UPDATED.name: self.service.on_member_updated,
            members.IMPORTED.name: self.service.on_member_imported,
            privacy.ERASED.name: self.service.on_member_erased,
            members.HOUSEHOLD_CHANGED.name: self.service.on_household_changed,
            merge_events.MERGED.name: self.service.on_member_merged,
            merge_events.UNMERGED.name: self.service.on_member_unmerged,
            tiers.BENEFIT_GRANTED.name: self.service.on_benefit_granted,
            coupons.REWARD_CANCELLED.name: self.service.on_reward_cancelled,
            identity.STORE_OPENED.name: self.service.on_store_opened,
            identity.STORE_CHANGED.name: self.service.on_store_changed,
        }
        handlers[event.type](event)

    def promote(
        self, member: UUID, tier: str, multiplier: str, since: datetime | None = None
    ) -> Envelope:
        """Let tiers say that a member has another tier."""
        data = {
            "member_id": member,
            "from_tier": None,
            "tier": tier,
            "rank": 1,
            "multiplier": multiplier,
            "source": "earned",
            "effective_from": since or self.clock.now(),
            "reason": "test",
        }
        return self.hear(tiers.CHANGED, member, data)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the data of the events of one type, in order."""
        rows = self.database.query("SELECT data FROM outbox WHERE type = :t ORDER BY id", t=name)
        return [row.data for row in rows]


def line(line_id: str, net_minor: int, **fields: Any) -> dict[str, Any]:
    """Return a line of one piece."""
    return {"line_id": line_id, "sku": "sku", "quantity": 1, "net_minor": net_minor} | fields


def in_parallel(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Return what ``work(number)`` returned or refused with, each in a thread of its own."""

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: tried(work, number), range(count)))


def tried(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what ``work`` returns, or what it is refused with."""
    try:
        return work(*arguments)
    except LoyaltyError as refusal:
        return refusal


def codes(results: Sequence[Any]) -> list[str]:
    """Return the codes of the refusals among results."""
    return [result.code for result in results if isinstance(result, LoyaltyError)]


def refusal_of(call: Callable[[], Any]) -> LoyaltyError:
    """Return what ``call`` is refused with."""
    with pytest.raises(LoyaltyError) as caught:
        call()
    return caught.value


def _fingerprint(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, sort_keys=True)
