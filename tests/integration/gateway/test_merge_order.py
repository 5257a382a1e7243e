"""Steps of merges that reach a service twice, or in another order than they were made (M3)."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from shared.clock import rfc3339
from shared.contracts.event import Envelope
from shared.db.tables import PLATFORM
from tests.support.platform import Person, Platform, envelope_of

CONSUMERS = ("coupons", "identity", "points", "tiers")


def three(platform: Platform, till: Person, number: int) -> list[str]:
    """Enrol three members who have bought for 900.00, 600.00 and 300.00."""
    found = []
    for place, net_minor in enumerate((90_000, 60_000, 30_000)):
        phone = f"+86138001{number:02}{place:03}"
        member = till.post("/v1/members", {"phone": phone, "channel": "store"})
        sale = {
            "sale_id": f"s-{number}-{place}",
            "occurred_at": rfc3339(platform.now()),
            "currency": "CNY",
            "member": {"type": "phone", "value": phone},
            "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": net_minor}],
        }
        till.post("/v1/sales", sale)
        found.append(str(member["member_id"]))
    platform.settle()
    return found


def steps_of(platform: Platform, members: list[str]) -> list[Envelope]:
    """Merge the first into the second, that one into the third, undo that; return the steps."""
    manager, (first, second, third) = platform.staff("manager"), members
    for act, survivor, source in (
        ("merge", second, first),
        ("merge", third, second),
        ("unmerge", third, second),
    ):
        body = {"source_member_id": source} | ({"reason": "One person."} if act == "merge" else {})
        manager.post(f"/v1/members/{survivor}/{act}", body, status=200)
    outbox = PLATFORM.outbox
    told = sa.select(outbox).where(
        outbox.c.published_at.is_(None), outbox.c.type.in_(("member.merged", "member.unmerged"))
    )
    with platform.services["members"].db.engine.connect() as connection:
        rows = connection.execute(told.order_by(outbox.c.id)).all()
    return [envelope_of(row, "members") for row in rows]


def outcome(platform: Platform, members: list[str]) -> list[Any]:
    """Return what the members have, and their tiers."""
    auditor = platform.staff("auditor")
    return [
        (
            auditor.get(f"/v1/members/{each}/points")["balances"]["available"],
            auditor.get(f"/v1/members/{each}/tier")["tier"]["code"],
        )
        for each in members
    ]


@pytest.mark.rule("M3")
def test_steps_in_any_order_and_told_twice_come_to_the_same(platform: Platform) -> None:
    till = platform.terminal()
    for number, order in enumerate(permutations(range(3))):
        members = three(platform, till, number)
        steps = steps_of(platform, members)
        for place in order:
            for step in (steps[place], steps[place], replace(steps[place], id=uuid4())):
                for consumer in CONSUMERS:
                    platform.deliver(step, only=consumer)
        assert outcome(platform, members) == [(0, "BRONZE"), (1_500, "SILVER"), (300, "BRONZE")]
        platform.settle()
    merges = platform.staff("manager").get(f"/v1/members/{members[1]}/merges")["items"]
    assert [each["status"] for each in merges] == ["unmerged", "merged"]
    assert all(part["status"] == "done" for each in merges for part in each["services"])
    proof = platform.staff("auditor").post("/v1/points/verify", status=200)
    assert (proof["ok"], proof["accounts_checked"]) == (True, 18)
