"""What each consumer of events needs: the fields it reads, by example and matching rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pact import match

from shared.contracts import privacy
from shared.contracts.event import EventType
from shared.contracts.identity import events as identity
from shared.contracts.members import events as members
from shared.contracts.members import merge_events as merges
from shared.contracts.points import events as points
from shared.contracts.tiers import events as tiers
from shared.ids import new_id
from tests.support.platform import Platform

MEMBER = "0192f3a0-0000-7000-8000-000000000001"
SURVIVOR = "0192f3a0-0000-7000-8000-00000000000e"
_INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def instant(example: str) -> Any:
    """Match an RFC 3339 time in UTC."""
    return match.regex(example, regex=_INSTANT)


def uuid(example: str = MEMBER) -> Any:
    """Match a UUID."""
    return match.regex(example, regex=_UUID)


@dataclass(frozen=True)
class Need:
    """One event a consumer needs, and how to see that it could use it."""

    consumer: str
    event: EventType
    state: str
    data: Mapping[str, Any] = field(hash=False)
    used: Callable[[Platform], object] = field(hash=False)
    """Looks into the consumer's database; truthy when the event had its effect."""

    @property
    def description(self) -> str:
        """Name the message: what happened, told by its event."""
        return f"{self.event.routing_key} when {self.state}"

    def envelope(self) -> dict[str, Any]:
        """Return the whole message with matching rules."""
        return {
            "id": uuid(str(new_id())),
            "type": self.event.name,
            "version": self.event.version,
            "occurred_at": instant("2026-01-05T10:00:00Z"),
            "recorded_at": instant("2026-01-05T10:00:00Z"),
            "producer": self.event.producer,
            "subject": match.like(MEMBER),
            "sequence": match.int(1),
            "data": dict(self.data),
        }


def count(service: str, statement: str) -> Callable[[Platform], int]:
    def look(platform: Platform) -> int:
        bound = {"member": MEMBER} if ":member" in statement else {}
        found: int = platform.databases[service].query(statement, **bound)[0][0]
        return found

    return look


_BORN_IN_MAY = count(
    "points", "SELECT count(*) FROM members WHERE member_id = :member AND birth_month = 5"
)
_STORE_KEPT = count("points", "SELECT count(*) FROM stores WHERE time_zone = 'Asia/Urumqi'")


def _status_kept(service: str) -> Callable[[Platform], int]:
    return count(service, "SELECT count(*) FROM members WHERE member_id = :member")


