"""Campaigns that give coupons by themselves, each occasion once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.coupons import rpc
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.tiers import events as tiers_events
from shared.ids import new_id
from tests.integration.coupons.harness import Coupons

MARCH = 3


def trigger(coupons: Coupons, on: str, *, tiers: list[str] | None = None, **more: Any) -> str:
    named = {} if tiers is None else {"tiers": tiers}
    return coupons.campaign(trigger={"on": on, **named}, **more)


def given(coupons: Coupons, member_id: UUID) -> list[str]:
    return [item["campaign_id"] for item in coupons.wallet(member_id)]


def refusals(coupons: Coupons) -> list[str]:
    rows = coupons.database.query("SELECT refusal FROM grants WHERE refusal IS NOT NULL")
    return [row.refusal for row in rows]


def test_member_who_joins_is_welcomed_once(coupons: Coupons) -> None:
    welcome = trigger(coupons, "enrolled")
    trigger(coupons, "enrolled", publish=False)
    member_id = coupons.member()
    again = {"enrolled_at": coupons.clock.now(), "channel": "store", "status": "active"}
    coupons.tell(members_events.ENROLLED, {"member_id": member_id, **again})
    assert given(coupons, member_id) == [welcome]
    (issued,) = coupons.events("coupon.issued")
    assert issued[1]["cause"] == "trigger"
    assert given(coupons, coupons.member(channel="import")) == []


def test_event_heard_twice_gives_once(coupons: Coupons) -> None:
    trigger(coupons, "tier_upgraded")
    member_id = coupons.member()
    event = coupons.tier(member_id, "GOLD")
    coupons.hear(event)
    assert len(given(coupons, member_id)) == 1


def test_limit_of_a_trigger_campaign_holds_and_the_refusal_is_kept(coupons: Coupons) -> None:
    trigger(coupons, "enrolled", limits={"total": 2})
    members = [coupons.member() for _ in range(3)]
    assert [len(given(coupons, each)) for each in members] == [1, 1, 0]
    assert refusals(coupons) == ["budget_exhausted"]


def test_rise_to_a_tier_gives_once_however_often_it_comes(coupons: Coupons) -> None:
    anyone = trigger(coupons, "tier_upgraded")
    gold = trigger(coupons, "tier_upgraded", tiers=["GOLD"])
    member_id = coupons.member()
    coupons.tier(member_id, "BRONZE", rank=0)
    assert given(coupons, member_id) == []
    coupons.tier(member_id, "SILVER", rank=1)
    assert given(coupons, member_id) == [anyone]
    coupons.tier(member_id, "GOLD", rank=2)
    assert sorted(given(coupons, member_id)) == sorted([anyone, anyone, gold])
    coupons.tier(member_id, "SILVER", rank=1)
    coupons.tier(member_id, "GOLD", rank=2)
    assert len(given(coupons, member_id)) == 3


@pytest.mark.rule("C5")
def test_birthday_gives_in_its_month_once_a_year(coupons: Coupons) -> None:
    before = coupons.member(birth_month=MARCH)
    april, unknown = coupons.member(birth_month=4), coupons.member()
    campaign_id = trigger(coupons, "birthday", validity={"days_after_issue": 30})
    for _ in range(2):
        coupons.service.due_work()
    after = coupons.member(birth_month=MARCH)
    coupons.service.due_work()
    assert [given(coupons, each) for each in (before, after, april, unknown)] == [
        [campaign_id],
        [campaign_id],
        [],
        [],
    ]
    coupons.clock.move_to(datetime(2026, 3, 31, 16, tzinfo=UTC))  # April in Shanghai
    coupons.service.due_work()
    assert given(coupons, april) == [campaign_id]
    coupons.clock.move_to(datetime(2027, 3, 2, tzinfo=UTC))
    coupons.service.due_work()
    assert len(coupons.wallet(before)) == 1  # last year's is out of sight
    rows = coupons.database.query(
        "SELECT occasion FROM grants WHERE member_id = :id ORDER BY occasion", id=before
    )
    assert [row.occasion for row in rows] == ["birthday/2026", "birthday/2027"]


def test_birthday_told_later_counts_and_a_corrected_one_gives_no_second(coupons: Coupons) -> None:
    campaign_id = trigger(coupons, "birthday")
    member_id = coupons.member()
    coupons.service.due_work()

    def tell(month: int | None) -> None:
        data = {
            "member_id": member_id,
            "changed": ["birthday"],
            "status": "active",
            "enrolled_at": coupons.clock.now(),
            "birth_month": month,
        }
        coupons.tell(members_events.UPDATED, data)

    for month in (MARCH, 4, MARCH):
        tell(month)
    coupons.clock.advance(days=30)
    coupons.service.due_work()
    assert given(coupons, member_id) == [campaign_id]


def test_frozen_members_and_other_tiers_get_nothing(coupons: Coupons) -> None:
    trigger(coupons, "enrolled", scope={"tiers": ["GOLD"]})
    coupons.member("frozen")
    coupons.member()
    assert sorted(refusals(coupons)) == ["member_not_active", "wrong_tier"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"trigger": {"on": "enrolled"}, "code": {"type": "public", "value": "ABC"}}, "trigger"),
        ({"giftable": True, "code": {"type": "public", "value": "ABC"}}, "giftable"),
        ({"trigger": {"on": "enrolled", "tiers": ["GOLD"]}}, "trigger.tiers"),
    ],
)
def test_impossible_trigger_is_refused_by_field(
    coupons: Coupons, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        coupons.campaign(publish=False, **wrong)
    (error,) = caught.value.args[0]["errors"]
    assert error["field"] == field


def test_member_heard_of_late_is_not_missed(coupons: Coupons) -> None:
    """The sweep goes by id; whoever is told after it has passed gets theirs from the event."""
    campaign_id = trigger(coupons, "birthday")
    early = new_id()
    coupons.member(birth_month=MARCH)
    coupons.service.due_work()
    data = {"enrolled_at": coupons.clock.now(), "channel": "store", "status": "active"}
    coupons.tell(members_events.ENROLLED, {"member_id": early, "birth_month": MARCH, **data})
    assert given(coupons, early) == [campaign_id]


def test_campaign_shows_its_trigger_as_it_was_written(coupons: Coupons) -> None:
    campaign_id = trigger(coupons, "tier_upgraded", tiers=["GOLD"], giftable=True)
    found = coupons.call(rpc.CAMPAIGN, {"campaign_id": campaign_id})
    assert found["trigger"] == {"on": "tier_upgraded", "tiers": ["GOLD"]}
    assert found["giftable"] is True


def _grant(coupons: Coupons, member_id: UUID, **gift: Any) -> Envelope:
    """Tell that a tier gives something."""
    data = {
        "grant_id": new_id(),
        "member_id": member_id,
        "code": "UPGRADE",
        "kind": "upgrade_coupon",
        "tier": "GOLD",
        "occasion": "GOLD 2026",
        "campaign_id": None,
        "points": None,
        **gift,
    }
    return coupons.tell(tiers_events.BENEFIT_GRANTED, data)


@pytest.mark.rule("T6", "T8")
def test_tiers_benefit_gives_its_coupon_once_though_the_tier_is_not_heard_of_yet(
    coupons: Coupons,
) -> None:
    member_id = coupons.member()
    campaign_id = coupons.campaign(scope={"tiers": ["GOLD"]})
    told = _grant(coupons, member_id, campaign_id=UUID(campaign_id))
    coupons.hear(told)
    _grant(coupons, member_id, campaign_id=UUID(campaign_id), grant_id=told.data["grant_id"])
    (coupon,) = coupons.wallet(member_id)
    assert coupon["campaign_id"] == campaign_id
    _grant(coupons, member_id, campaign_id=UUID(campaign_id))
    assert len(coupons.wallet(member_id)) == 2


def test_benefit_of_a_draft_an_unknown_campaign_or_of_points_gives_no_coupon(
    coupons: Coupons,
) -> None:
    member_id = coupons.member()
    _grant(coupons, member_id, campaign_id=UUID(coupons.campaign(publish=False)))
    _grant(coupons, member_id, campaign_id=new_id())
    _grant(coupons, member_id, points=50)
    assert coupons.wallet(member_id) == []
    assert refusals(coupons) == ["draft"]
