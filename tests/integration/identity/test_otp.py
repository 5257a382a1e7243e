from __future__ import annotations

import re

import pytest

from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import (
    MEMBER_ID,
    PHONE,
    Identity,
    is_token,
    make_identity,
)

OTHER = "+8613900139000"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def throttled(identity: Identity, phone: str = PHONE, address: str = "192.0.2.1") -> int:
    error = identity.error(contract.REQUEST_OTP, {"phone": phone, "address": address})
    assert (error["status"], error["code"]) == (429, "otp_throttled")
    wait_s: int = error["extra"]["retry_after_s"]
    return wait_s


def another_phone_with_another_code(identity: Identity, code: str) -> str:
    phones = (f"+86139001390{number:02d}" for number in range(100))
    return next(phone for phone in phones if identity.code(phone) != code)


@pytest.mark.rule("I2")
def test_code_signs_in_the_member_who_owns_the_phone(identity: Identity) -> None:
    answer = identity.member()
    claims = identity.claims(answer)
    assert (claims["role"], claims["sub"]) == ("member", MEMBER_ID)
    assert claims["scope"] == "self:read self:write"
    assert answer["refresh_token"]


@pytest.mark.rule("I2")
def test_code_has_six_digits_and_lives_five_minutes(identity: Identity) -> None:
    sent = identity.call(contract.REQUEST_OTP, {"phone": PHONE, "address": "192.0.2.1"})
    assert sent["expires_in"] == 300
    assert re.fullmatch(r"\d{6}", sent["sandbox_code"])


@pytest.mark.rule("A8")
def test_code_stays_secret_outside_the_sandbox(identity: Identity) -> None:
    real = make_identity(identity.database, sandbox=False)
    sent = real.call(contract.REQUEST_OTP, {"phone": PHONE, "address": "192.0.2.1"})
    assert sent == {"expires_in": 300}


@pytest.mark.rule("I2", "M4")
def test_neither_code_nor_phone_nor_address_is_stored(identity: Identity) -> None:
    code = identity.code()
    (row,) = identity.database.query("SELECT to_jsonb(otp_codes)::text AS all FROM otp_codes")
    assert PHONE not in row.all
    assert "192.0.2.1" not in row.all
    assert f'"{code}"' not in row.all


def test_phone_without_member_proves_itself_and_gets_no_session(identity: Identity) -> None:
    answer = identity.sign_in("otp", phone="138 0013 8000", code=identity.code())
    claims = identity.claims(answer)
    assert (claims["role"], claims["sub"]) == ("member", "")
    assert re.fullmatch(r"[\w-]{43}", claims["phone_digest"])
    assert "refresh_token" not in answer


def test_two_phones_have_two_digests(identity: Identity) -> None:
    found = {
        identity.claims(identity.sign_in("otp", phone=phone, code=identity.code(phone)))[
            "phone_digest"
        ]
        for phone in (PHONE, OTHER)
    }
    assert len(found) == 2


@pytest.mark.rule("I2")
def test_code_works_once(identity: Identity) -> None:
    code = identity.code()
    identity.sign_in("otp", phone=PHONE, code=code)
    identity.refused("otp", phone=PHONE, code=code)


@pytest.mark.rule("I2")
def test_code_used_by_many_at_once_lets_one_in(identity: Identity) -> None:
    grant = {"grant_type": "otp", "phone": PHONE, "code": identity.code()}
    replies = identity.in_parallel(contract.ISSUE_TOKEN, [grant] * 8)
    assert sum(map(is_token, replies)) == 1


@pytest.mark.rule("I2")
def test_code_dies_after_five_minutes(identity: Identity) -> None:
    code = identity.code()
    identity.clock.advance(seconds=299)
    identity.refused("otp", phone=PHONE, code=wrong(code))
    identity.clock.advance(seconds=1)
    identity.refused("otp", phone=PHONE, code=code)