_ENROLLED = {
    "member_id": uuid(),
    "enrolled_at": instant("2026-01-05T10:00:00Z"),
    "channel": match.like("store"),
    "status": match.like("active"),
    "birth_month": match.int(5),
}
_UPDATED = {
    "member_id": uuid(),
    "changed": match.each_like("name"),
    "status": match.like("active"),
    "enrolled_at": instant("2026-01-05T10:00:00Z"),
    "birth_month": match.int(5),
}
_CAME = {
    "members": match.each_like(
        {
            "member_id": uuid(),
            "enrolled_at": instant("2026-01-05T10:00:00Z"),
            "birth_month": match.int(5),
            "points": match.int(1_200),
            "expires_on": match.regex("2030-12-31", regex=r"^\d{4}-\d\d-\d\d$"),
        }
    )
}
_STEP = {
    "step_id": uuid("0192f3a0-0000-7000-8000-0000000000a1"),
    "merge_id": uuid("0192f3a0-0000-7000-8000-0000000000a2"),
    "source_member_id": uuid(),
    "survivor_member_id": uuid(SURVIVOR),
    "after": [],
}
_UNDONE = {**_STEP, "after": match.each_like(uuid("0192f3a0-0000-7000-8000-0000000000a1"))}
_APPLIED = {"step_id": _STEP["step_id"], "merge_id": _STEP["merge_id"]}
_SHARED = {
    "household_id": uuid(),
    "owner_member_id": uuid(),
    "member_ids": match.each_like(uuid()),
    "joined": match.each_like(uuid()),
    "left": [],
}
_STORE = {
    "store_id": match.like("s-1"),
    "name": match.like("Nanjing Road"),
    "time_zone": match.like("Asia/Urumqi"),
    "active": match.bool(True),
}
_CHANGED = {
    "member_id": uuid(),
    "from_tier": match.like("BRONZE"),
    "tier": match.like("GOLD"),
    "rank": match.int(2),
    "multiplier": match.regex("1.25", regex=r"^\d+(\.\d+)?$"),
    "source": match.like("earned"),
    "effective_from": instant("2026-01-05T10:00:00Z"),
    "reason": match.like("qualified"),
}
_SALE = {
    "sale_id": match.like("sale-1"),
    "member_id": uuid(),
    "occurred_at": instant("2026-01-05T10:00:00Z"),
    "store_id": match.like("s-1"),
    "currency": match.regex("CNY", regex="^[A-Z]{3}$"),
    "gross_minor": match.int(600_000),
    "discount_minor": match.int(0),
    "points_minor": match.int(0),
    "payable_minor": match.int(600_000),
    "points_earned": match.int(6_000),
    "coupon_codes": match.bool(False),
}
_RETURNED = {
    "sale_id": match.like("sale-1"),
    "return_id": match.like("r-1"),
    "member_id": uuid(),
    "occurred_at": instant("2026-01-06T10:00:00Z"),
    "sale_occurred_at": instant("2026-01-05T10:00:00Z"),
    "payable_minor": match.int(12_000),
    "refunded_total_minor": match.int(6_000),
    "full": match.bool(False),
    "reason_code": match.like("customer_return"),
}
_CANCELLED = {
    "sale_id": match.like("sale-1"),
    "member_id": uuid(),
    "cancelled_at": instant("2026-01-06T10:00:00Z"),
    "sale_occurred_at": instant("2026-01-05T10:00:00Z"),
    "payable_minor": match.int(12_000),
    "reason_code": match.like("price_change"),
    "merchant_fault": match.bool(True),
}
_CLAIMED = {
    "sale_id": match.like("sale-1"),
    "member_id": uuid(),
    "occurred_at": instant("2026-01-05T10:00:00Z"),
    "claimed_at": instant("2026-01-06T10:00:00Z"),
    "store_id": match.like("s-1"),
    "currency": match.regex("CNY", regex="^[A-Z]{3}$"),
    "payable_minor": match.int(600_000),
    "refunded_total_minor": match.int(0),
    "points_earned": match.int(6_000),
}
_CLOSED = {
    "order_id": match.like("sale-1"),
    "reason": match.regex("expired", regex="^(cancelled|expired)$"),
    "merchant_fault": match.bool(False),
}


def heard(service: str) -> Callable[[Platform], int]:
    """Count what a service has heard; points heard of the first store before anything happened."""
    before = "WHERE producer <> 'identity'" if service == "points" else ""
    return count(service, f"SELECT count(*) FROM inbox {before}")  # noqa: S608 - constants only


_REDIRECTED = "SELECT count(*) FROM member_redirects WHERE member_id = :member"
_WAITING = "SELECT count(*) FROM member_merge_steps WHERE act = 'unmerge' AND applied_at IS NULL"

_OF_MERGES = tuple(
    need
    for service in merges.FOLLOWERS
    for need in (
        Need(service, merges.MERGED, "members merged", _STEP, count(service, _REDIRECTED)),
        Need(service, merges.UNMERGED, "a merge undone", _UNDONE, count(service, _WAITING)),
        Need(
            "members",
            merges.APPLIED[service],
            "members merged",
            _APPLIED,
            heard("members"),
        ),
    )
)

_ERASED = {
    "member_id": uuid(),
    "erased_at": instant("2026-01-05T10:00:00Z"),
    "phone_digest": match.regex("c" * 43, regex=r"^[A-Za-z0-9_-]{43}$"),
}
_PUBLIC_KEY = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="
_EXPORT_REQUESTED = {
    "export_id": uuid(),
    "member_id": uuid(),
    "member_ids": match.each_like(uuid()),
    "public_key": match.regex(_PUBLIC_KEY, regex=r"^[A-Za-z0-9+/]{43}=$"),
}
_PART = {
    "export_id": uuid(),
    "member_id": uuid(),
    "seq": match.int(0),
    "table": match.like("accounts"),
    "is_last": match.bool(True),
    "sealed": match.like("c2VhbGVk"),
}
_FORGOTTEN: dict[str, Any] = {"member_id": uuid(), "done": match.like({})}


