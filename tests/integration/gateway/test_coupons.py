"""Campaigns and coupons over HTTP, with all services behind the gateway."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from gateway import create_app
from shared.clock import rfc3339
from shared.contracts.platform import SERVICES
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_one
from shared.settings import GatewaySettings, Secret
from tests.support.platform import Person, Platform
from tests.support.postgres import ServiceDatabase

PHONE = "13800138000"
DRAFT = {
    "name": "Spring",
    "kind": "amount_off",
    "value": 500,
    "validity": {"days_after_issue": 30},
    "limits": {"per_member": 1},
}


@dataclass
class World:
    """A platform with a till, a marketer and a member."""

    platform: Platform
    till: Person
    marketing: Person
    member_id: str
    member: Person

    def campaign(self, **more: Any) -> str:
        """Create and publish a campaign; returns its path."""
        made = self.marketing.post("/v1/campaigns", {**DRAFT, **more})
        path = f"/v1/campaigns/{made['campaign_id']}"
        self.marketing.post(f"{path}/publish", status=200)
        return path

    def sale(self, sale_id: str, *codes: str, **more: Any) -> dict[str, Any]:
        """Return the body of a sale of 10.00 to the member."""
        return {
            "sale_id": sale_id,
            "occurred_at": rfc3339(self.platform.now() - timedelta(seconds=1)),
            "currency": "CNY",
            "member": {"type": "phone", "value": PHONE},
            "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}],
            "coupons": list(codes),
            **more,
        }

    def wallet(self) -> list[dict[str, Any]]:
        """Return what the member holds, as it sees it."""
        items: list[dict[str, Any]] = self.member.get("/v1/members/me/coupons")["items"]
        return items


@pytest.fixture
def world(service_database: Callable[[str], ServiceDatabase]) -> World:
    platform = Platform({name: service_database(name) for name in SERVICES})
    till, marketing = platform.terminal(), platform.staff("marketing")
    enrolled = till.post("/v1/members", {"phone": PHONE, "channel": "store"})
    platform.settle()
    return World(platform, till, marketing, enrolled["member_id"], platform.shopper(PHONE))


@pytest.mark.rule("C1", "C3")
def test_coupon_is_claimed_spent_in_a_sale_and_restored_by_its_cancel(world: World) -> None:
    path = world.campaign()
    coupon = world.member.post(f"{path}/claims")
    assert world.wallet() == [coupon]
    sale = world.till.post("/v1/sales", world.sale("s1", coupon["code"]))
    assert sale["totals"]["discount_minor"] == 500
    assert [use["code"] for use in sale["coupons"]["applied"]] == [coupon["code"]]
    world.platform.settle()
    assert [item["status"] for item in world.wallet()] == ["redeemed"]
    again = world.till.post("/v1/sales", world.sale("s2", coupon["code"]))
    assert [use["reason"] for use in again["coupons"]["rejected"]] == ["used"]
    support = world.platform.staff("support")
    support.post("/v1/sales/s1/cancel", {"reason_code": "customer_request"}, status=200)
    world.platform.settle()
    assert world.wallet() == [{**coupon, "status": "restored"}]


def test_sale_that_points_refuses_leaves_the_coupon_free(world: World) -> None:
    coupon = world.member.post(f"{world.campaign()}/claims")
    sale = world.sale("s1", coupon["code"], points_to_redeem=200)
    refused = world.till.post("/v1/sales", sale, status=422)
    assert refused["code"] == "insufficient_points"
    world.platform.settle()
    assert [item["status"] for item in world.wallet()] == ["issued"]
    sale = world.till.post("/v1/sales", world.sale("s1", coupon["code"]))
    assert sale["totals"]["discount_minor"] == 500


@pytest.mark.rule("C8")
def test_staff_issue_and_read_with_masked_codes(world: World) -> None:
    path = world.campaign()
    ids = {"member_ids": [world.member_id]}
    answer = world.marketing.post(f"{path}/issue", ids, key="once")
    assert world.marketing.post(f"{path}/issue", ids, key="once") == answer
    assert [item["member_id"] for item in answer["items"]] == [world.member_id]
    (seen,) = world.marketing.get(f"/v1/members/{world.member_id}/coupons")["items"]
    (own,) = world.wallet()
    assert seen["code"] == answer["items"][0]["code"] == f"****-****-{own['code'][-4:]}"
    assert {**seen, "code": own["code"]} == own


def test_wallet_filters_and_pages_over_http(world: World) -> None:
    for _ in range(3):
        world.member.post(f"{world.campaign()}/claims")
    first = world.member.get("/v1/members/me/coupons?limit=2&status=issued")
    cursor = first["next_cursor"]
    second = world.member.get(f"/v1/members/me/coupons?limit=2&status=issued&cursor={cursor}")
    assert second["next_cursor"] is None
    assert first["items"] + second["items"] == world.wallet()
    assert world.member.get("/v1/members/me/coupons?status=redeemed")["items"] == []
    world.member.get("/v1/members/me/coupons?status=lost", status=422)


def test_nobody_reads_or_does_what_is_not_theirs(world: World) -> None:
    path = world.campaign()
    stranger = world.platform.shopper("13900139000")  # signed in, no member yet
    for person, who, status in (
        (world.member, str(uuid4()), 404),
        (world.marketing, str(uuid4()), 404),
        (world.marketing, "me", 404),
        (stranger, world.member_id, 404),
        (world.till, world.member_id, 403),
    ):
        person.get(f"/v1/members/{who}/coupons", status=status)
    world.member.post("/v1/campaigns", DRAFT, status=403)
    world.member.get("/v1/campaigns", status=403)
    world.platform.staff("support").post(f"{path}/pause", status=403)
    world.marketing.post(f"{path}/claims", status=403)
    stranger.post(f"{path}/claims", status=404)


def test_campaign_is_listed_amended_and_moved_over_http(world: World) -> None:
    made = world.marketing.post("/v1/campaigns", DRAFT)
    path = f"/v1/campaigns/{made['campaign_id']}"
    status, amended, _ = world.marketing.request("PATCH", path, {"value": 700})
    assert (status, amended["value"]) == (200, 700)
    assert world.marketing.get("/v1/campaigns?status=draft")["items"] == [amended]
    for act, reached in (("publish", "published"), ("pause", "paused"), ("archive", "archived")):
        assert world.marketing.post(f"{path}/{act}", status=200)["status"] == reached
    assert world.marketing.post(f"{path}/resume", status=409)["code"] == "campaign_state_conflict"
    status, conflict, _ = world.marketing.request("PATCH", path, {"value": 1})
    assert (status, conflict["code"]) == (409, "campaign_state_conflict")


def test_refusals_name_their_code_and_reason(world: World) -> None:
    path = world.campaign()
    world.member.post(f"{path}/claims")
    assert world.member.post(f"{path}/claims", status=422)["code"] == "limit_reached"
    hidden = world.marketing.post("/v1/campaigns", {"name": "x", "kind": "amount_off", "value": 1})
    refused = world.marketing.post(f"/v1/campaigns/{hidden['campaign_id']}/publish", status=422)
    assert refused["code"] == "campaign_not_publishable"
    assert [error["field"] for error in refused["errors"]] == ["validity"]
    code = {"code": {"type": "public", "value": "TEA"}, "validity": {"never_expires": True}}
    public = world.campaign(**code)
    closed = world.member.post(f"{public}/claims", status=422)
    assert (closed["code"], closed["reason"]) == ("not_claimable", "public_code")


@pytest.mark.rule("A8", "C5")
def test_coupon_has_lapsed_when_the_sandbox_clock_has_moved(world: World) -> None:
    world.member.post(f"{world.campaign()}/claims")
    world.platform.advance_clock(days=31)
    world.member = world.platform.shopper(PHONE)  # the old token's time is over
    assert [(item["status"], item["reason"]) for item in world.wallet()] == [("expired", "lapsed")]
    rows = world.platform.databases["coupons"].query("SELECT status FROM coupons")
    assert [row.status for row in rows] == ["expired"]


@pytest.mark.rule("C7", "C8")
def test_codes_are_quoted_by_till_and_member_and_nothing_is_held(world: World) -> None:
    coupon = world.member.post(f"{world.campaign()}/claims")
    basket = {
        "currency": "CNY",
        "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}],
        "codes": [coupon["code"], "NOPE"],
        "mode": "best_for_member",
    }
    at_till = {**basket, "member": {"type": "phone", "value": PHONE}}
    quoted = world.till.post("/v1/coupons/quote", at_till, status=200)
    assert quoted["discount_minor"] == 500
    assert [each["reason"] for each in quoted["rejected"]] == ["unknown"]
    own = world.member.post("/v1/coupons/quote", basket, status=200)
    assert own["applied"] == quoted["applied"]
    assert [each["reason"] for each in own["rejected"]] == ["not_usable"]
    assert [item["status"] for item in world.wallet()] == ["issued"]
    world.member.post("/v1/coupons/quote", at_till, status=404)
    named = {**basket, "member": {"type": "member_id", "value": world.member_id}}
    assert world.member.post("/v1/coupons/quote", named, status=200) == own
    nobody = {**basket, "member": {"type": "phone", "value": "13700137000"}}
    world.till.post("/v1/coupons/quote", nobody, status=404)
    elsewhere = {**basket, "store_id": "s-9"}
    assert world.till.post("/v1/coupons/quote", elsewhere, status=422)["code"] == "store_mismatch"
    world.marketing.post("/v1/coupons/quote", basket, status=403)


@pytest.mark.rule("C8")
def test_guessing_members_are_stopped_and_owners_and_tills_are_not(world: World) -> None:
    settings = GatewaySettings(Secret(""), Secret("cursor key"), sandbox=True, rate_limits=True)
    app = create_app(settings, world.platform.backend)
    guesser = Person(app.test_client(), world.member.token)
    till = Person(app.test_client(), world.till.token)
    coupon = world.member.post(f"{world.campaign()}/claims")
    basket = {
        "currency": "CNY",
        "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}],
    }
    good = {**basket, "codes": [coupon["code"]]}
    for _ in range(12):
        guesser.post("/v1/coupons/quote", good, status=200)
    for number in range(8):
        guesser.post("/v1/coupons/quote", {**basket, "codes": [f"GUESS{number}"]}, status=200)
    to = {"to": {"type": "phone", "value": "13700137000"}}
    guesser.post("/v1/coupons/NOPE/gift", to, status=404)
    guesser.post(f"/v1/coupons/{coupon['code']}/gift", to, status=422)  # not giftable: no guess
    guesser.post("/v1/coupons/NOPE/gift", to, status=404)
    stopped = guesser.post("/v1/coupons/quote", good, status=429)
    assert stopped["code"] == "rate_limited"
    assert 0 < stopped["retry_after_s"] <= 601
    guesser.post("/v1/coupons/NOPE/gift", to, status=429)
    for number in range(12):
        till.post("/v1/coupons/quote", {**basket, "codes": [f"GUESS{number}"]}, status=200)


@pytest.mark.rule("C8")
def test_coupon_is_given_to_another_member_and_its_code_kept_nowhere(world: World) -> None:
    path = world.campaign(giftable=True)
    coupon = world.member.post(f"{path}/claims")
    phone = "13900139000"
    world.till.post("/v1/members", {"phone": phone, "channel": "store"})
    world.platform.settle()
    receiver = world.platform.shopper(phone)
    gift = f"/v1/coupons/{coupon['code']}/gift"
    unknown = {"to": {"type": "phone", "value": "13700137000"}}
    refused = world.member.post(gift, unknown, status=422)
    assert refused["code"] == "gift_refused"
    body = {"to": {"type": "phone", "value": phone}, "message": "Enjoy"}
    given = world.member.post(gift, body, status=200, key="once")
    assert given["status"] == "gifted"
    assert world.member.post(gift, body, status=200, key="once") == given
    (got,) = receiver.get("/v1/members/me/coupons")["items"]
    assert got["gift_message"] == "Enjoy"
    receiver.post(gift, body, status=404)
    seen = receiver.get(f"/v1/members/me/coupons/{got['coupon_id']}/history")["items"]
    assert [each["cause"] for each in seen] == ["gift"]
    world.member.get(f"/v1/members/me/coupons/{got['coupon_id']}/history", status=404)
    rows = world.platform.databases["coupons"].query("SELECT route FROM idempotency")
    assert coupon["code"] not in str(rows)


def test_staff_void_a_coupon_by_id_since_codes_are_masked(world: World) -> None:
    coupon = world.member.post(f"{world.campaign()}/claims")
    void = f"/v1/coupons/{coupon['coupon_id']}/void"
    voided = world.marketing.post(void, {"reason": "Printed twice."}, status=200)
    assert (voided["status"], voided["code"]) == ("void", f"****-****-{coupon['code'][-4:]}")
    again = world.marketing.post(void, {"reason": "Printed twice."}, status=409)
    assert again["code"] == "coupon_state_conflict"
    history = f"/v1/members/{world.member_id}/coupons/{coupon['coupon_id']}/history"
    changes = world.marketing.get(history)["items"]
    assert (changes[-1]["reason"], changes[-1]["by"]) == ("Printed twice.", "staff")
    world.member.post(void, {"reason": "mine"}, status=403)
    world.marketing.post("/v1/coupons/NOPE/void", {"reason": "x"}, status=404)


@pytest.mark.rule("C8", "C9", "A9")
def test_codes_are_made_by_a_job_and_downloaded_in_full_once(world: World) -> None:
    path = world.campaign(limits={})
    started = world.marketing.post(f"{path}/codes", {"count": 1_500}, status=202)
    service = world.platform.services["coupons"]
    while run_one(service.db, steps_of(service)):
        pass
    done = world.marketing.get(f"/v1/jobs/{started['job_id']}")
    assert (done["status"], done["done"], done["total"]) == ("succeeded", 1_500, 1_500)
    headers = {"Authorization": f"Bearer {world.marketing.token}"}
    answer = world.platform.client.get(f"{path}/codes.csv", headers=headers)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    first = list(csv.DictReader(io.StringIO(answer.text)))
    assert len({row["code"] for row in first}) == 1_500
    assert {row["status"] for row in first} == {"issued"}
    again = world.platform.client.get(f"{path}/codes.csv", headers=headers).text
    assert again.count("****-****-") == 1_500
    sale = world.till.post("/v1/sales", world.sale("s1", first[7]["code"]))
    assert sale["totals"]["discount_minor"] == 500
    world.platform.staff("support").get(f"{path}/codes.csv", status=403)


@pytest.mark.rule("C9", "A9")
def test_codes_are_imported_from_a_file_and_what_is_not_taken_is_told(world: World) -> None:
    path = world.campaign(limits={})
    file = "code\r\nVIP-2026-0001\r\nshort\r\nvip 2026 0001\r\n"
    started = world.marketing.post(f"{path}/codes/import", file, status=202, key="once")
    again = world.marketing.post(f"{path}/codes/import", file, status=202, key="once")
    assert again == started
    world.platform.run_jobs()
    job = world.marketing.get(f"/v1/jobs/{started['job_id']}")
    assert (job["status"], job["result"]["codes"]) == ("succeeded", 1)
    assert job["result"]["errors"] == [
        {"row": 3, "reason": "code_malformed"},
        {"row": 4, "reason": "duplicate"},
    ]
    report = world.platform.client.get(
        f"/v1/jobs/{started['job_id']}/result",
        headers={"Authorization": f"Bearer {world.marketing.token}"},
    )
    assert report.data.decode().splitlines()[1].startswith("3,code_malformed,")
    sale = world.till.post("/v1/sales", world.sale("s1", "vip20260001"))
    assert sale["totals"]["discount_minor"] == 500


def test_gift_of_a_sale_names_its_article(world: World) -> None:
    path = world.campaign(kind="gift", value=None, gift_sku="MUG-1")
    coupon = world.member.post(f"{path}/claims")
    sale = world.till.post("/v1/sales", world.sale("s1", coupon["code"]))
    assert [use["gift_sku"] for use in sale["coupons"]["applied"]] == ["MUG-1"]
    assert sale["totals"]["discount_minor"] == 0


def test_published_terms_are_replaced_and_listed_over_http(world: World) -> None:
    path = world.campaign()
    assert world.marketing.get(f"{path}/preview")["headline"] == "5.00 CNY off"
    revised = world.marketing.post(f"{path}/versions", {"value": 700})
    assert (revised["version"], revised["value"]) == (2, 700)
    first = world.marketing.get(f"{path}/versions?limit=1")
    rest = world.marketing.get(f"{path}/versions?limit=1&cursor={first['next_cursor']}")
    assert [each["value"] for each in (*first["items"], *rest["items"])] == [700, 500]
    assert rest["next_cursor"] is None
    refused = world.marketing.post(f"{path}/versions", {"kind": "free_shipping"}, status=422)
    assert refused["code"] == "campaign_not_publishable"
    world.platform.staff("support").post(f"{path}/versions", {"value": 1}, status=403)


@pytest.mark.rule("C4", "C3", "S4")
def test_order_voided_after_a_price_change_keeps_the_shoppers_coupons_and_points(
    world: World,
) -> None:
    coupon = world.member.post(f"{world.campaign(validity={'days_after_issue': 2})}/claims")
    earning = {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 20_000}
    world.till.post("/v1/sales", world.sale("s1", lines=[earning]))
    world.platform.settle()
    before = world.member.get("/v1/members/me/points")["balances"]
    sale = world.sale("s2", coupon["code"], points_to_redeem=200)
    sold = world.till.post("/v1/sales", sale)
    assert sold["totals"]["payable_minor"] == 300
    world.platform.advance_clock(days=20)
    world.member, world.till = world.platform.shopper(PHONE), world.platform.terminal("t-2")
    assert [item["status"] for item in world.wallet()] == ["redeemed"]
    support = world.platform.staff("support")
    fault = {"reason_code": "price_change", "merchant_fault": True}
    undone = support.post("/v1/sales/s2/cancel", fault, status=200)
    assert undone["coupons_restored"] == [f"****{coupon['code'][-4:]}"]
    world.platform.settle()
    assert world.member.get("/v1/members/me/points")["balances"] == before
    (back,) = world.wallet()
    assert (back["status"], back["code"], back["days_left"]) == ("restored", coupon["code"], 7)
    changes = world.member.get(f"/v1/members/me/coupons/{coupon['coupon_id']}/history")["items"]
    assert (changes[-1]["cause"], changes[-1]["reason"]) == ("merchant_fault", "price_change")
    again = world.till.post("/v1/sales", world.sale("s3", coupon["code"], points_to_redeem=200))
    assert again["totals"]["payable_minor"] == 300


@pytest.mark.rule("C8")
def test_owner_alone_sees_the_code_as_a_picture(world: World) -> None:
    coupon = world.member.post(f"{world.campaign()}/claims")
    path = f"/v1/members/me/coupons/{coupon['coupon_id']}/code"

    def fetch(person: Person, path: str) -> Any:
        headers = {"Authorization": f"Bearer {person.token}"}
        return world.platform.client.get(path, headers=headers)

    for kind in ("qr", "code128"):
        svg, png = (fetch(world.member, f"{path}.{end}?type={kind}") for end in ("svg", "png"))
        assert (svg.status_code, svg.mimetype) == (200, "image/svg+xml")
        assert (png.status_code, png.data[1:4]) == (200, b"PNG")
        assert svg.headers["Cache-Control"] == "private, no-store"
    assert fetch(world.member, f"{path}.svg?type=dots").status_code == 422
    named = path.replace("/me/", f"/{world.member_id}/")
    assert fetch(world.marketing, f"{named}.svg").status_code == 403
    world.till.post("/v1/members", {"phone": "13900139000", "channel": "store"})
    world.platform.settle()
    stranger = world.platform.shopper("13900139000")
    assert fetch(stranger, f"{path}.svg").status_code == 404
    assert fetch(stranger, f"{named}.png").status_code == 404
