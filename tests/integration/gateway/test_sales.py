"""Sales over HTTP, with all services behind the gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from shared.contracts.method import Method
from shared.errors.backend import BackendUnavailable
from tests.support.platform import Person, Platform, build
from tests.support.postgres import ServiceDatabase

PHONE, CARD = "13800138000", "62001234"
CAMPAIGN = {
    "name": "Spring",
    "kind": "amount_off",
    "value": 500,
    "validity": {"days_after_issue": 30},
    "limits": {"per_member": 1},
}
RETURN = {"reason_code": "customer_return"}


@dataclass
class World:
    """A platform with a till, a shop and a member."""

    platform: Platform
    till: Person
    shop: Person
    member_id: str

    def sale(self, sale_id: str = "s1", **fields: Any) -> dict[str, Any]:
        """Return the body of a sale of 20.00 to the member."""
        return {
            "sale_id": sale_id,
            "occurred_at": rfc3339(self.platform.now() - timedelta(seconds=1)),
            "currency": "CNY",
            "member": {"type": "phone", "value": PHONE},
            "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 2_000}],
        } | fields

    def coupon(self) -> dict[str, Any]:
        """Let the member claim a coupon of 5.00."""
        marketing = self.platform.staff("marketing")
        path = f"/v1/campaigns/{marketing.post('/v1/campaigns', CAMPAIGN)['campaign_id']}"
        marketing.post(f"{path}/publish", status=200)
        return self.platform.shopper(PHONE).post(f"{path}/claims")

    def coupon_status(self) -> str:
        """Return the status of the only coupon there is, once everything is heard."""
        self.platform.settle()
        (row,) = self.platform.databases["coupons"].query("SELECT status FROM coupons")
        return str(row.status)

    def points(self) -> dict[str, int]:
        """Return the member's balances, as the support sees them."""
        support = self.platform.staff("support")
        found = support.get(f"/v1/members/{self.member_id}/points")
        balances: dict[str, int] = found["balances"]
        return balances

    def sales_recorded(self) -> int:
        """Return how many sales points has."""
        return len(self.platform.databases["points"].query("SELECT 1 FROM sales"))


@pytest.fixture
def world(service_database: Callable[[str], ServiceDatabase]) -> World:
    platform = build(service_database)
    till = platform.terminal()
    body = {"phone": PHONE, "card_number": CARD, "channel": "store"}
    enrolled = till.post("/v1/members", body)
    return World(platform, till, platform.shop(), enrolled["member_id"])


@pytest.mark.rule("E1", "A3")
def test_sale_is_recorded_for_whoever_the_identifier_leads_to(world: World) -> None:
    made = world.till.post("/v1/sales", world.sale(), key="k")
    assert (made["member_id"], made["points"]["earned"]) == (world.member_id, 20)
    by_card = world.sale("s2", member={"type": "card", "value": "6200 1234"})
    assert world.till.post("/v1/sales", by_card)["balances"]["available"] == 40
    status, again, headers = world.till.request("POST", "/v1/sales", world.sale(), key="k2")
    assert (status, again["code"]) == (409, "sale_id_conflict")  # another second of occurrence
    assert "Idempotency-Replayed" not in headers


@pytest.mark.rule("A3", "L7")
def test_repeated_sale_answers_as_then(world: World) -> None:
    sale = world.sale()
    first = world.till.post("/v1/sales", sale, key="k")
    for key, status in (("k", 201), ("other", 200)):
        found, body, headers = world.till.request("POST", "/v1/sales", sale, key=key)
        assert (found, body, headers["Idempotency-Replayed"]) == (status, first, "true")
    changed = {**sale, "points_to_redeem": 0, "terminal_counter": 5}
    _, body, _ = world.till.request("POST", "/v1/sales", changed, key="k")
    assert body["code"] == "idempotency_key_reused"


def test_terminal_sells_in_its_own_store_only(world: World) -> None:
    assert world.till.post("/v1/sales", world.sale(store_id="s-2"), status=422)["code"] == (
        "store_mismatch"
    )
    world.till.post("/v1/sales", world.sale("s1", store_id="s-1"))
    world.till.post("/v1/sales", world.sale("s2"))
    world.shop.post("/v1/sales", world.sale("s3", store_id="s-2"))
    stores = [world.till.get(f"/v1/sales/s{n}")["store_id"] for n in (1, 2, 3)]
    assert stores == ["s-1", "s-1", "s-2"]