def _privacy_needs() -> Iterator[Need]:
    """Each service sends its part of exports and forgets; members collects both (M6)."""
    for service in privacy.HOLDERS:
        used = heard(service)
        asked, erased = "a member asked for an export", "a member was erased"
        yield Need(service, privacy.EXPORT_REQUESTED, asked, _EXPORT_REQUESTED, used)
        yield Need(service, privacy.ERASED, erased, _ERASED, used)
        told = heard("members")
        yield Need("members", privacy.EXPORT_PARTS[service], asked, _PART, told)
        yield Need("members", privacy.ACKNOWLEDGED[service], erased, _FORGOTTEN, told)


NEEDS = (
    *_OF_MERGES,
    *_privacy_needs(),
    Need("points", identity.STORE_OPENED, "a store was opened", _STORE, _STORE_KEPT),
    Need("points", identity.STORE_CHANGED, "a store moved", _STORE, _STORE_KEPT),
    Need("points", members.ENROLLED, "a member enrolled", _ENROLLED, _BORN_IN_MAY),
    Need("coupons", members.ENROLLED, "a member enrolled", _ENROLLED, _status_kept("coupons")),
    Need(
        "tiers",
        members.ENROLLED,
        "a member enrolled",
        _ENROLLED,
        count("tiers", "SELECT count(*) FROM tier_states WHERE member_id = :member"),
    ),
    Need(
        "tiers",
        members.UPDATED,
        "a member changed its name",
        _UPDATED,
        count("tiers", "SELECT count(*) FROM tier_states WHERE birth_month = 5"),
    ),
    Need("points", members.UPDATED, "a member changed its name", _UPDATED, _BORN_IN_MAY),
    Need(
        "tiers",
        members.IMPORTED,
        "a member came with points",
        _CAME,
        count("tiers", "SELECT count(*) FROM tier_states WHERE member_id = :member"),
    ),
    Need(
        "points",
        members.IMPORTED,
        "a member came with points",
        _CAME,
        count("points", "SELECT count(*) FROM lots WHERE member_id = :member"),
    ),
    Need(
        "points",
        members.HOUSEHOLD_CHANGED,
        "a member joined a household",
        _SHARED,
        count("points", "SELECT count(*) FROM households WHERE :member = ANY (member_ids)"),
    ),
    Need(
        "coupons", members.UPDATED, "a member changed its name", _UPDATED, _status_kept("coupons")
    ),
    Need(
        "points",
        tiers.CHANGED,
        "a member rose to another tier",
        _CHANGED,
        count("points", "SELECT count(*) FROM member_tiers WHERE tier = 'GOLD'"),
    ),
    Need(
        "coupons",
        tiers.CHANGED,
        "a member rose to another tier",
        _CHANGED,
        count("coupons", "SELECT count(*) FROM members WHERE tier = 'GOLD'"),
    ),
    Need(
        "tiers",
        points.SALE_RECORDED,
        "a sale was recorded",
        _SALE,
        count("tiers", "SELECT count(*) FROM outbox WHERE data->>'tier' = 'GOLD'"),
    ),
    Need(
        "tiers",
        points.SALE_CLAIMED,
        "a sale was claimed",
        _CLAIMED,
        count("tiers", "SELECT count(*) FROM outbox WHERE data->>'tier' = 'GOLD'"),
    ),
    Need("coupons", points.SALE_RECORDED, "a sale was recorded", _SALE, heard("coupons")),
    Need(
        "tiers",
        points.SALE_RETURNED,
        "part of a sale was returned",
        _RETURNED,
        count("tiers", "SELECT count(*) FROM refunds WHERE refunded_total_minor = 6000"),
    ),
    Need(
        "coupons",
        points.SALE_RETURNED,
        "part of a sale was returned",
        _RETURNED,
        heard("coupons"),
    ),
    Need(
        "tiers",
        points.SALE_CANCELLED,
        "a sale was cancelled",
        _CANCELLED,
        count("tiers", "SELECT count(*) FROM refunds WHERE refunded_total_minor = 12000"),
    ),
    Need(
        "coupons",
        points.SALE_CANCELLED,
        "a sale was cancelled",
        _CANCELLED,
        heard("coupons"),
    ),
    Need(
        "tiers",
        points.CHECKOUT_CLOSED,
        "a checkout ran out of time",
        _CLOSED,
        heard("tiers"),
    ),
    Need(
        "coupons",
        points.CHECKOUT_CLOSED,
        "a checkout ran out of time",
        _CLOSED,
        heard("coupons"),
    ),
)
