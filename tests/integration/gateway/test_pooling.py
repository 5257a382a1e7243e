"""Pooling a household's points over HTTP: who may, and who sees what (L10)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.support.platform import Person, Platform

PHONES = ("+8613800138000", "+8613800138001", "+8613800138002")


@dataclass
class Family:
    """Two who share, a stranger, and the path of their household."""

    owner: Person
    other: Person
    stranger: Person
    path: str


@pytest.fixture
def family(platform: Platform) -> Family:
    till, support = platform.terminal(), platform.staff("support")
    owner, other, _ = (
        till.post("/v1/members", {"phone": phone, "channel": "store"})["member_id"]
        for phone in PHONES
    )
    made = support.post("/v1/households", {"name": "Li", "owner_member_id": owner})
    path = f"/v1/households/{made['household_id']}"
    support.post(f"{path}/members", {"member_id": other})
    platform.settle()
    note = {"reason_code": "goodwill", "note": "Late."}
    support.post("/v1/points/adjustments", {"member_id": other, "points": 500, **note})
    first, second, third = map(platform.shopper, PHONES)
    return Family(first, second, third, path)


@pytest.mark.rule("L10")
def test_owner_gathers_what_the_household_has(platform: Platform, family: Family) -> None:
    before = family.other.get(f"{family.path}/points")
    assert [each["available"] for each in before["members"]] == [0, 500]
    pooled = family.owner.post(f"{family.path}/pool", {"points": 200}, status=200, key="k")
    assert pooled["points"] == 200
    again = family.owner.post(f"{family.path}/pool", {"points": 200}, status=200, key="k")
    assert again == pooled
    support = platform.staff("support")
    path = f"/v1/points/transfers/{pooled['transfers'][0]['transfer_id']}"
    assert support.get(path)["household_id"] == pooled["household_id"]
    assert support.post(f"{family.path}/pool", status=200)["points"] == 300
    shown = platform.staff("auditor").get(f"{family.path}/points")
    assert [each["available"] for each in shown["members"]] == [500, 0]


@pytest.mark.rule("L10")
def test_pool_is_the_owners_and_hidden_from_strangers(platform: Platform, family: Family) -> None:
    for person in (family.other, family.stranger):
        assert person.request("POST", f"{family.path}/pool", {})[0] == 404
    assert family.stranger.request("GET", f"{family.path}/points")[0] == 404
    nowhere = f"/v1/households/{uuid4()}"
    assert platform.staff("manager").request("POST", f"{nowhere}/pool", {})[0] == 404
    assert family.owner.request("GET", f"{nowhere}/points")[0] == 404
    for person in (platform.staff("marketing"), platform.shop(), platform.terminal("t-9")):
        assert person.request("POST", f"{family.path}/pool", {})[0] == 403
    assert family.other.get(f"{family.path}/points")["available"] == 500


@pytest.mark.rule("L10")
@pytest.mark.parametrize(
    ("points", "code"),
    [(501, "insufficient_points"), (0, "validation_failed"), ("5", "validation_failed")],
)
def test_pool_of_a_wrong_number_is_refused(family: Family, points: object, code: str) -> None:
    refused = family.owner.post(f"{family.path}/pool", {"points": points}, status=422)
    assert refused["code"] == code
