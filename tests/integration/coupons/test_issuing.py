from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.coupons import codes
from services.coupons import service as service_module
from shared.contracts.coupons import rpc
from shared.contracts.members import events as members_events
from shared.ids import new_id
from tests.integration.coupons.harness import NOON, Coupons, Refused, together

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who is unknown in these tests is on the way."""
    monkeypatch.setattr(service_module, "AWAIT_MEMBERS_S", 0)


def reasons(answer: dict[str, Any]) -> dict[str, str]:
    return {each["member_id"]: each["reason"] for each in answer["rejected"]}


@pytest.mark.rule("C8")
def test_claim_gives_a_coupon_with_its_code_in_full(coupons: Coupons) -> None:
    member_id = coupons.member()
    campaign_id = coupons.campaign(validity={"days_after_issue": 5}, terms="Once.")
    coupon = coupons.claim(campaign_id, member_id)
    assert codes.is_well_formed(coupon["code"])
    assert {name: coupon[name] for name in coupon if name not in ("coupon_id", "code")} == {
        "campaign_id": campaign_id,
        "name": "Spring",
        "headline": "5.00 CNY off",
        "kind": "amount_off",
        "value": 500,
        "gift_sku": None,
        "max_discount_minor": None,
        "min_spend_minor": None,
        "status": "issued",
        "valid_from": "2026-03-10T04:00:00Z",
        "valid_until": "2026-03-15T16:00:00Z",
        "valid_until_local": "2026-03-16T00:00:00+08:00",
        "time_zone": "Asia/Shanghai",
        "days_left": 5,
        "expires_soon": True,
        "giftable": False,
        "gift_message": None,
        "terms": "Once.",
        "reason": None,
    }
    assert coupons.wallet(member_id) == [coupon]
    (issued,) = coupons.events("coupon.issued")
    assert issued[1] == {
        "coupon_id": coupon["coupon_id"],
        "campaign_id": campaign_id,
        "member_id": str(member_id),
        "valid_from": "2026-03-10T04:00:00Z",
        "valid_until": "2026-03-15T16:00:00Z",
        "cause": "claim",
    }
    assert coupons.changes(coupon["coupon_id"]) == [(None, "issued", "claim")]


@pytest.mark.rule("C8")
def test_code_is_nowhere_in_the_database_in_plain(coupons: Coupons) -> None:
    member_id = coupons.member()
    coupon = coupons.claim(coupons.campaign(), member_id, key="k1")
    coupons.buy("o1", [coupon["code"]], member_id)
    tables = ("coupons", "history", "orders", "redemptions", "outbox", "idempotency")
    statements = [f"SELECT {table}::text FROM {table}" for table in tables]  # noqa: S608 - see above
    everything = str([coupons.database.query(statement) for statement in statements])
    assert codes.hint_of(coupon["code"]) in everything  # staff may see that much
    for spelling in (coupon["code"], codes.normalise(coupon["code"])):
        assert spelling not in everything
        assert spelling.encode().hex() not in everything


@pytest.mark.rule("A3")
def test_claim_with_the_same_key_is_one_coupon(coupons: Coupons) -> None:
    member_id, campaign_id = coupons.member(), coupons.campaign()
    first = coupons.claim(campaign_id, member_id, key="k1")
    assert coupons.claim(campaign_id, member_id, key="k1") == first
    assert len(coupons.wallet(member_id)) == 1


def test_member_not_heard_of_yet_may_claim(coupons: Coupons) -> None:
    assert coupons.claim(coupons.campaign(), new_id())["status"] == "issued"


@pytest.mark.rule("C6")
def test_claim_beyond_the_limits_is_refused(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"per_member": 2, "total": 3})
    one, other = coupons.member(), coupons.member()
    for _ in range(2):
        coupons.claim(campaign_id, one)
    with pytest.raises(Refused, match="limit_reached"):
        coupons.claim(campaign_id, one)
    coupons.claim(campaign_id, other)
    with pytest.raises(Refused, match="budget_exhausted") as caught:
        coupons.claim(campaign_id, other)
    assert caught.value.error["status"] == 422
    assert coupons.usage(campaign_id) == {
        ("held", str(one)): 2,
        ("held", str(other)): 1,
        ("issued", ""): 3,
    }


def test_draft_is_not_found_and_what_is_closed_says_why(coupons: Coupons) -> None:
    member_id = coupons.member(tier="SILVER")
    window = {"from": "2026-03-01T00:00:00Z", "until": "2026-03-11T00:00:00Z"}
    closed = {
        "public_code": coupons.public(),
        "paused": coupons.campaign(),
        "archived": coupons.campaign(),
        "lapsed": coupons.campaign(validity=window),
        "wrong_tier": coupons.campaign(scope={"tiers": ["GOLD"]}),
    }
    coupons.call(rpc.PAUSE_CAMPAIGN, {"campaign_id": closed["paused"]})
    coupons.call(rpc.ARCHIVE_CAMPAIGN, {"campaign_id": closed["archived"]})
    coupons.clock.advance(days=1)
    for reason, campaign_id in closed.items():
        with pytest.raises(Refused, match="not_claimable") as caught:
            coupons.claim(campaign_id, member_id)
        assert caught.value.error["extra"] == {"reason": reason}
    with pytest.raises(Refused, match="not_found"):
        coupons.claim(coupons.campaign(publish=False), member_id)
    with pytest.raises(Refused, match="not_claimable") as caught:
        coupons.claim(coupons.campaign(), coupons.member("frozen"))
    assert caught.value.error["extra"] == {"reason": "member_not_active"}


@pytest.mark.rule("T8")
def test_tier_heard_of_opens_a_campaign_and_an_older_event_does_not_close_it(
    coupons: Coupons,
) -> None:
    member_id = coupons.member()
    campaign_id = coupons.campaign(scope={"tiers": ["GOLD"]})
    silver = coupons.tier(member_id, "SILVER")
    coupons.tier(member_id, "GOLD")
    coupons.hear(type(silver)(**{**_fields(silver), "id": new_id()}))
    assert coupons.claim(campaign_id, member_id)["status"] == "issued"


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in type(event).__dataclass_fields__}


def test_member_that_is_frozen_later_may_not_claim(coupons: Coupons) -> None:
    member_id = coupons.member()
    data = {"member_id": member_id, "changed": ["status"], "status": "frozen"}
    coupons.tell(members_events.UPDATED, data)
    with pytest.raises(Refused, match="not_claimable"):
        coupons.claim(coupons.campaign(), member_id)


@pytest.mark.rule("C8")
def test_issue_puts_every_member_in_one_of_two_lists(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"total": 3, "per_member": 1})
    first, second, third, late = (coupons.member() for _ in range(4))
    frozen, stranger = coupons.member("frozen"), new_id()
    answer = coupons.issue(campaign_id, first, frozen, second, stranger, first, third, late)
    assert [item["member_id"] for item in answer["items"]] == [str(first), str(second), str(third)]
    assert reasons(answer) == {
        str(frozen): "member_not_active",
        str(stranger): "unknown_member",
        str(late): "budget_exhausted",
        str(first): "duplicate",
    }
    assert all(item["code"].startswith("****-****-") for item in answer["items"])
    assert coupons.usage(campaign_id)["issued", ""] == 3
    own = coupons.wallet(first)[0]["code"]
    assert codes.is_well_formed(own)
    assert own[-4:] == answer["items"][0]["code"][-4:]
    assert len(coupons.events("coupon.issued")) == 3


def test_second_issue_respects_the_limit_per_member(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"per_member": 1})
    member_id = coupons.member()
    coupons.issue(campaign_id, member_id)
    answer = coupons.issue(campaign_id, member_id)
    assert (answer["items"], reasons(answer)) == ([], {str(member_id): "limit_reached"})


def test_issue_waits_for_an_enrolment_that_is_on_its_way(
    coupons: Coupons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "AWAIT_MEMBERS_S", 10)
    campaign_id, member_id = coupons.campaign(), new_id()

    def arrive(_seconds: float) -> None:
        data = {
            "member_id": member_id,
            "enrolled_at": NOON,
            "channel": "app",
            "status": "active",
        }
        coupons.tell(members_events.ENROLLED, data)

    monkeypatch.setattr(time, "sleep", arrive)
    assert len(coupons.issue(campaign_id, member_id)["items"]) == 1


@pytest.mark.parametrize(
    ("act", "code"),
    [(None, "campaign_state_conflict"), (rpc.PAUSE_CAMPAIGN, "campaign_state_conflict")],
)
def test_issue_needs_a_published_campaign(coupons: Coupons, act: Any, code: str) -> None:
    campaign_id = coupons.campaign(publish=act is not None)
    if act is not None:
        coupons.call(act, {"campaign_id": campaign_id})
    with pytest.raises(Refused, match=code):
        coupons.issue(campaign_id, coupons.member())


@pytest.mark.rule("C10")
@pytest.mark.timeout(300)
def test_flash_claim_gives_exactly_as_many_as_there_are(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(limits={"total": 50, "per_member": 1})
    acts = [partial(coupons.claim, campaign_id, new_id()) for _ in range(300)]
    results = together(acts)
    refused = [result for result in results if isinstance(result, str)]
    assert refused == ["budget_exhausted"] * 250
    assert len({result["code"] for result in results if not isinstance(result, str)}) == 50
    (row,) = coupons.database.query("SELECT count(*) AS made FROM coupons")
    assert row.made == 50
    assert coupons.usage(campaign_id)["issued", ""] == 50


@pytest.mark.rule("C6")
def test_one_member_claiming_from_many_places_gets_no_more_than_its_limit(
    coupons: Coupons,
) -> None:
    campaign_id, member_id = coupons.campaign(limits={"per_member": 3}), coupons.member()
    results = together([partial(coupons.claim, campaign_id, member_id) for _ in range(30)])
    assert [result for result in results if isinstance(result, str)] == ["limit_reached"] * 27
    assert len(coupons.wallet(member_id)) == 3


# The wallet.


@pytest.mark.rule("C5")
def test_wallet_sorts_by_expiry_and_pages(coupons: Coupons) -> None:
    member_id = coupons.member()
    for validity in (
        {"never_expires": True},
        {"days_after_issue": 30},
        {"from": "2026-03-20T00:00:00Z", "until": "2026-03-25T00:00:00Z"},
        {"never_expires": True},
        {"days_after_issue": 7},
        {"days_after_issue": 8},
    ):
        coupons.claim(coupons.campaign(validity=validity), member_id)
    whole = coupons.wallet(member_id)
    assert [item["valid_until"] for item in whole] == [
        "2026-03-17T16:00:00Z",
        "2026-03-18T16:00:00Z",
        "2026-03-25T00:00:00Z",
        "2026-04-09T16:00:00Z",
        None,
        None,
    ]
    assert [item["days_left"] for item in whole] == [7, 8, 15, 30, None, None]
    assert [item["expires_soon"] for item in whole] == [True, *[False] * 5]
    assert [item["reason"] for item in whole] == [None, None, "not_yet_valid", None, None, None]
    assert coupons.wallet(member_id, limit=1) == whole
    assert coupons.wallet(member_id, limit=4) == whole


@pytest.mark.rule("C5")
@pytest.mark.parametrize("swept", [False, True])
def test_lapsed_coupon_stays_visible_for_90_days_with_its_reason(
    coupons: Coupons, swept: bool
) -> None:
    member_id = coupons.member()
    coupon = coupons.claim(coupons.campaign(validity={"days_after_issue": 0}), member_id)
    coupons.clock.move_to(NOON.replace(hour=16))  # the local day's end
    if swept:
        coupons.service.expire_coupons()
    (lapsed,) = coupons.wallet(member_id)
    assert (lapsed["status"], lapsed["reason"], lapsed["days_left"]) == ("expired", "lapsed", 0)
    assert not lapsed["expires_soon"]
    assert coupons.wallet(member_id, status="expired") == [lapsed]
    assert coupons.wallet(member_id, status="issued") == []
    coupons.clock.advance(days=90, microseconds=-1)
    assert len(coupons.wallet(member_id)) == 1
    coupons.clock.advance(microseconds=1)
    assert coupons.wallet(member_id) == coupons.wallet(member_id, status="expired") == []
    stored = coupons.database.query("SELECT status FROM coupons")
    assert stored[0].status == ("expired" if swept else "issued")
    assert len(coupons.events("coupon.expired")) == int(swept)
    expected = [(None, "issued", "claim")] + swept * [("issued", "expired", "lapsed")]
    assert coupons.changes(coupon["coupon_id"]) == expected


@pytest.mark.rule("C5")
def test_sweep_writes_each_lapse_down_once_in_bounded_batches(coupons: Coupons) -> None:
    campaign_id = coupons.campaign(validity={"days_after_issue": 1})
    members = [coupons.member() for _ in range(40)]
    coupons.issue(campaign_id, *members)
    coupons.claim(coupons.campaign(), members[0])
    coupons.service.expire_coupons()
    assert coupons.events("coupon.expired") == []
    coupons.clock.advance(days=2)
    coupons.service.due_work()
    coupons.service.due_work()
    assert len(coupons.events("coupon.expired")) == 40
    assert {item["status"] for item in coupons.wallet(members[0])} == {"expired", "issued"}


@pytest.mark.rule("C8")
def test_only_the_owner_sees_codes_in_full(coupons: Coupons) -> None:
    member_id = coupons.member()
    code = coupons.claim(coupons.campaign(), member_id)["code"]
    assert coupons.wallet(member_id, owner=False)[0]["code"] == f"****-****-{code[-4:]}"


def test_paused_campaign_is_the_reason_while_it_lasts(coupons: Coupons) -> None:
    member_id, campaign_id = coupons.member(), coupons.campaign()
    coupons.claim(campaign_id, member_id)
    coupons.call(rpc.PAUSE_CAMPAIGN, {"campaign_id": campaign_id})
    assert coupons.wallet(member_id)[0]["reason"] == "paused"
    coupons.call(rpc.RESUME_CAMPAIGN, {"campaign_id": campaign_id})
    assert coupons.wallet(member_id)[0]["reason"] is None
