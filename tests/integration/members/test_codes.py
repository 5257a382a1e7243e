from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from services.members import use_cases
from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.members import rpc as contract

if TYPE_CHECKING:
    from tests.integration.members.conftest import Members

STAFF = Actor("staff", "s-1", ("support",))
FORMS = ("barcode", "signed")


@pytest.fixture
def li(members: Members) -> str:
    return str(members.enrol()["member_id"])


def show(members: Members, member_id: str) -> dict[str, Any]:
    reply = members.call(
        contract.SHOW_CODE, {"member_id": member_id}, actor=Actor("member", member_id)
    )
    body: dict[str, Any] = reply["body"]
    return body


def use(
    members: Members, value: str, use_id: str = "sale-1", *, spends: bool = True, ago_s: int = 0
) -> dict[str, Any]:
    at = rfc3339(members.clock.now() - timedelta(seconds=ago_s))
    payload = {"uses": [{"value": value, "use_id": use_id, "spends": spends, "at": at}]}
    result: dict[str, Any] = members.call(contract.USE_CODES, payload)["body"]["results"][0]
    return result


def look_up(members: Members, value: str) -> dict[str, Any]:
    return members.call(contract.LOOKUP, {"type": "code", "value": value, "system": None})


@pytest.mark.rule("M2")
@pytest.mark.parametrize("form", FORMS)
def test_code_recognises_its_member_and_looking_up_does_not_use_it_up(
    members: Members, li: str, form: str
) -> None:
    shown = show(members, li)
    assert shown["expires_at"] == "2026-03-01T04:00:30Z"
    for _ in range(2):
        assert look_up(members, shown[form])["body"]["member_id"] == li
    assert use(members, shown[form])["member_id"] == li


@pytest.mark.rule("M2")
@pytest.mark.parametrize("form", FORMS)
def test_code_spends_once_a_step_and_the_retry_counts_as_the_first(
    members: Members, li: str, form: str
) -> None:
    value = show(members, li)[form]
    assert use(members, value, "sale-1")["member_id"] == li
    assert use(members, value, "sale-1")["member_id"] == li
    assert use(members, value, "sale-2")["refusal"] == "code_used"
    members.clock.advance(seconds=30)
    assert use(members, show(members, li)[form], "sale-2")["member_id"] == li


@pytest.mark.rule("M2")
def test_both_forms_of_a_step_are_one_code(members: Members, li: str) -> None:
    shown = show(members, li)
    use(members, shown["barcode"], "sale-1")
    assert use(members, shown["signed"], "sale-2")["refusal"] == "code_used"


@pytest.mark.rule("M2")
def test_code_used_by_many_sales_at_once_spends_for_one(members: Members, li: str) -> None:
    value = show(members, li)["barcode"]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: use(members, value, f"sale-{n}"), range(8)))
    assert sorted(str(result["refusal"]) for result in results) == ["None"] + ["code_used"] * 7


@pytest.mark.rule("M2")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("skew_s", [-30, 30])
def test_clocks_may_differ_by_one_step(members: Members, li: str, form: str, skew_s: int) -> None:
    value = show(members, li)[form]
    members.clock.advance(seconds=skew_s)
    assert look_up(members, value)["body"]["member_id"] == li
    assert use(members, value)["member_id"] == li


@pytest.mark.rule("M2")
@pytest.mark.parametrize("form", FORMS)
def test_code_two_steps_old_has_expired(members: Members, li: str, form: str) -> None:
    value = show(members, li)[form]
    members.clock.advance(seconds=60)
    assert use(members, value)["refusal"] == "code_expired"
    error = look_up(members, value)["error"]
    assert (error["status"], error["code"]) == (422, "code_expired")


@pytest.mark.rule("M2")
@pytest.mark.parametrize("form", FORMS)
def test_code_from_the_future_proves_nothing(members: Members, li: str, form: str) -> None:
    value = show(members, li)[form]
    members.clock.advance(seconds=-90)
    assert use(members, value)["refusal"] == "code_invalid"


