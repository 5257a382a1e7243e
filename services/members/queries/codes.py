"""Whose a rotating code is, and whether it counts (M2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members import codes, domain
from services.members.tables import code_uses, members
from services.members.vault import CODE_KEYS, Vault
from shared.db import Snapshot

_PRESENT = members.c.status != domain.ERASED


@dataclass(frozen=True, slots=True)
class ReadCode:
    """Whose code it is and of which step; ``refusal`` says why it does not count, if so."""

    member_id: UUID | None = None
    status: str | None = None
    step: int | None = None
    refusal: str | None = domain.CODE_INVALID


def read_code(
    snapshot: Snapshot, *, vault: Vault, value: str, at: datetime, use_id: str | None = None
) -> ReadCode:
    """Return what a rotating code says at an instant (M2).

    With ``use_id``, a barcode of any age is recognised that was used for that before.
    """
    scanned = codes.read_barcode(value)
    if scanned is None:
        return _read_signed(snapshot, vault, value, at)
    row = _holder(snapshot, members.c.code_handle == scanned.handle)
    if row is None:
        return ReadCode()
    secret = codes.secret_of(vault.master.unwrap(row.data_key))
    steps = chain(domain.recent_steps(at), _steps_of(snapshot, row.member_id, use_id))
    return _judged(row, codes.step_of(scanned, secret, steps), at)


def _read_signed(snapshot: Snapshot, vault: Vault, value: str, at: datetime) -> ReadCode:
    signed = codes.read_signed(
        value,
        lambda: CODE_KEYS.published(snapshot.connection, snapshot.now),
        issuer=vault.issuer,
    )
    if signed is None:
        return ReadCode()
    return _judged(_holder(snapshot, members.c.member_id == signed.member_id), signed.step, at)


def _judged(row: sa.Row[Any] | None, step: int | None, at: datetime) -> ReadCode:
    if row is None or step is None:
        return ReadCode()
    return ReadCode(row.member_id, row.status, step, domain.judge_step(step, at))


def _holder(snapshot: Snapshot, condition: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
    columns = (members.c.member_id, members.c.status, members.c.data_key)
    statement: sa.Select[Any] = sa.select(*columns).where(condition, _PRESENT)
    return snapshot.connection.execute(statement).one_or_none()


def _steps_of(snapshot: Snapshot, member_id: UUID, use_id: str | None) -> list[int]:
    """Return the steps whose codes were used for ``use_id``."""
    if use_id is None:
        return []
    used = sa.select(code_uses.c.step).where(
        code_uses.c.member_id == member_id, code_uses.c.use_id == use_id
    )
    return list(snapshot.connection.execute(used).scalars())
