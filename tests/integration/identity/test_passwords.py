from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
import sqlalchemy as sa

from services.identity import passwords
from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import ADMIN_PASSWORD, Identity, is_token

WRONG = "not the right password"


def test_password_opens_a_session_with_the_roles_of_today(identity: Identity) -> None:
    answer = identity.admin()
    claims = identity.claims(answer)
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == 900
    assert answer["scope"] == claims["scope"]
    assert (claims["role"], claims["roles"]) == ("staff", ["admin"])
    assert "staff:write" in claims["scope"].split()
    assert answer["refresh_token"].startswith("lrt_")


def test_username_is_the_same_in_any_case(identity: Identity) -> None:
    identity.sign_in("password", username="ADMIN", password=ADMIN_PASSWORD)


@pytest.mark.rule("I2")
def test_password_is_kept_as_argon2id(identity: Identity) -> None:
    (row,) = identity.database.query("SELECT password_hash FROM staff")
    assert row.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.rule("I3")
def test_failures_look_the_same_whatever_was_wrong(identity: Identity) -> None:
    new = {"username": "gone", "password": ADMIN_PASSWORD, "roles": ["support"]}
    gone = identity.call(contract.CREATE_STAFF, new)
    identity.call(contract.UPDATE_STAFF, {"staff_id": gone["staff_id"], "active": False})
    machine = identity.terminal()
    identity.code()
    refusals = [
        identity.refused("password", username="admin", password=WRONG),
        identity.refused("password", username="nobody", password=WRONG),
        identity.refused("password", username="nobody", password="a password that nobody has"),
        identity.refused("password", username="gone", password=ADMIN_PASSWORD),
        identity.refused("password", username="\u00e9\u4e2d'--", password=WRONG),
        identity.refused("client_credentials", client_id="x", client_secret=WRONG),
        identity.refused("client_credentials", client_id=machine["client_id"], client_secret=WRONG),
        identity.refused("refresh_token", refresh_token=WRONG),
        identity.refused("otp", phone="+8613800138000", code="x"),
        identity.refused("otp", phone="+8613900139000", code="123456"),
    ]
    assert all(refusal == refusals[0] for refusal in refusals)