def test_sale_of_unknown_member_is_refused(world: World) -> None:
    stranger = world.sale(member={"type": "phone", "value": "13900139000"})
    for coupons in ([], ["ABC"]):
        body = world.till.post("/v1/sales", {**stranger, "coupons": coupons}, status=422)
        assert body["code"] == "unknown_member"
    assert world.sales_recorded() == 0


def test_staff_and_members_post_no_sales(world: World) -> None:
    for person in (world.platform.staff("manager"), world.platform.shopper(PHONE)):
        person.post("/v1/sales", world.sale(), status=403)


@pytest.mark.rule("S1")
def test_return_and_cancel_over_http(world: World) -> None:
    world.till.post("/v1/sales", world.sale())
    part = {"line_id": "1", "quantity": 0, "net_minor": 500}
    back = {**RETURN, "return_id": "r1", "occurred_at": rfc3339(world.platform.now())}
    answer = world.till.post("/v1/sales/s1/returns", {**back, "lines": [part]})
    assert answer["points"]["clawed_back"] == 5
    excess = {**back, "return_id": "r2", "lines": [{**part, "net_minor": 1501}]}
    refused = world.till.post("/v1/sales/s1/returns", excess, status=422)
    assert refused["code"] == "return_exceeds_sale"
    world.shop.post("/v1/sales/s1/cancel", {"reason_code": "fraud"}, status=404)
    support = world.platform.staff("support")
    undone = support.post("/v1/sales/s1/cancel", {"reason_code": "fraud"}, status=200)
    assert (undone["points"]["clawed_back"], undone["status"]) == (15, "cancelled")
    world.platform.staff("auditor").post("/v1/sales/s1/cancel", RETURN, status=403)


def test_points_are_shown_to_their_owner_and_staff_only(world: World) -> None:
    world.till.post("/v1/sales", world.sale())
    member = world.platform.shopper(PHONE)
    assert member.get("/v1/members/me/points")["balances"]["available"] == 20
    (entry,) = member.get("/v1/members/me/points/transactions?limit=1")["items"]
    assert (entry["type"], entry["reference"]) == ("earn", {"kind": "sale", "id": "s1"})
    member.get(f"/v1/members/{uuid4()}/points", status=404)
    world.till.get(f"/v1/members/{world.member_id}/points", status=403)
    support = world.platform.staff("support")
    support.get(f"/v1/members/{uuid4()}/points", status=404)
    support.get(f"/v1/members/{uuid4()}/points/transactions", status=404)


def test_member_of_whom_points_has_not_heard_owns_none(world: World) -> None:
    assert world.points() == {"available": 0, "pending": 0, "held": 0, "debt": 0}
    support = world.platform.staff("support")
    path = f"/v1/members/{world.member_id}/points/transactions"
    assert support.get(path) == {"items": [], "next_cursor": None}


@pytest.mark.rule("L2")
def test_auditor_proves_the_ledger(world: World) -> None:
    world.till.post("/v1/sales", world.sale())
    auditor = world.platform.staff("auditor")
    found = auditor.post("/v1/points/verify", status=200)
    assert (found["ok"], found["accounts_checked"], found["drift"]) == (True, 1, [])
    world.till.post("/v1/points/verify", status=403)


