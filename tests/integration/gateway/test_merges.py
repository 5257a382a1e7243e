"""Merging two members through the whole platform (M3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from tests.support.platform import Person, Platform

SURVIVOR, SOURCE, THIRD = "+8613800138000", "+8613800138001", "+8613800138002"


@dataclass
class Pair:
    """Two members that are one person, and who works with them."""

    platform: Platform
    till: Person
    manager: Person
    survivor: str
    source: str

    def sell(self, phone: str, net_minor: int, **more: Any) -> dict[str, Any]:
        """Sell something to whoever has a phone."""
        return self.till.post("/v1/sales", self.sale(phone, net_minor, **more))

    def sale(self, phone: str, net_minor: int, **more: Any) -> dict[str, Any]:
        """Return a sale."""
        return {
            "sale_id": f"s-{uuid4().hex[:12]}",
            "occurred_at": rfc3339(self.platform.now()),
            "currency": "CNY",
            "member": {"type": "phone", "value": phone},
            "lines": [{"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": net_minor}],
            **more,
        }

    def take_back(self, sale: dict[str, Any], net_minor: int) -> dict[str, Any]:
        """Return one of the two pieces of a sale."""
        body = {
            "return_id": f"r-{uuid4().hex[:8]}",
            "occurred_at": rfc3339(self.platform.now()),
            "lines": [{"line_id": "1", "quantity": 1, "net_minor": net_minor}],
            "reason_code": "customer_return",
        }
        return self.till.post(f"/v1/sales/{sale['sale_id']}/returns", body)

    def merge(self, *, status: int = 200, **other: str) -> dict[str, Any]:
        """Merge the source into the survivor."""
        who = {"survivor": self.survivor, "source": self.source, **other}
        told = {"source_member_id": who["source"], "reason": "One person, two phones."}
        return self.manager.post(f"/v1/members/{who['survivor']}/merge", told, status=status)

    def unmerge(self, *, status: int = 200) -> dict[str, Any]:
        """Undo it."""
        told = {"source_member_id": self.source}
        return self.manager.post(f"/v1/members/{self.survivor}/unmerge", told, status=status)

    def balances(self, member_id: str) -> dict[str, int]:
        """Return a member's balances."""
        found: dict[str, int] = self.manager.get(f"/v1/members/{member_id}/points")["balances"]
        return found

    def tier(self, member_id: str) -> str:
        """Return a member's tier."""
        return str(self.manager.get(f"/v1/members/{member_id}/tier")["tier"]["code"])

    def found(self, kind: str, value: str) -> str:
        """Return whom a till recognises."""
        reference = {"type": kind, "value": value}
        return str(self.till.post("/v1/members/lookup", reference, status=200)["member_id"])

    def verify(self) -> None:
        """Prove the ledger."""
        proof = self.platform.staff("auditor").post("/v1/points/verify", status=200)
        assert proof["ok"], proof["drift"]


@pytest.fixture
def pair(platform: Platform) -> Pair:
    till, manager = platform.terminal(), platform.staff("manager")
    first, second = (
        till.post("/v1/members", {"phone": phone, "channel": "store", **more})["member_id"]
        for phone, more in (
            (SURVIVOR, {}),
            (SOURCE, {"card_number": "CARD-0001", "email": "li@example.com"}),
        )
    )
    platform.settle()
    return Pair(platform, till, manager, first, second)


