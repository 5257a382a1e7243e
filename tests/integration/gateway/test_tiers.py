"""Tiers over HTTP, fed by real sales."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.platform import Person, Platform

PHONE = "+8613800138000"


def buy(till: Person, platform: Platform, sale_id: str, net_minor: int) -> dict[str, Any]:
    body = {
        "sale_id": sale_id,
        "occurred_at": platform.now().isoformat().replace("+00:00", "Z"),
        "currency": "CNY",
        "member": {"type": "phone", "value": PHONE},
        "lines": [{"line_id": "1", "sku": "A", "quantity": 1, "net_minor": net_minor}],
    }
    made = till.post("/v1/sales", body)
    platform.settle()
    return made


@pytest.fixture
def till(platform: Platform) -> Person:
    till = platform.terminal()
    till.post("/v1/members", {"phone": PHONE, "channel": "store"})
    platform.settle()
    return till


@pytest.mark.rule("T1")
def test_everybody_with_a_token_sees_the_programme(platform: Platform, till: Person) -> None:
    shown = till.get("/v1/tiers")
    assert [level["code"] for level in shown["levels"]] == ["BRONZE", "SILVER", "GOLD", "PLATINUM"]
    for reader in (platform.shopper(PHONE), platform.shop(), platform.staff("auditor")):
        assert reader.get("/v1/tiers") == shown
    assert platform.admin().request("GET", "/v1/tiers")[0] == 403


@pytest.mark.rule("T3")
def test_sales_raise_the_tier_and_a_return_lowers_only_progress(
    platform: Platform, till: Person
) -> None:
    shopper = platform.shopper(PHONE)
    buy(till, platform, "s-1", 499_900)
    before = shopper.get("/v1/members/me/tier")
    assert before["tier"]["code"] == "SILVER"
    assert before["progress"]["next"] == {"code": "GOLD", "need": 5_000, "missing": 1}
    buy(till, platform, "s-2", 100)
    assert shopper.get("/v1/members/me/tier")["tier"]["code"] == "GOLD"
    till.post(
        "/v1/sales/s-1/returns",
        {
            "return_id": "r-1",
            "occurred_at": platform.now().isoformat().replace("+00:00", "Z"),
            "lines": [{"line_id": "1", "quantity": 1, "net_minor": 499_900}],
            "reason_code": "customer_return",
        },
    )
    platform.settle()
    after = shopper.get("/v1/members/me/tier")
    assert after["tier"]["code"] == "GOLD"
    assert (after["progress"]["have"], after["progress"]["keep"]) == (1, 5_000)


@pytest.mark.rule("T3")
def test_cancelled_sale_counts_no_longer(platform: Platform, till: Person) -> None:
    buy(till, platform, "s-1", 100_000)
    till.post("/v1/sales/s-1/cancel", {"reason_code": "system_fault"}, status=200)
    platform.settle()
    shown = platform.shopper(PHONE).get("/v1/members/me/tier")
    assert (shown["tier"]["code"], shown["progress"]["have"]) == ("SILVER", 0)


@pytest.mark.rule("A4", "T5")
def test_history_is_walked_by_cursor_newest_first(platform: Platform, till: Person) -> None:
    for number, net_minor in enumerate((100_000, 400_000)):
        buy(till, platform, f"s-{number}", net_minor)
    shopper = platform.shopper(PHONE)
    page = shopper.get("/v1/members/me/tier/history?limit=2")
    rest = shopper.get(f"/v1/members/me/tier/history?limit=2&cursor={page['next_cursor']}")
    changes = [*page["items"], *rest["items"]]
    assert [(change["from_tier"], change["tier"], change["sale_id"]) for change in changes] == [
        ("SILVER", "GOLD", "s-1"),
        ("BRONZE", "SILVER", "s-0"),
        (None, "BRONZE", None),
    ]
    assert rest["next_cursor"] is None


@pytest.mark.rule("T2", "A8")
def test_sales_leave_the_window_as_the_clock_moves(platform: Platform, till: Person) -> None:
    buy(till, platform, "s-1", 50_000)
    platform.advance_clock(days=360)
    assert platform.shopper(PHONE).get("/v1/members/me/tier")["progress"]["have"] == 500
    platform.advance_clock(days=7)
    assert platform.shopper(PHONE).get("/v1/members/me/tier")["progress"]["have"] == 0