@pytest.mark.rule("I2")
def test_fifth_wrong_guess_spoils_the_code(identity: Identity) -> None:
    code = identity.code()
    for _ in range(4):
        identity.refused("otp", phone=PHONE, code=wrong(code))
    identity.refused("otp", phone=PHONE, code=wrong(code))
    identity.refused("otp", phone=PHONE, code=code)


@pytest.mark.rule("I2")
def test_fifth_try_may_be_the_right_one(identity: Identity) -> None:
    code = identity.code()
    for _ in range(4):
        identity.refused("otp", phone=PHONE, code=wrong(code))
    identity.sign_in("otp", phone=PHONE, code=code)


@pytest.mark.rule("I2")
def test_parallel_guesses_get_no_more_than_five_tries(identity: Identity) -> None:
    guess = {"grant_type": "otp", "phone": PHONE, "code": wrong(identity.code())}
    replies = identity.in_parallel(contract.ISSUE_TOKEN, [guess] * 12)
    assert not any(map(is_token, replies))
    (row,) = identity.database.query("SELECT failures FROM otp_codes")
    assert row.failures == 5


def test_code_of_one_phone_does_not_open_another(identity: Identity) -> None:
    code = identity.code()
    other = another_phone_with_another_code(identity, code)
    identity.refused("otp", phone=other, code=code)
    identity.sign_in("otp", phone=PHONE, code=code)


def test_newer_code_replaces_the_older(identity: Identity) -> None:
    old = identity.code()
    new = old
    while new == old:
        identity.clock.advance(seconds=30)
        new = identity.code()
    identity.refused("otp", phone=PHONE, code=old)
    identity.sign_in("otp", phone=PHONE, code=new)


@pytest.mark.rule("I2")
def test_second_code_within_30_seconds_is_refused(identity: Identity) -> None:
    identity.code()
    assert throttled(identity) == 30
    identity.code(OTHER)
    identity.clock.advance(seconds=29)
    assert throttled(identity, "0086 138 0013 8000") == 1
    identity.clock.advance(seconds=1)
    identity.code()


@pytest.mark.rule("I2")
def test_sixth_code_within_an_hour_is_refused(identity: Identity) -> None:
    for _ in range(5):
        identity.code()
        identity.clock.advance(seconds=60)
    assert throttled(identity) == 3_300
    identity.clock.advance(seconds=3_299)
    assert throttled(identity) == 1
    identity.clock.advance(seconds=1)
    identity.code()


@pytest.mark.rule("I2")
def test_many_requests_at_once_send_one_code(identity: Identity) -> None:
    request = {"phone": PHONE, "address": "192.0.2.1"}
    replies = identity.in_parallel(contract.REQUEST_OTP, [request] * 8)
    assert sum("error" not in reply for reply in replies) == 1
    assert {reply["error"]["code"] for reply in replies if "error" in reply} == {"otp_throttled"}


@pytest.mark.rule("I2")
def test_address_gets_a_thousand_codes_an_hour(identity: Identity) -> None:
    identity.code("+8613700000001", address="198.51.100.7")
    identity.database.query(
        "INSERT INTO otp_codes SELECT gen_random_uuid(), n::text::bytea, address_digest,"
        " code_digest, created_at, 0, NULL FROM otp_codes, generate_series(1, 998) AS n"
    )
    identity.code("+8613700000002", address="198.51.100.7")
    assert throttled(identity, "+8613700000003", address="198.51.100.7") == 3_600
    identity.code("+8613700000003", address="198.51.100.8")


def test_malformed_phone_is_422(identity: Identity) -> None:
    error = identity.error(contract.REQUEST_OTP, {"phone": "hello", "address": "192.0.2.1"})
    assert error["status"] == 422
    assert error["errors"][0]["field"] == "phone"


def test_old_codes_are_swept_away(identity: Identity) -> None:
    identity.code()
    identity.clock.advance(hours=23)
    identity.service.due_work()
    assert identity.database.query("SELECT 1 FROM otp_codes")
    identity.clock.advance(hours=2)
    identity.service.due_work()
    assert not identity.database.query("SELECT 1 FROM otp_codes")
