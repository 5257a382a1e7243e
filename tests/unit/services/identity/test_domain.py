from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.identity.domain import (
    Attempts,
    Subject,
    access_claims,
    leaves_no_admin,
    otp_wait,
    refresh_expiry,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(**delta: float) -> datetime:
    return NOW - timedelta(**delta)


def after(failures: int) -> Attempts:
    state = Attempts()
    for _ in range(failures):
        state = state.failed(NOW)
    return state


@pytest.mark.rule("I3")
@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 32), (11, 60), (12, 60), (5_000, 60)],
)
def test_lock_doubles_with_each_failure_up_to_an_hour(failures: int, minutes: int) -> None:
    assert after(failures) == Attempts(failures, NOW + timedelta(minutes=minutes))


@pytest.mark.rule("I3")
def test_nobody_waits_before_the_fifth_failure() -> None:
    assert after(4) == Attempts(4, None)
    assert not after(4).is_locked(NOW)


def test_lock_ends_at_its_instant() -> None:
    locked = after(5)
    assert locked.is_locked(NOW + timedelta(seconds=59))
    assert not locked.is_locked(NOW + timedelta(seconds=60))


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    ("newest", "fifth", "thousandth", "wait_s"),
    [
        (None, None, None, None),
        (ago(seconds=29), None, None, 1),
        (ago(seconds=30), None, None, None),
        (ago(minutes=5), ago(minutes=59), None, 60),
        (ago(minutes=5), ago(minutes=60), None, None),
        (None, None, ago(minutes=30), 1800),
        (ago(seconds=10), ago(minutes=50), ago(minutes=59), 600),
    ],
)
def test_code_waits_for_the_longest_of_pause_phone_and_address(
    newest: datetime | None,
    fifth: datetime | None,
    thousandth: datetime | None,
    wait_s: int | None,
) -> None:
    wait = otp_wait(
        NOW, newest_of_phone=newest, fifth_of_phone=fifth, thousandth_of_address=thousandth
    )
    assert wait == (None if wait_s is None else timedelta(seconds=wait_s))


def claims_of(subject: Subject) -> dict[str, object]:
    return access_claims(
        subject,
        scopes={"b:write", "a:read"},
        issuer="loyalty",
        audience="tills",
        now=NOW + timedelta(microseconds=999_999),
        token_id=UUID(int=7),
    )


@pytest.mark.rule("I1")
def test_claims_say_who_for_whom_and_for_15_minutes() -> None:
    begins = int(NOW.timestamp())
    assert claims_of(Subject("terminal", "t-1", store_id="s-1")) == {
        "iss": "loyalty",
        "aud": "tills",
        "sub": "t-1",
        "iat": begins,
        "nbf": begins,
        "exp": begins + 900,
        "jti": str(UUID(int=7)),
        "role": "terminal",
        "roles": [],
        "scope": "a:read b:write",
        "store_id": "s-1",
    }


def test_claims_carry_the_proven_phone_of_somebody_without_member() -> None:
    claims = claims_of(Subject("member", "", phone_digest="abc"))
    assert (claims["sub"], claims["phone_digest"]) == ("", "abc")
    assert "store_id" not in claims


@pytest.mark.parametrize(
    ("kind", "family_left", "lives"),
    [
        ("member", timedelta(days=180), timedelta(days=30)),
        ("member", timedelta(days=3), timedelta(days=3)),
        ("staff", timedelta(days=1), timedelta(hours=12)),
    ],
)
def test_refresh_token_dies_with_its_family_at_the_latest(
    kind: str, family_left: timedelta, lives: timedelta
) -> None:
    assert refresh_expiry(kind, NOW, NOW + family_left) == NOW + lives


@pytest.mark.parametrize(
    ("was_admin", "roles", "active", "others", "expected"),
    [
        (True, ["admin"], True, 0, False),
        (True, ["admin"], False, 0, True),
        (True, ["support"], True, 0, True),
        (True, ["support"], False, 1, False),
        (False, ["support"], False, 0, False),
    ],
)
def test_last_admin_is_whom_a_change_must_leave(
    was_admin: bool, roles: list[str], active: bool, others: int, expected: bool
) -> None:
    found = leaves_no_admin(was_admin=was_admin, roles=roles, active=active, other_admins=others)
    assert found is expected