@pytest.mark.rule("A1")
def test_batch_judges_each_sale_by_itself(world: World) -> None:
    known = world.sale("s1")
    world.till.post("/v1/sales", known)
    batch = [
        world.sale("s2"),
        known,
        world.sale("s3", lines=[]),
        world.sale("s4", surprise=1),
        {"sale_id": "s5"},
        world.sale("s6", member={"type": "phone", "value": "13900139000"}),
        world.sale("s7", store_id="s-9"),
        world.sale("s8", member=None),
    ]
    answer = world.till.post("/v1/sales/batch", {"sales": batch}, status=200)
    found = {result["sale_id"]: result for result in answer["results"]}
    assert [result["sale_id"] for result in answer["results"]] == [s["sale_id"] for s in batch]
    assert {name: result["status"] for name, result in found.items()} == {
        "s2": "created", "s1": "replayed", "s3": "rejected", "s4": "rejected", "s5": "rejected",
        "s6": "rejected", "s7": "rejected", "s8": "created",
    }  # fmt: skip
    assert found["s2"]["points"]["earned"] == 20
    assert [found[f"s{n}"]["error"]["code"] for n in (3, 4, 5, 6, 7)] == [
        "validation_failed", "validation_failed", "validation_failed", "unknown_member",
        "store_mismatch",
    ]  # fmt: skip
    assert found["s4"]["error"]["errors"][0]["field"] == "surprise"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sales": []},
        {"sales": [{}]},
        {"sales": [7]},
        {"sales": [{"sale_id": 7}]},
        {"sales": [{"sale_id": f"s{n}"} for n in range(501)]},
        {"sales": [{"sale_id": "s"}], "more": 1},
    ],
)
def test_batch_that_cannot_be_read_is_refused_whole(world: World, body: Any) -> None:
    assert world.till.post("/v1/sales/batch", body, status=422)["code"] == "validation_failed"


@pytest.mark.rule("C7", "C8")
def test_batch_settles_coupons_of_each_sale(world: World) -> None:
    code = world.coupon()["code"]
    batch = [
        world.sale("s1", coupons=["NONSENSE"]),
        world.sale("s2", coupons=[code]),
        world.sale("s3", coupons=[code]),
        world.sale("s4"),
    ]
    results = world.till.post("/v1/sales/batch", {"sales": batch}, status=200)["results"]
    assert [result["status"] for result in results] == ["created"] * 4
    assert [result["points"]["earned"] for result in results] == [20, 15, 20, 20]
    assert [use["code"] for use in results[1]["coupons"]["applied"]] == [code]
    assert [use["code"] for use in results[2]["coupons"]["rejected"]] == [code]
    assert results[0]["coupons"]["rejected"][0]["code"] == "NONSENSE"
    assert world.coupon_status() == "redeemed"
    shown = world.till.get("/v1/sales/s2")["coupons"]["applied"][0]["code"]
    assert shown == "****" + code[-4:]
    again = world.till.post("/v1/sales/batch", {"sales": batch}, status=200)["results"]
    assert [result["status"] for result in again] == ["replayed"] * 4
    assert [r["coupons"] for r in again[:3]] == [r["coupons"] for r in results[:3]]


class Crash(BackendUnavailable):
    """A process dies in the middle of a request."""

    code = "crash_of_a_test"


def crash_at(step: str, *, after: bool) -> Callable[[Method], None]:
    """Return a hook that dies once, right before or right after a call to ``step``."""
    state = {"seen": False, "dead": False}

    def hook(method: Method) -> None:
        if state["dead"]:
            return
        if state["seen"] or (method.name == step and not after):
            state["dead"] = True
            raise Crash
        state["seen"] = method.name == step

    return hook


STEPS = [
    ("open_checkout", False),
    ("reserve", False),
    ("confirm", False),
    ("confirm", True),
]


@pytest.mark.rule("H2", "A3")
@pytest.mark.parametrize(("step", "after"), STEPS)
def test_sale_with_coupon_is_finished_by_a_retry_wherever_it_died(
    world: World, step: str, after: bool
) -> None:
    coupon = world.coupon()
    sale = world.sale(coupons=[coupon["code"]])
    world.platform.backend.before = crash_at(step, after=after)
    world.till.post("/v1/sales", sale, status=503, key="k")
    assert world.sales_recorded() == 0
    made = world.till.post("/v1/sales", sale, key="k")
    assert made["totals"]["discount_minor"] == 500
    assert world.coupon_status() == "redeemed"
    assert world.points()["available"] == 15
    assert world.till.post("/v1/sales", sale, key="k") == made
    status, late, _ = world.till.request("POST", "/v1/sales", sale, key="late")
    assert (status, late) == (200, made)