@pytest.mark.rule("M2")
@pytest.mark.parametrize("form", FORMS)
def test_retry_long_after_still_counts_as_the_first(members: Members, li: str, form: str) -> None:
    value = show(members, li)[form]
    use(members, value, "sale-1")
    members.clock.advance(days=1)
    assert use(members, value, "sale-1")["member_id"] == li
    assert use(members, value, "sale-2")["found"] is False


@pytest.mark.rule("M2")
def test_another_members_digits_do_not_fit(members: Members, li: str) -> None:
    han = members.enrol("13900139000")["member_id"]
    one, other = show(members, li)["barcode"], show(members, han)["barcode"]
    assert use(members, one[:12] + other[12:])["refusal"] == "code_invalid"


@pytest.mark.rule("M2")
def test_signature_of_another_key_proves_nothing(members: Members, li: str) -> None:
    good = show(members, li)["signed"]
    head, body, _ = good.split(".")
    forged = jwt.encode(
        jwt.decode(good, options={"verify_signature": False}),
        "a shared secret that is long enough",
        headers=jwt.get_unverified_header(good) | {"alg": "HS256"},
    )
    for value in (forged, f"{head}.{body}.", "1" * 20, "not a code", "a.b.c"):
        assert use(members, value)["refusal"] == "code_invalid"
        assert look_up(members, value)["error"]["code"] == "code_invalid"


@pytest.mark.rule("M2", "S5")
def test_sale_made_offline_earns_by_the_code_of_its_time_but_does_not_spend(
    members: Members, li: str
) -> None:
    value = show(members, li)["signed"]
    members.clock.advance(hours=48)
    assert use(members, value, spends=False, ago_s=48 * 3600)["member_id"] == li
    assert use(members, value, "sale-2", ago_s=48 * 3600)["refusal"] == "code_expired"


@pytest.mark.rule("M2")
def test_published_key_verifies_a_code_without_asking(members: Members, li: str) -> None:
    value = show(members, li)["signed"]
    keys = jwt.PyJWKSet.from_dict(members.call(contract.CODE_KEYS, {})["body"])
    key = keys[jwt.get_unverified_header(value)["kid"]]
    claims = jwt.decode(
        value, key, algorithms=["EdDSA"], audience="pos",
        options={"verify_exp": False, "verify_nbf": False},
    )  # fmt: skip
    now = int(members.clock.now().timestamp())
    assert claims["sub"] == li
    assert (claims["nbf"], claims["exp"]) == (now - 30, now + 60)


@pytest.mark.rule("M2")
def test_key_rotates_while_codes_and_tills_carry_on(members: Members, li: str) -> None:
    def rotate() -> bool:
        return members.service.db.run(
            use_cases.rotate_code_key, vault=members.service.vault
        ).changed

    def kids() -> list[str]:
        return [key["kid"] for key in members.call(contract.CODE_KEYS, {})["body"]["keys"]]

    before = show(members, li)["signed"]
    assert (rotate(), len(kids())) == (False, 2)
    fetched_by_till = kids()
    assert (rotate(), len(kids())) == (True, 3)
    after = show(members, li)["signed"]
    assert jwt.get_unverified_header(after)["kid"] == fetched_by_till[1]
    assert use(members, before, "sale-1", spends=False)["member_id"] == li
    assert use(members, after, "sale-2", spends=False)["member_id"] == li
    members.clock.advance(days=5)
    assert len(kids()) == 2


def test_uses_are_forgotten_after_their_time(members: Members, li: str) -> None:
    use(members, show(members, li)["barcode"])
    members.service.forget_code_uses()
    assert members.database.query("SELECT count(*) FROM code_uses")[0][0] == 1
    members.clock.advance(days=31)
    members.service.forget_code_uses()
    assert members.database.query("SELECT count(*) FROM code_uses")[0][0] == 0


def test_frozen_member_shows_no_code(members: Members, li: str) -> None:
    frozen = {"member_id": li, "act": "freeze", "reason": "Fraud."}
    members.call(contract.CHANGE_STANDING, frozen, actor=STAFF)
    reply = members.call(contract.SHOW_CODE, {"member_id": li}, actor=Actor("member", li))
    assert reply["error"]["code"] == "member_frozen"