@pytest.mark.rule("M3")
def test_survivor_has_what_both_had_and_gets_what_the_source_earns_later(pair: Pair) -> None:
    pair.sell(SURVIVOR, 60_000)
    early = pair.sell(SOURCE, 90_000)
    pair.platform.settle()
    hold = {"member_id": pair.source, "points": 100, "order_id": "o-1"}
    held = pair.till.post("/v1/points/holds", hold)
    made = pair.merge()
    assert (made["status"], {each["status"] for each in made["services"]}) == (
        "merging", {"pending"}
    )  # fmt: skip
    pair.platform.settle()
    (shown,) = pair.manager.get(f"/v1/members/{pair.survivor}/merges")["items"]
    assert (shown["status"], {each["status"] for each in shown["services"]}) == (
        "merged", {"done"}
    )  # fmt: skip
    assert pair.balances(pair.survivor) == {
        "available": 1_400, "pending": 0, "held": 100, "debt": 0
    }  # fmt: skip
    assert pair.balances(pair.source) == {"available": 0, "pending": 0, "held": 0, "debt": 0}
    assert pair.tier(pair.survivor) == "SILVER"
    for kind, value in (("phone", SOURCE), ("card", "CARD-0001"), ("email", "li@example.com")):
        assert pair.found(kind, value) == pair.survivor
    captured = pair.till.post(f"/v1/points/holds/{held['hold_id']}/capture", status=200)
    assert captured["member_id"] == pair.survivor
    assert pair.sell(SOURCE, 10_000)["member_id"] == pair.survivor
    back = pair.take_back(early, 45_000)
    assert back["points"]["clawed_back"] == 450
    pair.platform.settle()
    assert pair.balances(pair.survivor)["available"] == 1_400 + 110 - 450
    assert pair.till.post("/v1/points/holds", {**hold, "order_id": "o-2"})["status"] == "held"
    pair.verify()


@pytest.mark.rule("M3")
def test_unmerge_gives_back_what_is_left_of_what_came(pair: Pair) -> None:
    pair.sell(SURVIVOR, 60_000)
    pair.sell(SOURCE, 90_000)
    pair.platform.settle()
    hold = {"member_id": pair.source, "points": 100, "order_id": "o-1"}
    held = pair.till.post("/v1/points/holds", hold)
    pair.merge()
    pair.platform.settle()
    pair.sell(SOURCE, 10_000)
    pair.unmerge()
    pair.platform.settle()
    assert pair.balances(pair.source) == {
        "available": 800, "pending": 0, "held": 100, "debt": 0
    }  # fmt: skip
    assert pair.balances(pair.survivor)["available"] == 600 + 110
    assert (pair.tier(pair.survivor), pair.tier(pair.source)) == ("BRONZE", "BRONZE")
    assert pair.found("card", "CARD-0001") == pair.found("phone", SOURCE) == pair.source
    pair.till.post(f"/v1/points/holds/{held['hold_id']}/release", status=200)
    assert pair.balances(pair.source)["available"] == 900
    assert pair.sell(SOURCE, 10_000)["member_id"] == pair.source
    assert pair.unmerge(status=409)["code"] == "not_merged"
    pair.merge()
    pair.platform.settle()
    assert pair.balances(pair.survivor)["available"] == 710 + 1_000
    pair.verify()


@pytest.mark.rule("M3", "L8")
def test_sales_that_arrive_while_members_are_merged_are_all_counted_once(pair: Pair) -> None:
    sales = [pair.sale((SURVIVOR, SOURCE)[n % 2], 1_000) for n in range(40)]
    deliver = pair.platform.settle

    def sell(sale: dict[str, Any]) -> int:
        person = Person(pair.platform.client, pair.till.token)
        status, _, _ = person.request("POST", "/v1/sales", sale)
        return status

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(sell, sale) for sale in sales]
        pair.merge()
        deliver()
        assert {answer.result() for answer in answers} == {201}
    deliver()
    assert pair.balances(pair.survivor)["available"] == 40 * 10
    assert pair.balances(pair.source)["available"] == 0
    for sale in sales[:4]:
        assert sell(sale) == 200
    pair.verify()


@pytest.mark.rule("M3")
def test_merges_both_ways_at_once_have_one_winner(pair: Pair) -> None:
    def merge(survivor: str, source: str) -> tuple[int, str | None]:
        person = Person(pair.platform.client, pair.manager.token)
        told = {"source_member_id": source, "reason": "One person."}
        status, body, _ = person.request("POST", f"/v1/members/{survivor}/merge", told)
        return status, body.get("code")

    with ThreadPoolExecutor(2) as pool:
        ways = [(pair.survivor, pair.source), (pair.source, pair.survivor)]
        answers = [pool.submit(merge, *way) for way in ways]
    assert sorted(each.result() for each in answers if each.result()[0] == 409) == [
        (409, "member_merged")
    ]
    assert sum(each.result()[0] == 200 for each in answers) == 1


