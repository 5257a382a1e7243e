"""Codes and cards at the till: what they let a customer spend (M2)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.support.platform import Person, Platform

PHONE, CARD = "+8613800138000", "6200 0000 1111"


@pytest.fixture
def till(platform: Platform) -> Person:
    return platform.terminal()


@pytest.fixture
def shopper(platform: Platform, till: Person) -> Person:
    till.post("/v1/members", {"phone": PHONE, "channel": "store", "card_number": CARD})
    platform.settle()
    rich = sale(platform, "rich", net_minor=500_000, type="phone", value=PHONE)
    till.post("/v1/sales", rich)
    return platform.shopper(PHONE)


def sale(
    platform: Platform, sale_id: str, *, net_minor: int = 10_000, spend: int = 0, **member: Any
) -> dict[str, Any]:
    return {
        "sale_id": sale_id,
        "occurred_at": platform.now().isoformat().replace("+00:00", "Z"),
        "currency": "CNY",
        "member": member,
        "lines": [{"line_id": "1", "sku": "A", "quantity": 1, "net_minor": net_minor}],
        **({"points_to_redeem": spend} if spend else {}),
    }


@pytest.mark.rule("M2")
def test_shown_code_is_a_barcode_and_a_picture(platform: Platform, shopper: Person) -> None:
    shown = shopper.get("/v1/members/me/code")
    assert shown["barcode"].isdigit()
    assert len(shown["barcode"]) == 20
    assert ET.fromstring(shown["qr"]["svg"]).tag.endswith("svg")  # noqa: S314 - our own
    keys = platform.client.get("/v1/codes/jwks.json")
    assert keys.status_code == 200
    assert "max-age" in keys.headers["Cache-Control"]
    platform.staff("support").get("/v1/members/me/code", status=403)


@pytest.mark.rule("M2")
def test_till_hears_why_a_code_does_not_spend(
    platform: Platform, till: Person, shopper: Person
) -> None:
    shown = shopper.get("/v1/members/me/code")
    by_code: dict[str, Any] = {"type": "code", "value": shown["qr"]["payload"]}
    found = till.post("/v1/members/lookup", by_code, status=200)
    assert found["points_available"] == 5_000
    first = sale(platform, "s-1", spend=1_000, **by_code)
    assert till.post("/v1/sales", first, key="k-1")["points"]["redeemed"] == 1_000
    assert till.request("POST", "/v1/sales", first, key="k-1")[0] == 201
    assert till.request("POST", "/v1/sales", first, key="k-2")[0] == 200
    screenshot = sale(platform, "s-2", spend=1_000, **by_code)
    assert till.post("/v1/sales", screenshot, status=409)["code"] == "code_used"
    assert till.post("/v1/sales", sale(platform, "s-3", **by_code))["points"]["redeemed"] == 0
    platform.advance_clock(seconds=90)
    late = sale(platform, "s-4", **by_code)
    assert till.post("/v1/sales", late, status=422)["code"] == "code_expired"
    nonsense = sale(platform, "s-5", type="code", value="1" * 20)
    batch = till.post("/v1/sales/batch", {"sales": [late, nonsense, first]}, status=200)
    assert [each.get("error", {}).get("code") for each in batch["results"]] == [
        "code_expired",
        "code_invalid",
        None,
    ]


@pytest.mark.rule("M2")
def test_card_earns_but_spends_only_up_to_its_floor_a_day(
    platform: Platform, till: Person, shopper: Person
) -> None:
    by_card: dict[str, Any] = {"type": "card", "value": CARD}
    till.post("/v1/sales", sale(platform, "s-1", spend=300, **by_card))
    refused = till.post("/v1/sales", sale(platform, "s-2", spend=201, **by_card), status=422)
    assert (refused["code"], refused["left"]) == ("card_spending_limit", 200)
    till.post("/v1/sales", sale(platform, "s-2", spend=200, **by_card))
    assert till.post("/v1/sales", sale(platform, "s-3", **by_card))["points"]["earned"] > 0
    by_phone: dict[str, Any] = {"type": "phone", "value": PHONE}
    till.post("/v1/sales", sale(platform, "s-4", spend=1_000, **by_phone))
    platform.advance_clock(days=1)
    till = platform.terminal("t-2")
    till.post("/v1/sales", sale(platform, "s-5", spend=500, **by_card))
