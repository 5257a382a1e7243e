"""Signing in and out: one-time codes, passwords, secrets of machines, refresh tokens (I1, I2, I3).

A grant that is refused returns None instead of raising: the failure it has counted, the code it has
spoilt or the family it has ended must be committed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.identity import domain, queries, repository, tables
from services.identity.domain import Subject
from services.identity.use_cases import messages, second_factor
from services.identity.use_cases.messages import Message
from services.identity.use_cases.tokens import (
    Family,
    access_token,
    begin_family,
    next_refresh_token,
)
from services.identity.vault import Vault, as_text, new_code, same
from shared import phones
from shared.db import UnitOfWork
from shared.errors.identity import OtpThrottled
from shared.ids import new_id
from shared.merging import survivor

Granted = dict[str, Any] | None


# --- one-time codes -------------------------------------------------------------------------


def request_otp(
    uow: UnitOfWork,
    *,
    vault: Vault,
    phone: str,
    address: str,
    is_sandbox: bool,
    is_sent: bool = False,
) -> Mapping[str, Any]:
    """Make a code for a phone; the answer is the same whether or not a member owns it.

    With ``is_sent`` it goes out once this is committed; in the sandbox the answer holds it.

    Raises:
        OtpThrottled: too soon after another one for this phone or this address.
        Invalid: no phone number.
    """
    phone_digest, address_digest = vault.phone_digest(phone), vault.address_digest(address)
    repository.lock_digests(uow.connection, phone_digest, address_digest)
    _refuse_if_throttled(uow, phone_digest, address_digest)
    otp_id, code = new_id(), new_code(domain.OTP_DIGITS)
    repository.add_code(
        uow.connection,
        {
            "otp_id": otp_id,
            "phone_digest": phone_digest,
            "address_digest": address_digest,
            "code_digest": vault.otp_digest(otp_id, code),
            "created_at": uow.now,
        },
    )
    if is_sent:
        messages.queue(uow, vault, Message(otp_id, phones.normalise(phone), code))
    answer: dict[str, Any] = {"expires_in": int(domain.OTP_TTL.total_seconds())}
    if is_sandbox:
        answer["sandbox_code"] = code
    return answer


def _refuse_if_throttled(uow: UnitOfWork, phone_digest: bytes, address_digest: bytes) -> None:
    def sent(column: str, digest: bytes, n: int) -> Any:
        return repository.nth_newest_code(uow.connection, tables.otp_codes.c[column], digest, n)

    wait = domain.otp_wait(
        uow.now,
        newest_of_phone=sent("phone_digest", phone_digest, 1),
        fifth_of_phone=sent("phone_digest", phone_digest, domain.OTP_PER_PHONE),
        thousandth_of_address=sent("address_digest", address_digest, domain.OTP_PER_ADDRESS),
    )
    if wait is not None:
        raise OtpThrottled(retry_after_s=math.ceil(wait.total_seconds()))


def redeem_otp(
    uow: UnitOfWork, *, vault: Vault, phone: str, code: str, member_id: UUID | None
) -> Granted:
    """Sign in who holds the phone: as the member who owns it, or as somebody about to enrol."""
    phone_digest = vault.phone_digest(phone)
    sent = repository.lock_newest_code(uow.connection, phone_digest)
    if sent is None or sent["used_at"] is not None:
        return None
    if sent["failures"] >= domain.OTP_TRIES or uow.now >= sent["created_at"] + domain.OTP_TTL:
        return None
    otp_id = sent["otp_id"]
    if not same(vault.otp_digest(otp_id, code), sent["code_digest"]):
        repository.change_code(uow.connection, otp_id, failures=sent["failures"] + 1)
        return None
    repository.change_code(uow.connection, otp_id, used_at=uow.now)
    proven = as_text(phone_digest)
    if member_id is None or repository.is_erased(uow.connection, member_id):
        return access_token(uow, vault, Subject("member", "", phone_digest=proven))
    answer = access_token(uow, vault, Subject("member", str(member_id), phone_digest=proven))
    answer["refresh_token"] = begin_family(uow, vault, kind="member", subject_id=member_id)
    return answer


# --- passwords ------------------------------------------------------------------------------


def find_password_hash(uow: UnitOfWork, *, username: str) -> str | None:
    """Return the password hash of an active staff member."""
    return queries.password_hash_of(uow.connection, username)


def finish_login(
    uow: UnitOfWork, *, vault: Vault, username: str, verified_hash: str | None, totp: str | None
) -> Granted:
    """Sign in staff whose password matched ``verified_hash``; None stands for no match.

    Whoever has a second factor gives its code as ``totp``. A wrong one is a failure like any other,
    and a code is used up only by a sign-in that succeeds.

    The lock is judged here, with the row of the username locked: of many guesses made at the same
    time those beyond the allowed failures are refused, right or wrong, as if they had come in turn.
    A guess while the name is locked does not prolong the lock. Unknown names are counted like known
    ones, so that neither a lock nor the time it takes to write it tells them apart (I3).
    """
    digest = vault.username_digest(username)
    attempts = repository.lock_attempts(uow.connection, digest, uow.now)
    login = repository.lock_login(uow.connection, username)
    if attempts.is_locked(uow.now):
        return None
    if verified_hash is None or login is None or login["password_hash"] != verified_hash:
        login = None
    has_code = second_factor.accept(uow, vault, username, totp, use=login is not None)
    if login is None or not has_code:
        repository.save_attempts(uow.connection, digest, attempts.failed(uow.now))
        return None
    repository.forget_attempts(uow.connection, digest)
    staff_id = login["staff_id"]
    answer = access_token(uow, vault, Subject("staff", str(staff_id), tuple(login["roles"])))
    answer["refresh_token"] = begin_family(uow, vault, kind="staff", subject_id=staff_id)
    return answer


# --- machines -------------------------------------------------------------------------------


def client_credentials(
    uow: UnitOfWork, *, vault: Vault, client_id: str, client_secret: str
) -> Granted:
    """Sign in a terminal or a shop; both secrets of a rotation work until the overlap ends (I2)."""
    machine = queries.machine_of(uow.connection, client_id)
    given = vault.client_secret_digest(client_id, client_secret)
    present, previous = bytes(len(given)), bytes(len(given))
    if machine is not None:
        present = machine["secret_digest"]
        until = machine["previous_valid_until"]
        if until is not None and uow.now < until:
            previous = machine["previous_digest"]
    is_right = same(given, present) | same(given, previous)
    if machine is None or not is_right:
        return None
    subject = Subject(
        machine["role"], machine["terminal_id"] or client_id, store_id=machine["store_id"]
    )
    return access_token(uow, vault, subject)


# --- refresh tokens -------------------------------------------------------------------------


def refresh(uow: UnitOfWork, *, vault: Vault, refresh_token: str) -> Granted:
    """Give new tokens for a refresh token's first use; its second use ends the family (I1).

    Whoever used it first may be a thief, so both have to sign in again.
    """
    digest = vault.refresh_digest(refresh_token)
    family = repository.lock_family_of(uow.connection, digest)
    if family is None:
        return None
    token = repository.refresh_token(uow.connection, digest)
    if token["used_at"] is not None:
        repository.revoke_family(uow.connection, family["family_id"], because="reuse", now=uow.now)
        return None
    if family["revoked_at"] is not None or uow.now >= token["expires_at"]:
        return None
    subject = _subject_of(uow, family)
    if subject is None:
        return None
    repository.use_refresh_token(uow.connection, digest, uow.now)
    answer = access_token(uow, vault, subject)
    session = Family(family["family_id"], family["kind"], family["expires_at"])
    answer["refresh_token"] = next_refresh_token(uow, vault, session)
    return answer


def _subject_of(uow: UnitOfWork, family: Mapping[str, Any]) -> Subject | None:
    """Return whom a session belongs to, with today's rights; None when they may not go on."""
    subject_id = family["subject_id"]
    if family["kind"] == "member":
        owner = survivor(uow.connection, subject_id)
        if repository.is_erased(uow.connection, owner):
            return None
        return Subject("member", str(owner))
    roles = queries.roles_of(uow.connection, subject_id)
    return None if roles is None else Subject("staff", str(subject_id), tuple(roles))


def revoke(uow: UnitOfWork, *, vault: Vault, refresh_token: str) -> Mapping[str, Any]:
    """End the session of a refresh token; an unknown one is as good as ended (RFC 7009)."""
    family = repository.lock_family_of(uow.connection, vault.refresh_digest(refresh_token))
    if family is not None:
        repository.revoke_family(
            uow.connection, family["family_id"], because="signed_out", now=uow.now
        )
    return {}


# --- housekeeping ---------------------------------------------------------------------------


def forget_old_traces(uow: UnitOfWork) -> int:
    """Delete a batch of codes, failures and sessions that decide nothing any more."""
    forgotten = uow.now - domain.FAILURES_FORGOTTEN_AFTER
    return sum(
        repository.delete_older(uow.connection, table, column, before)
        for table, column, before in (
            (tables.otp_codes, "created_at", forgotten),
            (tables.login_attempts, "last_at", forgotten),
            (tables.refresh_families, "expires_at", uow.now),
        )
    )
