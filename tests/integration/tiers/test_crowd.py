"""Many members judged at once come out as each of them would alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.tiers import rpc as contract
from shared.ids import new_id
from tests.integration.tiers.harness import START, Tiers, enrolled, returned, sold
from tests.integration.tiers.test_programmes import draft

MAYA = Actor("staff", "maya", ("manager",))
DAY = timedelta(days=1)
COUPON = {
    "code": "well-done",
    "kind": "upgrade_coupon",
    "campaign_id": "0192f3a0-0000-7000-8000-000000000009",
}


def crowd(tiers: Tiers) -> list[UUID]:
    """Return members of all tiers, some with less than they had, some under a floor."""
    members = []
    for number, yuan in enumerate((0, 0, 1_000, 1_000, 3_000, 3_000, 5_000, 25_000, 25_000)):
        member_id = new_id()
        members.append(member_id)
        tiers.hear(enrolled(member_id, START - number * DAY))
        sale = sold(member_id, f"{number}-a", yuan * 100)
        tiers.hear(sale)
        tiers.hear(sold(member_id, f"{number}-b", yuan * 50, START + 200 * DAY))
        if number % 3 == 0:
            tiers.hear(returned(sale, f"{number}-r", yuan * 60, START + 210 * DAY))
    for number, tier, days in ((0, "SILVER", 372), (2, "GOLD", 500), (6, "PLATINUM", 100)):
        until = rfc3339(START + days * DAY)
        wish = {"member_id": str(members[number]), "tier": tier, "reason": "Lost parcel"}
        tiers.call(contract.REQUEST_OVERRIDE, {**wish, "expires_at": until}, actor=MAYA)
    return members


def publish(tiers: Tiers, days: int, **more: Any) -> None:
    made = tiers.call(contract.CREATE_PROGRAMME, draft(**more))
    starts = rfc3339(START + days * DAY)
    command = {"version": made["version"], "effective_from": starts}
    tiers.call(contract.PUBLISH_PROGRAMME, command)


@pytest.mark.rule("T3", "T5")
def test_slices_write_what_reads_work_out_for_each_member(tiers: Tiers) -> None:
    members = crowd(tiers)
    levels = [dict(each) for each in draft()["levels"]]
    levels[2] |= {"threshold": 1_200, "benefits": [COUPON]}
    publish(tiers, 345, levels=levels, window={"type": "anniversary"})
    publish(tiers, 600, metric="spend", grace_days=5)
    for days in (340, 350, 358, 370, 396, 640, 1_600):
        tiers.clock.move_to(START + days * DAY)
        worked_out = [tiers.tier(member_id) for member_id in members]
        tiers.service.due_work()
        assert [tiers.tier(member_id) for member_id in members] == worked_out
        overdue = "SELECT count(*) FROM tier_states WHERE due_at <= :now"
        assert tiers.database.query(overdue, now=tiers.clock.now())[0][0] == 0
    for member_id in members:
        told = [each for each in tiers.changes() if each["member_id"] == str(member_id)]
        assert [each["from_tier"] for each in told] == [
            None, *(each["tier"] for each in told[:-1])
        ]  # fmt: skip
        assert tiers.history(member_id)[-1]["tier"] == tiers.tier(member_id)["tier"]["code"]
    given = tiers.told("benefit.granted")
    assert given
    assert len({(each["member_id"], each["occasion"]) for each in given}) == len(given)
    reasons = {row["reason"] for row in tiers.changes()}
    assert {"override_ended", "programme", "review_failed"} <= reasons
