"""A second factor for staff that wants one: codes of an authenticator app (TOTP, RFC 6238; I3)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pyotp

from services.identity import domain, queries, repository
from services.identity.vault import Vault
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.identity import (
    OwnSecondFactor,
    SecondFactorActive,
    SecondFactorMissing,
    TotpWrong,
)

_SEAL = b"staff_totp"
_ISSUER = "Loyalty"
_NOBODYS = pyotp.random_base32().encode()
"""Compared with where there is no second factor."""


def begin(uow: UnitOfWork, *, vault: Vault, staff_id: UUID) -> Mapping[str, Any]:
    """Make a secret for the caller's app; it counts for nothing until a code of it confirms it.

    Begun again before that, the earlier secret is void.

    Raises:
        NotFound: the caller is no staff of this platform.
        SecondFactorActive: the caller has one.
    """
    person = _person(uow, staff_id)
    known = repository.lock_totp(uow.connection, staff_id)
    if known is not None and known.confirmed_at is not None:
        raise SecondFactorActive
    secret = pyotp.random_base32()
    sealed = vault.master.seal(secret.encode(), context=_SEAL)
    repository.put_totp(uow.connection, staff_id, sealed=sealed, now=uow.now)
    uri = pyotp.TOTP(secret).provisioning_uri(name=person["username"], issuer_name=_ISSUER)
    return {"secret": secret, "otpauth_uri": uri}


def confirm(uow: UnitOfWork, *, vault: Vault, staff_id: UUID, code: str) -> Mapping[str, Any]:
    """Ask for a code at each sign-in from now on, since the caller's app shows the right ones.

    Raises:
        NotFound: the caller is no staff of this platform.
        SecondFactorMissing: none was begun.
        SecondFactorActive: it is confirmed.
        TotpWrong: the app shows something else.
    """
    _person(uow, staff_id)
    known = repository.lock_totp(uow.connection, staff_id)
    if known is None:
        raise SecondFactorMissing
    if known.confirmed_at is not None:
        raise SecondFactorActive
    step = _step_of(uow, vault, known, code)
    if step is None:
        raise TotpWrong
    repository.use_totp(uow.connection, staff_id, step=step, confirmed_at=uow.now)
    _audit(uow, staff_id, before=False)
    return {"active": True}


def remove(uow: UnitOfWork, *, vault: Vault, staff_id: UUID, code: str) -> Mapping[str, Any]:
    """Ask for no code any more; whoever has stolen a session alone cannot do this.

    Raises:
        NotFound: the caller is no staff of this platform.
        SecondFactorMissing: the caller has none.
        TotpWrong: the code is wrong or was used, or too many wrong ones were tried.
    """
    person = _person(uow, staff_id)
    digest = vault.username_digest(person["username"])
    attempts = repository.lock_attempts(uow.connection, digest, uow.now)
    known = repository.lock_totp(uow.connection, staff_id)
    if known is None or known.confirmed_at is None:
        raise SecondFactorMissing
    if attempts.is_locked(uow.now) or _step_of(uow, vault, known, code) is None:
        raise TotpWrong
    repository.forget_attempts(uow.connection, digest)
    repository.drop_totp(uow.connection, staff_id)
    _audit(uow, staff_id, before=True)
    return {"active": False}


def count_wrong(uow: UnitOfWork, *, vault: Vault, staff_id: UUID) -> None:
    """Count a wrong code as a failed sign-in: it is the same guessing."""
    digest = vault.username_digest(_person(uow, staff_id)["username"])
    attempts = repository.lock_attempts(uow.connection, digest, uow.now)
    if not attempts.is_locked(uow.now):
        repository.save_attempts(uow.connection, digest, attempts.failed(uow.now))


def reset(uow: UnitOfWork, *, staff_id: UUID, reason: str) -> Mapping[str, Any]:
    """Let somebody who lost its app sign in without; its sessions end.

    Raises:
        NotFound: there is no such person.
        OwnSecondFactor: nobody resets its own.
        SecondFactorMissing: the person has none.
    """
    if uow.actor.id == str(staff_id):
        raise OwnSecondFactor
    _person(uow, staff_id)
    if not repository.drop_totp(uow.connection, staff_id):
        raise SecondFactorMissing
    repository.revoke_families_of(
        uow.connection, staff_id, because="second_factor_reset", now=uow.now
    )
    _audit(uow, staff_id, before=True, reason=reason)
    return {"active": False}


def reset_by_operator(uow: UnitOfWork, *, username: str) -> bool:
    """Do the same from the command line, for an admin who is the only one; False if it had none."""
    staff_id = queries.staff_id_of(uow.connection, username.lower())
    if staff_id is None or not repository.drop_totp(uow.connection, staff_id):
        return False
    repository.revoke_families_of(
        uow.connection, staff_id, because="second_factor_reset", now=uow.now
    )
    _audit(uow, staff_id, before=True, reason="reset by the operator")
    return True


def accept(uow: UnitOfWork, vault: Vault, username: str, code: str | None, *, use: bool) -> bool:
    """Return whether a sign-in gives the code it has to; a code is good once (RFC 6238, 5.2).

    ``use`` is whether all else is right: only then is the code used up. Nobody gets in by this
    alone, so the answer for somebody without a second factor is yes; the time it takes tells
    nobody who has one (I3).
    """
    known = repository.lock_totp_of(uow.connection, username)
    if known is None:
        _step_shown(uow, vault, vault.master.seal(_NOBODYS, context=_SEAL), code or "")
        return True
    step = _step_of(uow, vault, known, code or "")
    if step is None:
        return False
    if use:
        repository.use_totp(uow.connection, known.staff_id, step=step)
    return True


def _step_of(uow: UnitOfWork, vault: Vault, known: Any, code: str) -> int | None:
    """Return the step whose code this is, unless that or a later one was used."""
    step = _step_shown(uow, vault, bytes(known.sealed), code)
    return None if known.last_step is not None and (step or 0) <= known.last_step else step


def _step_shown(uow: UnitOfWork, vault: Vault, sealed: bytes, code: str) -> int | None:
    """Return the step whose code this is, one either way."""
    totp = pyotp.TOTP(vault.master.open(sealed, context=_SEAL).decode())
    found = None
    for step in domain.totp_steps(uow.now):
        # Compared to the end whatever comes of it, so that the time says nothing.
        if hmac.compare_digest(totp.at(step * domain.TOTP_STEP_S).encode(), code.encode()):
            found = step
    return found


def _person(uow: UnitOfWork, staff_id: UUID) -> Mapping[str, Any]:
    found = repository.lock_staff(uow.connection, staff_id)
    if found is None:
        raise NotFound
    return found


def _audit(uow: UnitOfWork, staff_id: UUID, *, before: bool, reason: str | None = None) -> None:
    uow.audit(
        "staff.second_factor",
        ("staff", staff_id),
        before={"second_factor": before},
        after={"second_factor": not before},
        reason=reason,
    )