@pytest.mark.rule("H2", "C2")
@pytest.mark.parametrize(("step", "after"), STEPS[1:])
def test_abandoned_sale_is_undone_by_the_time_limit(world: World, step: str, after: bool) -> None:
    coupon = world.coupon()
    world.platform.backend.before = crash_at(step, after=after)
    world.till.post("/v1/sales", world.sale(coupons=[coupon["code"]]), status=503)
    world.platform.advance_clock(minutes=15, seconds=1)
    assert world.coupon_status() == "issued"
    assert world.sales_recorded() == 0


@pytest.mark.rule("H2")
def test_sale_retried_after_its_time_limit_is_composed_afresh(world: World) -> None:
    coupon = world.coupon()
    sale = world.sale(coupons=[coupon["code"]])
    world.platform.backend.before = crash_at("confirm", after=True)
    world.till.post("/v1/sales", sale, status=503, key="k")
    # The time is over, but neither points' sweep nor its event has come anywhere yet.
    world.platform.services["points"].due_work = lambda: None
    status, _, _ = world.platform.admin().request(
        "PUT", "/v1/sandbox/clock", {"now": rfc3339(world.platform.now() + timedelta(minutes=16))}
    )
    assert status == 200
    world.till = world.platform.terminal("t-9")
    made = world.till.post("/v1/sales", sale, key="k")
    assert made["totals"]["discount_minor"] == 500
    assert world.coupon_status() == "redeemed"


@pytest.mark.rule("C7")
def test_sale_stands_when_its_coupon_does_not(world: World) -> None:
    made = world.till.post("/v1/sales", world.sale(coupons=["NONSENSE"]))
    assert made["totals"]["discount_minor"] == 0
    (rejected,) = made["coupons"]["rejected"]
    assert (rejected["code"], bool(rejected["reason"])) == ("NONSENSE", True)


@pytest.mark.rule("H2", "C2")
def test_corrected_sale_takes_over_what_the_refused_one_reserved(world: World) -> None:
    coupon = world.coupon()
    sale = world.sale(coupons=[coupon["code"]])
    refused = world.till.post("/v1/sales", {**sale, "points_to_redeem": 100}, status=422)
    assert refused["code"] == "insufficient_points"
    # Nothing of the first attempt has been heard when the second one comes.
    made = world.till.post("/v1/sales", sale)
    assert made["totals"]["discount_minor"] == 500
    assert world.coupon_status() == "redeemed"


@pytest.mark.rule("C3")
def test_full_return_frees_the_coupon(world: World) -> None:
    coupon = world.coupon()
    world.till.post("/v1/sales", world.sale(coupons=[coupon["code"]]))
    back = {**RETURN, "return_id": "r1", "occurred_at": rfc3339(world.platform.now())}
    lines = [{"line_id": "1", "quantity": 1, "net_minor": 1_500}]
    answer = world.till.post("/v1/sales/s1/returns", {**back, "lines": lines})
    assert answer["refund"]["money_minor"] == 1_500
    assert answer["coupons_restored"] == ["****" + coupon["code"][-4:]]
    assert world.coupon_status() == "restored"


@pytest.mark.rule("A2")
@pytest.mark.parametrize("service", ["members", "points"])
def test_sale_answers_503_while_a_service_is_away(world: World, service: str) -> None:
    world.platform.backend.away = {service}
    refused = world.till.post("/v1/sales", world.sale(), status=503, key="k")
    assert refused["code"] == "backend_unavailable"
    world.platform.backend.away = set()
    world.till.post("/v1/sales", world.sale(), key="k2")


@pytest.mark.rule("T8")
def test_tier_risen_by_a_sale_lifts_the_next(world: World) -> None:
    lines = [{"line_id": "1", "sku": "tv", "quantity": 1, "net_minor": 120_000}]
    assert world.till.post("/v1/sales", world.sale("s1", lines=lines))["points"]["earned"] == 1_200
    world.platform.settle()
    late = rfc3339(world.platform.now())
    second = world.till.post("/v1/sales", world.sale("s2", lines=lines, occurred_at=late))
    assert (second["points"]["earned"], second["tier"]) == (1_320, "SILVER")