@pytest.mark.rule("M3")
def test_merge_says_why_it_is_refused_and_is_the_same_when_sent_twice(pair: Pair) -> None:
    assert pair.merge(source=pair.survivor, status=422)["code"] == "validation_failed"
    assert pair.merge(source=str(uuid4()), status=404)["code"] == "member_not_found"
    assert pair.merge(survivor=str(uuid4()), status=404)["code"] == "not_found"
    reason = {"reason": "Lost phone."}
    pair.manager.post(f"/v1/members/{pair.source}/freeze", reason, status=200)
    assert pair.merge(status=409)["code"] == "member_frozen"
    pair.manager.post(f"/v1/members/{pair.source}/close", reason, status=200)
    assert pair.merge(status=409)["code"] == "member_closed"
    pair.manager.post(f"/v1/members/{pair.source}/reopen", reason, status=200)
    made = pair.merge()
    assert pair.merge()["merge_id"] == made["merge_id"]
    pair.platform.settle()
    third = pair.till.post("/v1/members", {"phone": THIRD, "channel": "store"})["member_id"]
    assert pair.merge(survivor=third, status=409)["code"] == "member_merged"
    support = pair.platform.staff("support")
    told = {"source_member_id": third, "reason": "One person."}
    assert support.request("POST", f"/v1/members/{pair.survivor}/merge", told)[0] == 403


@pytest.mark.rule("M3")
def test_step_that_services_have_not_confirmed_is_told_again_when_sent_again(pair: Pair) -> None:
    pair.sell(SOURCE, 90_000)
    told = "SELECT count(*), count(DISTINCT data->>'step_id') FROM outbox WHERE type = :type"
    outbox = pair.platform.databases["members"]
    for act, kind in ((pair.merge, "member.merged"), (pair.unmerge, "member.unmerged")):
        first, again = act(), act()
        assert again == first
        assert tuple(outbox.query(told, type=kind)[0]) == (2, 1)
        pair.platform.settle()
    assert pair.balances(pair.source)["available"] == 900
    assert pair.unmerge(status=409)["code"] == "not_merged"


@pytest.mark.rule("M3")
def test_unmerge_is_refused_after_30_days(pair: Pair) -> None:
    pair.merge()
    pair.platform.settle()
    pair.platform.advance_clock(days=30, minutes=1)
    pair.manager = pair.platform.staff("manager")
    assert pair.unmerge(status=409)["code"] == "unmerge_too_late"


@pytest.mark.rule("M3", "M5")
def test_the_stricter_consent_counts_until_the_merge_is_undone(pair: Pair) -> None:
    said = {"purpose": "marketing", "channel": "sms", "policy_version": "1"}
    for member_id, agrees in ((pair.survivor, True), (pair.source, False)):
        body = {"consents": [{**said, "granted": agrees}]}
        status, _, _ = pair.manager.request("PUT", f"/v1/members/{member_id}/consents", body)
        assert status == 200
    pair.merge()

    def granted() -> bool:
        (counting,) = pair.manager.get(f"/v1/members/{pair.survivor}")["consents"]
        return bool(counting["granted"])

    assert not granted()
    pair.unmerge()
    assert granted()


@pytest.mark.rule("M3")
def test_signed_in_source_goes_on_as_the_survivor(pair: Pair) -> None:
    client = pair.platform.client
    sent = client.post("/v1/auth/otp", json={"phone": SOURCE}).json or {}
    grant = {"grant_type": "otp", "phone": SOURCE, "code": sent["sandbox_code"]}
    session = client.post("/v1/auth/token", json=grant).json or {}
    pair.merge()
    pair.platform.settle()
    again = {"grant_type": "refresh_token", "refresh_token": session["refresh_token"]}
    renewed = client.post("/v1/auth/token", json=again).json or {}
    me = Person(client, renewed["access_token"]).get("/v1/members/me")
    assert (me["member_id"], me["status"]) == (pair.survivor, "active")
    old = Person(client, session["access_token"])
    assert old.get("/v1/members/me")["merged_into"] == pair.survivor
    status, body, _ = old.request("GET", "/v1/members/me/code")
    assert (status, body["code"]) == (409, "member_merged")
