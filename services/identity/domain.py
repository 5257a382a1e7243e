"""Rules of signing in: locks, one-time codes, lifetimes of tokens, what a token says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

ACCESS_TTL = timedelta(minutes=15)

FREE_FAILURES = 4
"""The failure after these is the first that makes a user wait."""
LONGEST_WAIT_MINUTES = 60
FAILURES_FORGOTTEN_AFTER = timedelta(days=1)

OTP_DIGITS = 6
OTP_TTL = timedelta(minutes=5)
OTP_TRIES = 5
_FIRST_PAUSE = timedelta(seconds=10)
OTP_PAUSE = timedelta(seconds=30)
OTP_WINDOW = timedelta(hours=1)
OTP_PER_PHONE = 5
OTP_PER_ADDRESS = 1_000


TOTP_STEP_S = 30


def totp_steps(now: datetime) -> range:
    """Return the steps whose codes count: the present one and one either way, as clocks differ."""
    step = int(now.timestamp()) // TOTP_STEP_S
    return range(step - 1, step + 2)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long refresh tokens of one kind of person work."""

    token: timedelta
    """Unused for this long, a token and with it its family is dead."""
    family: timedelta
    """However often used, after this the person signs in again."""


REFRESH_LIFETIMES = {
    "member": Lifetime(timedelta(days=30), timedelta(days=180)),
    "staff": Lifetime(timedelta(hours=12), timedelta(days=1)),
}


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failed password sign-ins of one username since the last success."""

    failures: int = 0
    locked_until: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        """Return whether the username has to wait."""
        return self.locked_until is not None and now < self.locked_until

    def failed(self, now: datetime) -> Attempts:
        """Return the state after one more failure: 5 make it wait 1 minute, then 2, 4 … 60 (I3)."""
        failures = self.failures + 1
        over = failures - FREE_FAILURES
        if over <= 0:
            return Attempts(failures)
        # The exponent is bounded, so that a long siege does not compute huge powers.
        minutes = min(2 ** min(over - 1, 10), LONGEST_WAIT_MINUTES)
        return Attempts(failures, now + timedelta(minutes=minutes))


def otp_wait(
    now: datetime,
    *,
    newest_of_phone: datetime | None,
    fifth_of_phone: datetime | None,
    thousandth_of_address: datetime | None,
) -> timedelta | None:
    """Return how long to wait before another code may be sent, or None when it may be now (I2).

    The arguments are when the newest, the `OTP_PER_PHONE` th newest and the `OTP_PER_ADDRESS` th
    newest code were sent, as far as there are so many.
    """
    ends = [
        sent + window
        for sent, window in (
            (newest_of_phone, OTP_PAUSE),
            (fifth_of_phone, OTP_WINDOW),
            (thousandth_of_address, OTP_WINDOW),
        )
        if sent is not None
    ]
    wait = max((end - now for end in ends), default=timedelta(0))
    return wait if wait > timedelta(0) else None


def message_pause(tries: int) -> timedelta:
    """Return how long to wait for the next try to send a code after so many: 10, 20, 40 … s."""
    return _FIRST_PAUSE * int(2 ** min(tries - 1, 10))


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a token is for."""

    role: str
    """``member``, ``terminal``, ``shop`` or ``staff``."""
    id: str
    """Empty for somebody with a verified phone who is no member yet."""
    roles: tuple[str, ...] = ()
    store_id: str | None = None
    phone_digest: str | None = None


def access_claims(
    subject: Subject,
    *,
    scopes: Iterable[str],
    issuer: str,
    audience: str,
    now: datetime,
    token_id: UUID,
) -> dict[str, Any]:
    """Return the claims of an access token that begins at ``now`` (I1)."""
    begins = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject.id,
        "iat": begins,
        "nbf": begins,
        "exp": begins + int(ACCESS_TTL.total_seconds()),
        "jti": str(token_id),
        "role": subject.role,
        "roles": list(subject.roles),
        "scope": " ".join(sorted(scopes)),
    }
    if subject.store_id is not None:
        claims["store_id"] = subject.store_id
    if subject.phone_digest is not None:
        claims["phone_digest"] = subject.phone_digest
    return claims


def refresh_expiry(kind: str, now: datetime, family_expires_at: datetime) -> datetime:
    """Return when a refresh token given out at ``now`` dies: never later than its family."""
    return min(now + REFRESH_LIFETIMES[kind].token, family_expires_at)


def leaves_no_admin(
    *, was_admin: bool, roles: Iterable[str], active: bool, other_admins: int
) -> bool:
    """Return whether a change of a staff member would leave nobody to manage staff."""
    return was_admin and not (active and "admin" in roles) and other_admins == 0
