"""Tills' offline work over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from shared.clock import rfc3339
from tests.support.platform import Platform

PHONE = "+8613800138000"
NOTE = {"action": "correct", "note": "The till was replaced."}


def sale(platform: Platform, sale_id: str, **fields: Any) -> dict[str, Any]:
    """Return a sale of 10.00 an hour ago."""
    return {
        "sale_id": sale_id,
        "occurred_at": rfc3339(platform.now() - timedelta(hours=1)),
        "currency": "CNY",
        "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 1_000}],
    } | fields


@pytest.mark.rule("S5")
def test_staff_sees_exceptions_and_a_manager_resolves_them(platform: Platform) -> None:
    till, support = platform.terminal(), platform.staff("support")
    for number in (1, 4):
        till.post("/v1/sales", sale(platform, f"s{number}", terminal_counter=number))
    (found,) = support.get("/v1/pos/exceptions?status=open&kind=counter_gap")["items"]
    assert found["counters"] == {"first": 2, "last": 3}
    assert (found["terminal_id"], found["store_id"]) == ("t-1", "s-1")
    path = f"/v1/pos/exceptions/{found['exception_id']}"
    assert support.get(path) == found
    assert support.post(f"{path}/resolve", NOTE, status=403)["code"] == "forbidden"
    manager = platform.staff("manager")
    done = manager.post(f"{path}/resolve", NOTE, status=200, key="k")
    assert (done["status"], done["resolution"]["action"]) == ("resolved", "correct")
    assert manager.post(f"{path}/resolve", NOTE, status=200, key="k") == done
    assert manager.post(f"{path}/resolve", NOTE, status=409)["code"] == "exception_settled"
    assert support.get("/v1/pos/exceptions?status=open")["items"] == []


@pytest.mark.rule("S5")
def test_exceptions_are_none_of_a_tills_or_members_business(platform: Platform) -> None:
    for person in (platform.terminal(), platform.shop(), platform.admin()):
        assert person.get("/v1/pos/exceptions", status=403)["code"] == "forbidden"
    auditor = platform.staff("auditor")
    assert auditor.get("/v1/pos/exceptions/nonsense", status=404)["code"] == "not_found"


@pytest.mark.rule("S5")
def test_batch_of_a_till_back_online_answers_each_sale(platform: Platform) -> None:
    till = platform.terminal()
    old = rfc3339(platform.now() - timedelta(hours=73))
    first = sale(platform, "s1", terminal_counter=1)
    sales = [
        first,
        sale(platform, "s2", terminal_counter=2, occurred_at=old),
        sale(platform, "s3", terminal_counter=1),
        first,
    ]
    results = till.post("/v1/sales/batch", {"sales": sales}, status=200)["results"]
    assert [(each["status"], each.get("error", {}).get("code")) for each in results] == [
        ("created", None),
        ("rejected", "sale_too_old"),
        ("rejected", "terminal_counter_conflict"),
        ("replayed", None),
    ]
    items = platform.staff("support").get("/v1/pos/exceptions")["items"]
    assert {each["kind"] for each in items} == {"too_old", "counter_conflict"}


@pytest.mark.rule("S5")
def test_till_fetches_an_allowance_for_a_member(platform: Platform) -> None:
    till = platform.terminal()
    member = till.post("/v1/members", {"phone": PHONE, "channel": "store"})["member_id"]
    path = f"/v1/terminals/me/offline-allowance?member_id={member}"
    allowance = till.get(path)
    assert allowance["points"] == 0
    keys = platform.client.get("/v1/pos/jwks.json").json["keys"]  # type: ignore[index]
    header = jwt.get_unverified_header(allowance["signature"])
    assert (header["alg"], header["kid"]) == ("EdDSA", keys[0]["kid"])
    assert set(keys[0]) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert till.get(path.replace(member, str(uuid4())), status=404)["code"] == "not_found"
    assert platform.shop().get(path, status=403)["code"] == "forbidden"
    assert platform.shopper(PHONE).get(path, status=403)["code"] == "forbidden"
