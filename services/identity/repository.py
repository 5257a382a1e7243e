"""Writes: locks first, then rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.identity import tables
from services.identity.domain import Attempts

Row = dict[str, Any]


def _row(result: sa.CursorResult[Any]) -> Row | None:
    found = result.mappings().one_or_none()
    return None if found is None else dict(found)


def lock_name(connection: sa.Connection, name: str) -> None:
    """Hold the advisory lock ``identity.<name>`` until the transaction ends."""
    connection.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"identity.{name}"},
    )


def lock_digests(connection: sa.Connection, *digests: bytes) -> None:
    """Hold an advisory lock per digest, in sorted order, until the transaction ends (L8)."""
    for digest in sorted(digests):
        lock_name(connection, digest.hex())


# --- failed sign-ins ------------------------------------------------------------------------


def lock_attempts(connection: sa.Connection, username_digest: bytes, now: datetime) -> Attempts:
    """Lock and return the failures of a username, known or not."""
    attempts = tables.login_attempts
    row = connection.execute(
        insert(attempts)
        .values(username_digest=username_digest, failures=0, last_at=now)
        .on_conflict_do_update(index_elements=["username_digest"], set_={"last_at": now})
        .returning(attempts.c.failures, attempts.c.locked_until)
    ).one()
    return Attempts(row.failures, row.locked_until)


def save_attempts(connection: sa.Connection, username_digest: bytes, attempts: Attempts) -> None:
    """Store the failures of a username."""
    table = tables.login_attempts
    connection.execute(
        sa.update(table)
        .where(table.c.username_digest == username_digest)
        .values(failures=attempts.failures, locked_until=attempts.locked_until)
    )


def forget_attempts(connection: sa.Connection, username_digest: bytes) -> None:
    """Let a username start afresh."""
    table = tables.login_attempts
    connection.execute(sa.delete(table).where(table.c.username_digest == username_digest))


def lock_login(connection: sa.Connection, username: str) -> Row | None:
    """Return an active staff member whose password and roles stay as they are until the end."""
    staff = tables.staff
    wanted = sa.select(staff).where(staff.c.username == username, staff.c.active)
    return _row(connection.execute(wanted.with_for_update(read=True)))


# --- second factors -------------------------------------------------------------------------


def lock_totp(connection: sa.Connection, staff_id: UUID) -> sa.Row[Any] | None:
    """Lock and return somebody's second factor, confirmed or not."""
    wanted = sa.select(tables.staff_totp).where(tables.staff_totp.c.staff_id == staff_id)
    return connection.execute(wanted.with_for_update()).one_or_none()


def lock_totp_of(connection: sa.Connection, username: str) -> sa.Row[Any] | None:
    """Lock and return the second factor that a username has to give."""
    totp, staff = tables.staff_totp, tables.staff
    wanted = (
        sa.select(totp)
        .join(staff, staff.c.staff_id == totp.c.staff_id)
        .where(staff.c.username == username, totp.c.confirmed_at.is_not(None))
    )
    return connection.execute(wanted.with_for_update(of=totp)).one_or_none()


def put_totp(connection: sa.Connection, staff_id: UUID, *, sealed: bytes, now: datetime) -> None:
    """Store a second factor that is not confirmed yet, in place of one that was not either."""
    values = {"sealed": sealed, "begun_at": now}
    put = insert(tables.staff_totp).values(staff_id=staff_id, **values)
    connection.execute(put.on_conflict_do_update(index_elements=["staff_id"], set_=values))


def use_totp(connection: sa.Connection, staff_id: UUID, *, step: int, **values: Any) -> None:
    """Note that the code of a step is used up."""
    mine = tables.staff_totp.c.staff_id == staff_id
    connection.execute(sa.update(tables.staff_totp).where(mine).values(last_step=step, **values))


def drop_totp(connection: sa.Connection, staff_id: UUID) -> bool:
    """Delete a second factor; return whether there was one."""
    mine = tables.staff_totp.c.staff_id == staff_id
    return bool(connection.execute(sa.delete(tables.staff_totp).where(mine)).rowcount)


# --- one-time codes -------------------------------------------------------------------------


