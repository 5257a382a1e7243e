"""A person of whom every service keeps something, and a look at all that is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa

from shared.clock import rfc3339
from shared.contracts.platform import SERVICES
from shared.security.crypto import LookupKey
from tests.support.platform import LOOKUP_KEY, Person, Platform

PHONE, OTHER_PHONE = "+8613800138000", "+8613900139000"
NAME, EMAIL, BIRTHDAY = "Zhang Leifeng", "leifeng@example.com", "1990-05-17"
CARD, OPENID, HOUSEHOLD = "620000007777", "openid-0f3e", "The Zhangs of Hutong Lane"
SECRETS = (
    PHONE, PHONE[1:], PHONE[3:], NAME, "Leifeng", "leifeng", EMAIL, BIRTHDAY, CARD, OPENID,
    HOUSEHOLD,
)  # fmt: skip
"""None of it may be found anywhere once the person is forgotten."""


FILLED = {
    (service, table)
    for service, tables in {
        "members": "members identifiers consents standing_changes household_members households",
        "identity": "refresh_families refresh_tokens",
        "points": "members accounts transactions postings lots lot_entries sales sale_lines returns"
        " activities adjustments transfers holds",
        "coupons": "members coupons history",
        "tiers": "tier_states contributions refunds tier_history tier_overrides",
    }.items()
    for table in tables.split()
}
"""Where the story leaves something."""
_TABLES = sa.text(
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
)


class World(Protocol):
    """Where the person lives: the platform in one process, or its real processes."""

    def staff(self, *roles: str) -> Person:
        """Return a new member of staff."""
        ...

    def terminal(self) -> Person:
        """Return a till."""
        ...

    def shopper(self, phone: str) -> Person:
        """Return whoever owns ``phone``, signed in."""
        ...

    def now(self) -> datetime:
        """Return the platform's time."""
        ...

    def advance_clock(self, *, seconds: float) -> None:
        """Move the sandbox clock on."""
        ...

    def settle(self) -> object:
        """Return when all that happened is known everywhere."""
        ...


@dataclass
class Known:
    """The person, and whom it has to do with."""

    member_id: str
    other_id: str
    shopper: Person
    manager: Person
    till: Person
    coupon_id: str


def live(platform: World) -> Known:
    """Let somebody enrol by itself, buy, give, be given, and be written about."""
    manager, colleague = platform.staff("manager"), platform.staff("manager")
    till = platform.terminal()
    enrolment = {
        "phone": PHONE, "name": NAME, "email": EMAIL, "birthday": BIRTHDAY, "gender": "male",
        "locale": "zh-CN", "home_store_id": "s-1", "channel": "app", "card_number": CARD,
        "consents": [{"purpose": "marketing", "channel": "sms", "granted": True,
                      "policy_version": "7"}],
    }  # fmt: skip
    member_id = platform.shopper(PHONE).post("/v1/members", enrolment)["member_id"]
    other = till.post("/v1/members", {"phone": OTHER_PHONE, "channel": "store"})["member_id"]
    platform.settle()
    platform.advance_clock(seconds=31)
    shopper = platform.shopper(PHONE)
    known = Known(member_id, other, shopper, manager, till, "")
    manager.post(f"/v1/members/{member_id}/external-ids", {"system": "wechat", "id": OPENID})
    _share(known)
    _buy(platform, known)
    _be_written_about(platform, known, colleague)
    known.coupon_id = _hold_coupons(platform, known)
    _change_its_mind_about_a_reward(known)
    platform.settle()
    return known


def _share(known: Known) -> None:
    household = known.shopper.post(
        "/v1/households", {"name": HOUSEHOLD, "owner_member_id": known.member_id}
    )
    path = f"/v1/households/{household['household_id']}/members"
    known.shopper.post(path, {"member_id": known.other_id})
    known.manager.post(path, {"member_id": known.other_id})


def sale(platform: World, member_id: str, **more: Any) -> dict[str, Any]:
    """Return a sale to a member."""
    line = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": 200_000}
    return {
        "sale_id": f"sale-{uuid4().hex[:8]}",
        "occurred_at": rfc3339(platform.now()),
        "currency": "CNY",
        "member": {"type": "member_id", "value": member_id},
        "lines": [line],
        **more,
    }


