"""The coupons service in a plain process, on its own database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.coupons.service import CouponsService
from shared.calls import Actor, CallContext, Idempotency
from shared.clock import ManualClock, rfc3339
from shared.contracts.coupons import rpc
from shared.contracts.event import Envelope, EventType
from shared.contracts.members import events as members_events
from shared.contracts.method import Method
from shared.contracts.points import events as points_events
from shared.contracts.tiers import events as tiers_events
from shared.ids import new_id
from shared.rpc.dispatch import dispatch
from tests.support.platform import make_service
from tests.support.postgres import ServiceDatabase

NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
"""12:00 in Shanghai."""
MARKETING = Actor("staff", "marketing-1", roles=("marketing",))
TILL = Actor("terminal", "till-1", store_id="S001")
SECOND = timedelta(seconds=1)
Body = dict[str, Any]


class Refused(AssertionError):
    """The service answered with an error."""

    def __init__(self, error: Body) -> None:
        super().__init__(error)
        self.code: str = error["code"]
        self.error = error


class Coupons:
    """Calls the service as the wire does, and tells it what other services say."""

    def __init__(self, database: ServiceDatabase) -> None:
        self.database = database
        self.clock = ManualClock(NOON)
        self.service: CouponsService = make_service(database, self.clock)
        self._sequence = 0

    def call(
        self,
        method: Method,
        payload: Body | None = None,
        *,
        actor: Actor = MARKETING,
        key: str | None = None,
    ) -> Body:
        """Return the body of the answer; raises `Refused`."""
        payload = payload or {}
        fingerprint = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        idempotency = Idempotency(key, f"POST {method.name}", fingerprint) if key else None
        context = CallContext(str(new_id()), actor, idempotency).to_wire()
        handler = getattr(self.service, method.name)
        answer = json.loads(json.dumps(dispatch(method, handler, context=context, payload=payload)))
        if "error" in answer:
            raise Refused(answer["error"])
        body: Body = answer["body"]
        return body

    # What marketing and members do.

    def campaign(self, *, publish: bool = True, **more: Any) -> str:
        """Create a campaign, publish it, and return its id."""
        draft = {
            "name": "Spring",
            "kind": "amount_off",
            "value": 500,
            "validity": {"never_expires": True},
            **more,
        }
        campaign_id: str = self.call(rpc.CREATE_CAMPAIGN, draft)["campaign_id"]
        if publish:
            self.call(rpc.PUBLISH_CAMPAIGN, {"campaign_id": campaign_id})
        return campaign_id

    def public(self, code: str = "SPRING", **more: Any) -> str:
        """Create and publish a campaign with a public code."""
        return self.campaign(code={"type": "public", "value": code}, **more)

    def claim(self, campaign_id: str, member_id: UUID, **more: Any) -> Body:
        """Claim a coupon as the member itself."""
        payload = {"campaign_id": campaign_id, "member_id": str(member_id)}
        return self.call(rpc.CLAIM, payload, actor=Actor("member", str(member_id)), **more)

    def issue(self, campaign_id: str, *member_ids: UUID) -> Body:
        """Issue a coupon to each."""
        wanted = [str(member_id) for member_id in member_ids]
        return self.call(rpc.ISSUE, {"campaign_id": campaign_id, "member_ids": wanted})

    def wallet(self, member_id: UUID, *, owner: bool = True, **query: Any) -> list[Body]:
        """Return all pages of the wallet."""
        payload = {"member_id": str(member_id), "owner": owner, **query}
        page = self.call(rpc.WALLET, payload)
        items: list[Body] = page["items"]
        while page["next"] is not None:
            page = self.call(rpc.WALLET, {**payload, "after": page["next"]})
            items += page["items"]
        return items

    def status(self, member_id: UUID) -> str:
        """Return the status of the member's only coupon."""
        (coupon,) = self.wallet(member_id)
        status: str = coupon["status"]
        return status

    # What the gateway does for an order.

    def reserve(
        self,
        order_id: str,
        codes: Sequence[str],
        member_id: UUID | None = None,
        *,
        ttl_s: float = 900,
        **more: Any,
    ) -> Body:
        """Reserve for a basket of one line at 10.00, unless ``lines`` says otherwise."""
        payload: Body = {
            "order_id": order_id,
            "member_id": str(member_id) if member_id else None,
            "store_id": "S001",
            "channel": "store",
            "currency": "CNY",
            "occurred_at": rfc3339(self.clock.now()),
            "expires_at": rfc3339(self.clock.now() + timedelta(seconds=ttl_s)),
            "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}],
            "codes": list(codes),
        }
        return self.call(rpc.RESERVE, {**payload, **more}, actor=TILL)

    def confirm(self, order_id: str) -> str:
        """Confirm and return the order's status."""
        status: str = self.call(rpc.CONFIRM, {"order_id": order_id}, actor=TILL)["status"]
        return status

    def release(self, order_id: str, **more: Any) -> str:
        """Release and return the order's status."""
        payload = {"order_id": order_id, **more}
        status: str = self.call(rpc.RELEASE, payload, actor=TILL)["status"]
        return status

    def buy(self, order_id: str, codes: Sequence[str], member_id: UUID | None = None) -> Body:
        """Reserve, confirm, and hear from points that the sale is recorded."""
        answer = self.reserve(order_id, codes, member_id)
        self.confirm(order_id)
        self.sale_recorded(order_id)
        return answer

    # What other services tell.

    def tell(self, kind: EventType, data: Body, *, at: datetime | None = None) -> Envelope:
        """Have the service consume an event; returns it."""
        self._sequence += 1
        now = self.clock.now()
        event = Envelope(
            id=new_id(),
            type=kind.name,
            version=kind.version,
            occurred_at=at or now,
            recorded_at=now,
            producer=kind.producer,
            subject=str(data.get("member_id") or data.get("order_id") or data.get("sale_id")),
            sequence=self._sequence,
            data=kind.schema().dump(data),
        )
        self.hear(event)
        return event

    def hear(self, event: Envelope) -> None:
        """Have the service consume an event as it came over the wire."""
        wire = json.loads(json.dumps(event.to_wire()))
        for name in dir(CouponsService):
            kind = getattr(getattr(CouponsService, name), "event_type", None)
            if kind is not None and (kind.name, kind.producer) == (event.type, event.producer):
                getattr(self.service, name)(Envelope.from_wire(wire))
                return
        raise AssertionError(f"nobody hears {event.type}")

    def member(
        self,
        status: str = "active",
        tier: str | None = None,
        *,
        birth_month: int | None = None,
        channel: str = "store",
    ) -> UUID:
        """Return a member that the service has heard of."""
        member_id = new_id()
        self.tell(
            members_events.ENROLLED,
            {
                "member_id": member_id,
                "enrolled_at": self.clock.now(),
                "channel": channel,
                "status": status,
                "birth_month": birth_month,
            },
        )
        if tier is not None:
            self.tier(member_id, tier)
        return member_id

    def tier(self, member_id: UUID, tier: str, *, rank: int = 1) -> Envelope:
        """Tell a member's tier."""
        data = {
            "member_id": member_id,
            "from_tier": None,
            "tier": tier,
            "rank": rank,
            "multiplier": "1",
            "source": "earned",
            "effective_from": self.clock.now(),
            "reason": "test",
        }
        return self.tell(tiers_events.CHANGED, data)

    def sale_recorded(self, order_id: str, *, coupon_codes: bool = True) -> Envelope:
        """Tell that an order became a sale."""
        data = {
            "sale_id": order_id,
            "member_id": None,
            "occurred_at": self.clock.now(),
            "store_id": "S001",
            "currency": "CNY",
            "gross_minor": 1_000,
            "discount_minor": 500,
            "points_minor": 0,
            "payable_minor": 500,
            "points_earned": 5,
            "coupon_codes": coupon_codes,
        }
        return self.tell(points_events.SALE_RECORDED, data)

    def sale_cancelled(
        self, order_id: str, *, reason: str = "customer_request", merchant_fault: bool = False
    ) -> Envelope:
        """Tell that a sale was undone."""
        data = {
            "sale_id": order_id,
            "member_id": None,
            "cancelled_at": self.clock.now(),
            "sale_occurred_at": self.clock.now(),
            "payable_minor": 500,
            "reason_code": reason,
            "merchant_fault": merchant_fault,
        }
        return self.tell(points_events.SALE_CANCELLED, data)

    def sale_returned(self, order_id: str, *, full: bool) -> Envelope:
        """Tell that goods came back."""
        data = {
            "sale_id": order_id,
            "return_id": f"return-{self._sequence}",
            "member_id": None,
            "occurred_at": self.clock.now(),
            "sale_occurred_at": self.clock.now(),
            "payable_minor": 500,
            "refunded_total_minor": 500 if full else 100,
            "full": full,
            "reason_code": "customer_return",
        }
        return self.tell(points_events.SALE_RETURNED, data)

    def checkout_closed(
        self, order_id: str, *, at: datetime | None = None, **more: Any
    ) -> Envelope:
        """Tell that an order will never become a sale."""
        data = {"order_id": order_id, "reason": "cancelled", **more}
        return self.tell(points_events.CHECKOUT_CLOSED, data, at=at)

    # What is behind the scenes.

    def events(self, name: str | None = None) -> list[tuple[str, Body]]:
        """Return type and data of all events sent, oldest first."""
        rows = self.database.query("SELECT type, data FROM outbox ORDER BY id")
        return [(row.type, row.data) for row in rows if name in (None, row.type)]

    def usage(self, campaign_id: str) -> dict[tuple[str, str], int]:
        """Return the campaign's counters by scope and holder."""
        rows = self.database.query(
            "SELECT scope, holder, used FROM usage WHERE campaign_id = CAST(:id AS uuid)",
            id=campaign_id,
        )
        return {(row.scope, row.holder): row.used for row in rows}

    def changes(self, coupon_id: str) -> list[tuple[str | None, str, str]]:
        """Return the coupon's history: from, to, cause."""
        rows = self.database.query(
            "SELECT from_status, to_status, cause FROM history"
            " WHERE coupon_id = CAST(:id AS uuid) ORDER BY id",
            id=coupon_id,
        )
        return [tuple(row) for row in rows]


def held(coupons: Coupons, **more: Any) -> tuple[UUID, str, Body]:
    """Return a member, its campaign and the coupon it claimed."""
    member_id, campaign_id = coupons.member(), coupons.campaign(**more)
    return member_id, campaign_id, coupons.claim(campaign_id, member_id)


def rejected(answer: Body) -> dict[str, str]:
    """Return the reasons of an answer's rejected codes."""
    return {each["code"]: each["reason"] for each in answer["rejected"]}


def opened(at: int) -> dict[str, Any]:
    """Return the checkout's opening as points tells it, ``at`` seconds after noon."""
    return {"opened_at": rfc3339(NOON + at * SECOND)}


def together(acts: Sequence[Callable[[], Any]], threads: int = 16) -> list[Any]:
    """Do the acts side by side; returns each one's result, or the code of its refusal."""

    def attempt(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(attempt, acts))