def nth_newest_code(
    connection: sa.Connection, column: sa.Column[Any], digest: bytes, n: int
) -> datetime | None:
    """Return when the ``n`` th newest code of a phone or an address was sent."""
    found: datetime | None = connection.execute(
        sa.select(tables.otp_codes.c.created_at)
        .where(column == digest)
        .order_by(tables.otp_codes.c.created_at.desc())
        .offset(n - 1)
        .limit(1)
    ).scalar()
    return found


def add_code(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Store a sent code's digest."""
    connection.execute(sa.insert(tables.otp_codes).values(failures=0, **values))


def lock_newest_code(connection: sa.Connection, phone_digest: bytes) -> Row | None:
    """Lock and return the newest code of a phone; older ones no longer count."""
    codes = tables.otp_codes
    return _row(
        connection.execute(
            sa.select(codes)
            .where(codes.c.phone_digest == phone_digest)
            .order_by(codes.c.created_at.desc(), codes.c.otp_id.desc())
            .limit(1)
            .with_for_update()
        )
    )


def change_code(connection: sa.Connection, otp_id: UUID, **values: Any) -> None:
    """Note a failure or the use of a code."""
    codes = tables.otp_codes
    connection.execute(sa.update(codes).where(codes.c.otp_id == otp_id).values(**values))


# --- codes on their way ---------------------------------------------------------------------


def add_message(connection: sa.Connection, otp_id: UUID, *, sealed: bytes, now: datetime) -> None:
    """Store a message to be sent at once."""
    row = {"otp_id": otp_id, "sealed": sealed, "tries": 0, "created_at": now, "next_try_at": now}
    connection.execute(sa.insert(tables.otp_messages).values(row))


def claim_messages(
    connection: sa.Connection, now: datetime, pause: Callable[[int], timedelta], *, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return some messages that are due and put off their next try; others skip them meanwhile."""
    messages = tables.otp_messages
    due = (
        sa.select(messages)
        .where(messages.c.next_try_at <= now)
        .order_by(messages.c.next_try_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(due).all()
    for row in rows:
        tries = row.tries + 1
        put_off = sa.update(messages).where(messages.c.otp_id == row.otp_id)
        connection.execute(put_off.values(tries=tries, next_try_at=now + pause(tries)))
    return rows


def drop_message(connection: sa.Connection, otp_id: UUID) -> None:
    """Delete a message that was sent."""
    messages = tables.otp_messages
    connection.execute(sa.delete(messages).where(messages.c.otp_id == otp_id))


def drop_messages(connection: sa.Connection, *, before: datetime) -> None:
    """Delete messages whose code is no longer good."""
    messages = tables.otp_messages
    connection.execute(sa.delete(messages).where(messages.c.created_at <= before))


# --- refresh tokens -------------------------------------------------------------------------


def add_family(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Store a new family of refresh tokens."""
    connection.execute(sa.insert(tables.refresh_families).values(**values))


def add_refresh_token(
    connection: sa.Connection,
    *,
    digest: bytes,
    family_id: UUID,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Store a refresh token's digest."""
    connection.execute(
        sa.insert(tables.refresh_tokens).values(
            token_digest=digest, family_id=family_id, issued_at=now, expires_at=expires_at
        )
    )


def lock_family_of(connection: sa.Connection, digest: bytes) -> Row | None:
    """Lock the family a refresh token belongs to and return it.

    Uses of one family come one after the other, so that of parallel uses exactly one is first.
    """
    family, token = tables.refresh_families, tables.refresh_tokens
    found = connection.execute(
        sa.select(token.c.family_id).where(token.c.token_digest == digest)
    ).scalar()
    if found is None:
        return None
    return _row(
        connection.execute(sa.select(family).where(family.c.family_id == found).with_for_update())
    )


def refresh_token(connection: sa.Connection, digest: bytes) -> Row:
    """Return a refresh token whose family is locked: nobody changes it meanwhile."""
    token = tables.refresh_tokens
    found = connection.execute(sa.select(token).where(token.c.token_digest == digest))
    return dict(found.mappings().one())


def use_refresh_token(connection: sa.Connection, digest: bytes, now: datetime) -> None:
    """Note that a refresh token has done its work."""
    token = tables.refresh_tokens
    connection.execute(sa.update(token).where(token.c.token_digest == digest).values(used_at=now))


def revoke_family(
    connection: sa.Connection, family_id: UUID, *, because: str, now: datetime
) -> None:
    """End a family; a family that has ended stays as it is."""
    _revoke(connection, tables.refresh_families.c.family_id == family_id, because, now)


def revoke_families_of(
    connection: sa.Connection, subject_id: UUID, *, because: str, now: datetime
) -> None:
    """End all families of a person."""
    _revoke(connection, tables.refresh_families.c.subject_id == subject_id, because, now)


def _revoke(
    connection: sa.Connection, which: sa.ColumnElement[bool], because: str, now: datetime
) -> None:
    family = tables.refresh_families
    connection.execute(
        sa.update(family)
        .where(which, family.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=because)
    )


# --- members who are forgotten ---------------------------------------------------------------


def note_erased(connection: sa.Connection, member_id: UUID, now: datetime) -> None:
    """Let nobody begin a session as this member any more."""
    row = {"member_id": member_id, "erased_at": now}
    connection.execute(insert(tables.erased_members).values(row).on_conflict_do_nothing())


def is_erased(connection: sa.Connection, member_id: UUID) -> bool:
    """Return whether a member has been forgotten."""
    known = sa.exists().where(tables.erased_members.c.member_id == member_id)
    return bool(connection.execute(sa.select(known)).scalar_one())


def drop_families(connection: sa.Connection, member_id: UUID) -> int:
    """Delete all sessions of a member with their tokens; return how many."""
    family = tables.refresh_families
    mine = (family.c.kind == "member", family.c.subject_id == member_id)
    return connection.execute(sa.delete(family).where(*mine)).rowcount


def drop_codes(connection: sa.Connection, phone_digest: bytes) -> None:
    """Delete the codes of a phone, and those that are not sent yet."""
    codes, messages = tables.otp_codes, tables.otp_messages
    theirs = sa.select(codes.c.otp_id).where(codes.c.phone_digest == phone_digest)
    connection.execute(sa.delete(messages).where(messages.c.otp_id.in_(theirs)))
    connection.execute(sa.delete(codes).where(codes.c.phone_digest == phone_digest))


# --- staff, stores, machines ----------------------------------------------------------------


def insert_unless_known(
    connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]
) -> Row | None:
    """Insert a row and return it, or None when its key is taken."""
    statement = insert(table).values(**values).on_conflict_do_nothing()
    return _row(connection.execute(statement.returning(*table.c)))


def change(
    connection: sa.Connection, table: sa.Table, key: Any, values: Mapping[str, Any]
) -> Row | None:
    """Change the row with that primary key and return it, or None when there is none."""
    (column,) = table.primary_key.columns
    # An update to itself locks and returns the row also when there is nothing to change.
    return _row(
        connection.execute(
            sa.update(table)
            .where(column == key)
            .values(**(values or {column.name: column}))
            .returning(*table.c)
        )
    )


def lock_staff(connection: sa.Connection, staff_id: UUID) -> Row | None:
    """Lock and return a staff member."""
    staff = tables.staff
    return _row(
        connection.execute(sa.select(staff).where(staff.c.staff_id == staff_id).with_for_update())
    )


def count_other_admins(connection: sa.Connection, staff_id: UUID) -> int:
    """Return how many active admins there are besides one."""
    staff = tables.staff.c
    found: int = connection.execute(
        sa.select(sa.func.count()).where(
            staff.active, sa.literal("admin") == sa.any_(staff.roles), staff.staff_id != staff_id
        )
    ).scalar_one()
    return found


def is_any_staff(connection: sa.Connection) -> bool:
    """Return whether anybody works here yet."""
    found: bool = connection.execute(sa.select(sa.exists().select_from(tables.staff))).scalar_one()
    return found


def lock_credentials(connection: sa.Connection, client_id: str) -> Row:
    """Lock and return the credentials of a machine that is known to exist."""
    credentials = tables.credentials
    return dict(
        connection.execute(
            sa.select(credentials).where(credentials.c.client_id == client_id).with_for_update()
        )
        .mappings()
        .one()
    )


# --- housekeeping ---------------------------------------------------------------------------


def delete_older(
    connection: sa.Connection, table: sa.Table, column: str, before: datetime, *, limit: int = 1_000
) -> int:
    """Delete at most ``limit`` rows whose ``column`` is before an instant; return how many."""
    (key,) = table.primary_key.columns
    old = sa.select(key).where(table.c[column] < before).limit(limit)
    return connection.execute(sa.delete(table).where(key.in_(old))).rowcount