def _buy(platform: World, known: Known) -> None:
    bought = known.till.post("/v1/sales", sale(platform, known.member_id))
    back = {
        "return_id": "r-1",
        "occurred_at": rfc3339(platform.now()),
        "lines": [{"line_id": "1", "quantity": 1, "net_minor": 100_000}],
        "reason_code": "customer_return",
    }
    known.till.post(f"/v1/sales/{bought['sale_id']}/returns", back)
    hold = {"member_id": known.member_id, "points": 100, "order_id": "order-1"}
    known.till.post("/v1/points/holds", hold)
    gift = {"from_member_id": known.member_id, "to_member_id": known.other_id, "points": 10}
    known.shopper.post("/v1/points/transfers", {**gift, "note": f"Yours, {NAME}"})
    known.shopper.post(
        "/v1/points/activities",
        {"activity_id": "a-1", "activity": "check_in", "occurred_at": rfc3339(platform.now()),
         "member": {"type": "member_id", "value": known.member_id}},
    )  # fmt: skip


def _be_written_about(platform: World, known: Known, colleague: Person) -> None:
    who, manager = f"/v1/members/{known.member_id}", known.manager
    because = {"reason": f"{NAME} asked for it"}
    manager.post(f"{who}/freeze", because, status=200)
    manager.post(f"{who}/unfreeze", because, status=200)
    platform.settle()
    given = {"member_id": known.member_id, "points": 50, "reason_code": "goodwill"}
    manager.post("/v1/points/adjustments", {**given, "note": f"{NAME} waited long"})
    until = {"expires_at": "2030-01-01T00:00:00Z"}
    manager.post(f"{who}/tier/overrides", {**because, **until, "tier": "PLATINUM"}, status=202)
    colleague.post(f"{who}/unmask", {"fields": ["phone"], "purpose": "Call back"}, status=200)


def _hold_coupons(platform: World, known: Known) -> str:
    manager = known.manager
    terms = {
        "name": "Tea", "kind": "amount_off", "value": 500, "code": {"type": "unique"},
        "validity": {"never_expires": True}, "giftable": True,
    }  # fmt: skip
    campaign = manager.post("/v1/campaigns", terms)["campaign_id"]
    manager.post(f"/v1/campaigns/{campaign}/publish", status=200)
    platform.settle()
    claims = f"/v1/campaigns/{campaign}/claims"
    first, second = (known.shopper.post(claims) for _ in range(2))
    to = {"to": {"type": "phone", "value": OTHER_PHONE}, "message": f"From {NAME} with love"}
    known.shopper.post(f"/v1/coupons/{first['code']}/gift", to, status=200)
    return str(second["coupon_id"])


def _change_its_mind_about_a_reward(known: Known) -> None:
    offered = known.manager.post("/v1/rewards", {"name": "Pin", "kind": "item", "points": 1})
    order = known.shopper.post(f"/v1/rewards/{offered['reward_id']}/orders")
    known.shopper.post(f"/v1/reward-orders/{order['order_id']}/cancel", status=200)


def phone_digest() -> bytes:
    """Return the keyed hash by which the person's phone is found."""
    return LookupKey(LOOKUP_KEY).digest("phone", PHONE)


def dump(platform: Platform) -> dict[str, str]:
    """Return every row of every table of every service as text."""
    found: dict[str, str] = {}
    for service in SERVICES:
        engine = sa.create_engine(platform.databases[service].admin_url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            tables = connection.execute(_TABLES).scalars().all()
            for table in tables:
                rows = connection.execute(sa.text(f"SELECT t::text FROM {table} AS t"))  # noqa: S608
                found[f"{service}:{table}"] = "\n".join(rows.scalars())
    return found


def traces(kept: dict[str, str], *more: str) -> list[tuple[str, str]]:
    """Return where the person can still be read, as written or in hexadecimal."""
    wanted = [*SECRETS, *more]
    return [
        (place, secret)
        for place, text in kept.items()
        for secret in wanted
        if secret in text or secret.encode().hex() in text
    ]


def finish_job(platform: Platform, person: Person, job_id: str) -> dict[str, Any]:
    """Let everybody do what a job waits for; return the job."""
    for _ in range(4):
        platform.settle()
        platform.run_jobs()
    return person.get(f"/v1/jobs/{job_id}")


def download(person: Person, job_id: str) -> dict[str, Any]:
    """Return an export."""
    headers = {"Authorization": f"Bearer {person.token}"}
    response = person.client.get(f"/v1/jobs/{job_id}/result", headers=headers)
    assert response.status_code == 200, response.data
    document: dict[str, Any] = json.loads(response.data)
    return document


def erase(known: Known) -> str:
    """Ask for the person to be forgotten; returns the job's id."""
    path = f"/v1/members/{known.member_id}"
    status, body, _ = known.manager.request("DELETE", path, {"reason": "Asked by letter."})
    assert status == 202, body
    return str(body["job_id"])
