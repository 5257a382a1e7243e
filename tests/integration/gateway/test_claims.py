"""Claims of sales over HTTP (S6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway import create_app
from shared.clock import rfc3339
from shared.settings import GatewaySettings, Secret
from tests.support.platform import Person, Platform

PHONE, OTHER = "+8613800138000", "+8613800138001"
CLAIM = "/v1/sales/s1/claim"


@pytest.fixture
def till(platform: Platform) -> Person:
    till = platform.terminal()
    for phone in (PHONE, OTHER):
        till.post("/v1/members", {"phone": phone, "channel": "store"})
    platform.settle()
    return till


def sold(platform: Platform, till: Person) -> str:
    """Sell for 1,200.00 to nobody; returns the receipt code."""
    line = {"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 120_000}
    sale = {"sale_id": "s1", "occurred_at": rfc3339(platform.now()), "currency": "CNY"}
    return str(till.post("/v1/sales", {**sale, "lines": [line]})["receipt_code"])


@pytest.mark.rule("S6", "T1")
def test_member_claims_its_sale_and_rises_by_it(platform: Platform, till: Person) -> None:
    shopper, code = platform.shopper(PHONE), sold(platform, till)
    answer = shopper.post(CLAIM, {"receipt_code": code}, status=200)
    assert answer["points"]["earned"] == 1_200
    platform.settle()
    tier = shopper.get("/v1/members/me/tier")
    assert (tier["tier"]["code"], tier["progress"]["have"]) == ("SILVER", 1_200)
    late = platform.shopper(OTHER).post(CLAIM, {"receipt_code": code}, status=409)
    assert late["code"] == "sale_already_claimed"
    till.post(
        "/v1/sales/s1/returns",
        {
            "return_id": "r1",
            "occurred_at": rfc3339(platform.now()),
            "lines": [{"line_id": "1", "quantity": 1, "net_minor": 120_000}],
            "reason_code": "defect",
        },
    )
    platform.settle()
    assert shopper.get("/v1/members/me/points")["balances"]["available"] == 0
    assert shopper.get("/v1/members/me/tier")["progress"]["have"] == 0


@pytest.mark.rule("S6")
def test_till_claims_for_whoever_shows_the_receipt(platform: Platform, till: Person) -> None:
    code = sold(platform, till)
    member = {"type": "phone", "value": PHONE}
    assert till.post(CLAIM, {"receipt_code": code}, status=422)["code"] == "member_required"
    stranger = {"receipt_code": code, "member": {**member, "value": "+8613900000000"}}
    assert till.post(CLAIM, stranger, status=422)["code"] == "unknown_member"
    answer = till.post(CLAIM, {"receipt_code": code, "member": member}, status=200)
    assert answer["balances"]["available"] == 1_200
    seen = till.get("/v1/sales/s1")
    assert seen["member_id"] == answer["member_id"]


@pytest.mark.rule("S6")
def test_member_claims_for_itself_only(platform: Platform, till: Person) -> None:
    body = {"receipt_code": sold(platform, till), "member": {"type": "phone", "value": OTHER}}
    refused = platform.shopper(PHONE).post(CLAIM, body, status=422)
    assert refused["errors"][0]["field"] == "member"
    unenrolled = platform.shopper("+8613900000000")
    code = {"receipt_code": body["receipt_code"]}
    assert unenrolled.post(CLAIM, code, status=422)["code"] == "member_required"
    assert platform.staff("support").post(CLAIM, code, status=403)["code"] == "forbidden"


@pytest.mark.rule("S6", "C8")
def test_person_who_guesses_has_to_wait(platform: Platform, till: Person) -> None:
    code = sold(platform, till)
    limited = GatewaySettings(Secret(""), Secret("cursor key"), sandbox=True)
    client = create_app(limited, platform.backend).test_client()
    guesser, other, teller = (
        replace(person, client=client)
        for person in (platform.shopper(PHONE), platform.shopper(OTHER), till)
    )

    def guess(person: Person, given: str, **fields: Any) -> int:
        return person.request("POST", CLAIM, {"receipt_code": given, **fields})[0]

    assert [guess(guesser, "2" * 16) for _ in range(10)] == [404] * 10
    status, body, headers = guesser.request("POST", CLAIM, {"receipt_code": code})
    assert (status, body["code"]) == (429, "rate_limited")
    assert 0 < int(headers["Retry-After"]) <= 600
    named = {"member": {"type": "phone", "value": OTHER}}
    assert [guess(teller, "2" * 16, **named) for _ in range(11)] == [404] * 11
    assert guess(other, code) == 200
