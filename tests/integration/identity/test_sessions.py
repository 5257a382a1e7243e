from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import ADMIN_PASSWORD, Identity, is_token


def refresh(identity: Identity, answer: dict[str, Any]) -> dict[str, Any]:
    return identity.sign_in("refresh_token", refresh_token=answer["refresh_token"])


def refused(identity: Identity, answer: dict[str, Any]) -> None:
    identity.refused("refresh_token", refresh_token=answer["refresh_token"])


def new_staff(identity: Identity, *roles: str) -> dict[str, Any]:
    new = {"username": "li", "password": ADMIN_PASSWORD, "roles": list(roles)}
    return identity.call(contract.CREATE_STAFF, new)


def sign_in_li(identity: Identity) -> dict[str, Any]:
    return identity.sign_in("password", username="li", password=ADMIN_PASSWORD)


@pytest.mark.rule("I1")
def test_refresh_gives_new_tokens_of_the_same_person(identity: Identity) -> None:
    first = identity.member()
    identity.clock.advance(minutes=14)
    second = refresh(identity, first)
    assert identity.claims(second)["sub"] == identity.claims(first)["sub"]
    assert identity.claims(second)["jti"] != identity.claims(first)["jti"]
    assert second["refresh_token"] != first["refresh_token"]
    refresh(identity, second)


@pytest.mark.rule("I1")
def test_second_use_of_a_refresh_token_ends_the_session(identity: Identity) -> None:
    first = identity.member()
    second = refresh(identity, first)
    refused(identity, first)
    refused(identity, second)


@pytest.mark.rule("I1")
def test_reuse_ends_no_other_session_of_the_person(identity: Identity) -> None:
    stolen, other = identity.admin(), identity.admin()
    refresh(identity, stolen)
    refused(identity, stolen)
    refresh(identity, other)


@pytest.mark.rule("I1")
def test_parallel_uses_of_a_refresh_token_have_one_winner(identity: Identity) -> None:
    grant = {"grant_type": "refresh_token", "refresh_token": identity.member()["refresh_token"]}
    replies = identity.in_parallel(contract.ISSUE_TOKEN, [grant] * 10)
    assert sum(map(is_token, replies)) == 1
    errors = [reply["error"] for reply in replies if "error" in reply]
    assert {(error["status"], error["code"]) for error in errors} == {(401, "invalid_credentials")}


@pytest.mark.rule("I2")
def test_refresh_token_is_stored_as_digest_only(identity: Identity) -> None:
    token = identity.member()["refresh_token"]
    (row,) = identity.database.query(
        "SELECT to_jsonb(refresh_tokens)::text AS all FROM refresh_tokens"
    )
    assert token not in row.all
    assert token.encode().hex() not in row.all


def test_unused_refresh_token_of_a_member_lives_thirty_days(identity: Identity) -> None:
    first = identity.member()
    identity.clock.advance(days=30, seconds=-1)
    second = refresh(identity, first)
    identity.clock.advance(days=30)
    refused(identity, second)


def test_session_of_staff_ends_after_a_day_however_busy(identity: Identity) -> None:
    answer = identity.admin()
    for _ in range(3):
        identity.clock.advance(hours=7)
        answer = refresh(identity, answer)
    identity.clock.advance(hours=3)
    refused(identity, answer)


def test_revoked_session_is_over_and_revoking_again_is_fine(identity: Identity) -> None:
    first = identity.member()
    second = refresh(identity, first)
    for token in (first["refresh_token"], second["refresh_token"], "never heard of it"):
        assert identity.call(contract.REVOKE_TOKEN, {"refresh_token": token}) == {}
    refused(identity, second)


def test_refresh_takes_the_roles_of_today(identity: Identity) -> None:
    staff = new_staff(identity, "support")
    first = sign_in_li(identity)
    change = {"staff_id": staff["staff_id"], "roles": ["auditor", "support"]}
    identity.call(contract.UPDATE_STAFF, change)
    second = refresh(identity, first)
    assert identity.claims(second)["roles"] == ["auditor", "support"]
    assert "points:verify" in second["scope"].split()


@pytest.mark.parametrize("change", [{"active": False}, {"password": "another long password"}])
def test_deactivation_and_new_password_end_sessions(
    identity: Identity, change: dict[str, Any]
) -> None:
    staff = new_staff(identity, "support")
    session = sign_in_li(identity)
    identity.call(contract.UPDATE_STAFF, {"staff_id": staff["staff_id"], **change})
    refused(identity, session)
    identity.refused("password", username="li", password=ADMIN_PASSWORD)


def test_machines_get_no_refresh_token(identity: Identity) -> None:
    assert "refresh_token" not in identity.machine(identity.terminal())


def test_dead_sessions_are_swept_away(identity: Identity) -> None:
    refresh(identity, identity.admin())
    identity.clock.advance(days=1, seconds=1)
    identity.service.due_work()
    assert not identity.database.query("SELECT 1 FROM refresh_tokens")