@pytest.mark.rule("I3")
def test_every_refusal_costs_the_same_work(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown name, a wrong password, with and without a second factor, or only its code wrong.

    Work is what takes time: argon2, statements, and codes computed to compare with.
    """
    careful = {"username": "careful", "password": ADMIN_PASSWORD, "roles": ["support"]}
    staff_id = identity.call(contract.CREATE_STAFF, careful)["staff_id"]
    secret = identity.call(contract.BEGIN_TOTP, {"staff_id": staff_id})["secret"]
    code = pyotp.TOTP(secret).at(int(identity.clock.now().timestamp()))
    identity.call(contract.CONFIRM_TOTP, {"staff_id": staff_id, "code": code})
    work: list[str] = []
    verify, compute = passwords.matches, pyotp.TOTP.at

    def matches(password_hash: str, password: str) -> bool:
        work.append(password_hash[: password_hash.rindex("p=1$")])  # the cost, not the salt
        return verify(password_hash, password)

    monkeypatch.setattr(passwords, "matches", matches)

    def at(totp: pyotp.TOTP, for_time: int) -> str:
        work.append("code")
        return compute(totp, for_time)

    monkeypatch.setattr(pyotp.TOTP, "at", at)

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        work.append(statement)

    def work_of(username: str, password: str = WRONG) -> list[str]:
        work.clear()
        identity.refused("password", username=username, password=password)
        return list(work)

    engine = identity.service.db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    known, unknown = work_of("admin"), work_of("nobody")
    guarded, half_right = work_of("careful"), work_of("careful", ADMIN_PASSWORD)
    for _ in range(4):
        work_of("careful"), work_of("nobody")
    locked, locked_nobody = work_of("careful", ADMIN_PASSWORD), work_of("nobody")
    sa.event.remove(engine, "before_cursor_execute", note)
    assert known == unknown == guarded == half_right
    assert locked == locked_nobody
    for each in (known, locked):
        assert sum(step.startswith("$argon2id$") for step in each) == 1


@pytest.mark.rule("I3")
def test_fifth_failure_locks_also_for_the_right_password(identity: Identity) -> None:
    for _ in range(5):
        identity.refused("password", username="admin", password=WRONG)
    identity.refused("password", username="admin", password=ADMIN_PASSWORD)
    identity.clock.advance(seconds=59)
    identity.refused("password", username="Admin", password=ADMIN_PASSWORD)
    identity.clock.advance(seconds=1)
    identity.admin()


@pytest.mark.rule("I3")
def test_next_failure_waits_twice_as_long_and_success_forgives(identity: Identity) -> None:
    for _ in range(5):
        identity.refused("password", username="admin", password=WRONG)
    identity.clock.advance(minutes=1)
    identity.refused("password", username="admin", password=WRONG)
    identity.clock.advance(seconds=119)
    identity.refused("password", username="admin", password=ADMIN_PASSWORD)
    identity.clock.advance(seconds=1)
    identity.admin()
    for _ in range(4):
        identity.refused("password", username="admin", password=WRONG)
    identity.admin()


def test_guesses_while_locked_do_not_prolong_the_lock(identity: Identity) -> None:
    for _ in range(25):
        identity.refused("password", username="admin", password=WRONG)
    identity.clock.advance(minutes=1)
    identity.admin()


@pytest.mark.rule("I3")
def test_right_guess_among_many_parallel_ones_is_refused_after_the_fifth(
    identity: Identity,
) -> None:
    guess = {"grant_type": "password", "username": "admin"}
    wrong = [{**guess, "password": WRONG}] * 12
    replies = identity.in_parallel(contract.ISSUE_TOKEN, wrong)
    assert not any(is_token(reply) for reply in replies)
    (row,) = identity.database.query("SELECT failures FROM login_attempts")
    assert row.failures == 5
    identity.refused("password", username="admin", password=ADMIN_PASSWORD)


def test_parallel_sign_ins_with_the_right_password_all_succeed(identity: Identity) -> None:
    right = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    assert all(map(is_token, identity.in_parallel(contract.ISSUE_TOKEN, [right] * 8)))


@pytest.mark.rule("I3")
def test_lock_of_one_name_leaves_others_alone(identity: Identity) -> None:
    for _ in range(6):
        identity.refused("password", username="nobody", password=WRONG)
    identity.admin()


def test_failures_are_forgotten_after_a_day(identity: Identity) -> None:
    for _ in range(4):
        identity.refused("password", username="admin", password=WRONG)
    identity.clock.advance(days=1, seconds=1)
    identity.service.due_work()
    identity.refused("password", username="admin", password=WRONG)
    identity.admin()


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"grant_type": "password", "username": "admin"}, "password"),
        ({"grant_type": "magic"}, "grant_type"),
        ({"username": "admin"}, "grant_type"),
        ({"grant_type": "otp", "phone": "1", "code": "1", "username": "x"}, "username"),
        ({"grant_type": "password", "username": 1, "password": "x"}, "username"),
        ({"grant_type": "password", "username": "x", "password": "y" * 257}, "password"),
        ({"grant_type": "refresh_token", "refresh_token": None}, "refresh_token"),
        ({"grant_type": "otp", "phone": "12345", "code": "1"}, "phone"),
    ],
)
def test_malformed_request_is_422_and_names_the_field(
    identity: Identity, payload: dict[str, object], field: str
) -> None:
    error = identity.error(contract.ISSUE_TOKEN, payload)
    assert error["status"] == 422
    assert field in {wrong["field"] for wrong in error["errors"]}


def test_sign_in_waits_for_a_change_of_password_that_is_under_way(identity: Identity) -> None:
    right = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
    with ThreadPoolExecutor(1) as pool, identity.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE staff SET password_hash = 'changed'"))
        signing_in = pool.submit(identity.reply, contract.ISSUE_TOKEN, right)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not signing_in.done() and not identity.database.query(waiting):
            time.sleep(0.01)
        connection.commit()
        reply = signing_in.result()
    assert not is_token(reply)
