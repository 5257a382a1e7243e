"""A second factor for staff that wants one (I3)."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import ADMIN_PASSWORD, Identity, is_token

WRONG = "not the right password"


@pytest.fixture
def staff_id(identity: Identity) -> str:
    """The admin's id."""
    (row,) = identity.database.query("SELECT staff_id FROM staff")
    return str(row.staff_id)


@pytest.fixture
def app(identity: Identity, staff_id: str) -> pyotp.TOTP:
    """The admin's authenticator app; its code of this step is used up."""
    begun = identity.call(contract.BEGIN_TOTP, {"staff_id": staff_id})
    totp = pyotp.TOTP(begun["secret"])
    confirmed = identity.call(
        contract.CONFIRM_TOTP, {"staff_id": staff_id, "code": shown(identity, totp)}
    )
    assert confirmed == {"active": True}
    identity.clock.advance(seconds=30)
    return totp


def shown(identity: Identity, totp: pyotp.TOTP, *, offset_s: int = 0) -> str:
    """Return what the app shows."""
    return str(totp.at(int(identity.clock.now().timestamp()) + offset_s))


def sign_in(identity: Identity, **proof: Any) -> dict[str, Any]:
    whole = {"username": "admin", "password": ADMIN_PASSWORD, **proof}
    return identity.reply(contract.ISSUE_TOKEN, {"grant_type": "password", **whole})


@pytest.mark.rule("I3")
def test_second_factor_counts_from_its_confirmation_on(identity: Identity, staff_id: str) -> None:
    first = identity.call(contract.BEGIN_TOTP, {"staff_id": staff_id})
    assert first["otpauth_uri"].startswith("otpauth://totp/Loyalty:admin?")
    identity.admin()  # nothing is asked for yet
    again = identity.call(contract.BEGIN_TOTP, {"staff_id": staff_id})
    void = {"staff_id": staff_id, "code": shown(identity, pyotp.TOTP(first["secret"]))}
    assert identity.error(contract.CONFIRM_TOTP, void)["code"] == "totp_wrong"
    totp = pyotp.TOTP(again["secret"])
    identity.call(contract.CONFIRM_TOTP, {"staff_id": staff_id, "code": shown(identity, totp)})
    identity.clock.advance(seconds=30)
    identity.refused("password", username="admin", password=ADMIN_PASSWORD)
    assert is_token(sign_in(identity, totp=shown(identity, totp)))
    assert identity.call(contract.GET_STAFF, {"staff_id": staff_id})["second_factor"]
    begun = identity.error(contract.BEGIN_TOTP, {"staff_id": staff_id})
    assert begun["code"] == "second_factor_active"


@pytest.mark.rule("I3")
def test_wrong_code_is_refused_like_a_wrong_password(identity: Identity, app: pyotp.TOTP) -> None:
    right = shown(identity, app)
    refusals = [
        sign_in(identity, password=WRONG, totp=right),
        sign_in(identity, totp="000000" if right != "000000" else "111111"),
        sign_in(identity),
        sign_in(identity, totp="\uff11\uff12\uff13\uff14\uff15\uff16"),
        sign_in(identity, username="nobody", totp=right),
    ]
    assert all(refusal == refusals[0] for refusal in refusals)
    # A refused sign-in uses no code up.
    assert is_token(sign_in(identity, totp=right))


@pytest.mark.rule("I3")
def test_code_signs_in_once_also_when_two_try_at_once(identity: Identity, app: pyotp.TOTP) -> None:
    proof = {"username": "admin", "password": ADMIN_PASSWORD, "totp": shown(identity, app)}
    payload = {"grant_type": "password", **proof}
    replies = identity.in_parallel(contract.ISSUE_TOKEN, [payload] * 3)
    assert sum(map(is_token, replies)) == 1
    # Nor does an earlier one after a later one, though its step would still count.
    identity.clock.advance(seconds=30)
    assert is_token(sign_in(identity, totp=shown(identity, app)))
    assert not is_token(sign_in(identity, totp=shown(identity, app, offset_s=-30)))


def test_clock_may_be_half_a_minute_off_and_no_more(identity: Identity, app: pyotp.TOTP) -> None:
    for offset_s in (-60, 60):
        assert not is_token(sign_in(identity, totp=shown(identity, app, offset_s=offset_s)))
    assert is_token(sign_in(identity, totp=shown(identity, app, offset_s=30)))


@pytest.mark.rule("I3")
def test_wrong_codes_lock_progressively(identity: Identity, app: pyotp.TOTP) -> None:
    for _ in range(5):
        assert not is_token(sign_in(identity, totp="x"))
    assert not is_token(sign_in(identity, totp=shown(identity, app)))
    identity.clock.advance(minutes=1)
    assert is_token(sign_in(identity, totp=shown(identity, app)))


@pytest.mark.rule("I3")
def test_giving_it_up_takes_a_code_and_guessing_locks(
    identity: Identity, staff_id: str, app: pyotp.TOTP
) -> None:
    for _ in range(5):
        guess = {"staff_id": staff_id, "code": "x"}
        assert identity.error(contract.REMOVE_TOTP, guess)["code"] == "totp_wrong"
    right = {"staff_id": staff_id, "code": shown(identity, app)}
    assert identity.error(contract.REMOVE_TOTP, right)["code"] == "totp_wrong"
    identity.clock.advance(minutes=1)
    right = {"staff_id": staff_id, "code": shown(identity, app)}
    assert identity.call(contract.REMOVE_TOTP, right) == {"active": False}
    identity.admin()
    assert identity.error(contract.REMOVE_TOTP, right)["code"] == "second_factor_missing"


@pytest.mark.rule("I4")
def test_admin_resets_anothers_second_factor_on_record_and_nobody_its_own(
    identity: Identity, staff_id: str, app: pyotp.TOTP
) -> None:
    tokens = sign_in(identity, totp=shown(identity, app))["body"]
    reset = {"staff_id": staff_id, "reason": "Lost the phone."}
    assert identity.call(contract.RESET_TOTP, reset) == {"active": False}
    identity.refused("refresh_token", refresh_token=tokens["refresh_token"])
    identity.admin()
    (row,) = identity.database.query(
        "SELECT * FROM audit WHERE action = 'staff.second_factor' ORDER BY sequence DESC LIMIT 1"
    )
    assert (row.before, row.after) == ({"second_factor": True}, {"second_factor": False})
    assert row.target_id == staff_id


@pytest.mark.rule("M4")
def test_secret_is_sealed(identity: Identity, staff_id: str) -> None:
    begun = identity.reply(contract.BEGIN_TOTP, {"staff_id": staff_id}, key="k-1")["body"]
    for table in ("staff_totp", "idempotency", "audit", "outbox"):
        rows = identity.database.query(f"SELECT t::text FROM {table} AS t")  # noqa: S608
        assert not any(
            begun["secret"] in row[0] or begun["secret"].encode().hex() in row[0] for row in rows
        )
