"""The write side of the audit trail (I4): rows chained by hash, in the transaction of the effect.

Rows are numbered without a gap under a lock on the chain's end. It is the last lock a transaction
takes, and only privileged actions take it: no sale ever waits for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.clock import rfc3339
from shared.db.tables import PLATFORM
from shared.db.units import PendingAudit, UnitOfWork
from shared.ids import new_id

SEAL = b"audit.reason"
GENESIS = bytes(32)
"""What the first row is chained to."""
_HASHED = (
    "sequence",
    "audit_id",
    "at",
    "actor_kind",
    "actor_id",
    "action",
    "target_kind",
    "target_id",
    "before",
    "after",
    "reason",
    "request_id",
)


def write_audit(uow: UnitOfWork) -> None:
    """Append the unit's audit rows; to be called last."""
    if not uow.audits:
        return
    head = PLATFORM.audit.head
    end = uow.connection.execute(sa.select(head).with_for_update()).one()
    sequence, digest = end.sequence, bytes(end.hash)
    rows = []
    for pending in uow.audits:
        sequence += 1
        row = _row(uow, pending, sequence)
        digest = chained(digest, row)
        rows.append({**row, "hash": digest})
    uow.connection.execute(sa.insert(PLATFORM.audit.rows), rows)
    uow.connection.execute(sa.update(head).values(sequence=sequence, hash=digest))


def chained(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """Return a row's hash: SHA-256 over the hash before it and the row as canonical JSON."""
    content = {name: primitive(row[name]) for name in _HASHED}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + text.encode()).digest()


def primitive(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has no form for becomes text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(name): primitive(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [primitive(each) for each in items]
    return str(value)


def _row(uow: UnitOfWork, pending: PendingAudit, sequence: int) -> dict[str, Any]:
    audit_id: UUID = new_id()
    return {
        "sequence": sequence,
        "audit_id": audit_id,
        "at": uow.now,
        "actor_kind": uow.actor.kind,
        "actor_id": uow.actor.id,
        "action": pending.action,
        "target_kind": pending.target_kind,
        "target_id": pending.target_id,
        "before": primitive(pending.before),
        "after": primitive(pending.after),
        "reason": _sealed(uow, audit_id, pending.reason),
        "request_id": uow.context.request_id,
    }


def _sealed(uow: UnitOfWork, audit_id: UUID, reason: str | None) -> bytes | None:
    if reason is None or uow.vault is None:
        return None if reason is None else reason.encode()
    return uow.vault.seal(reason.encode(), context=SEAL + audit_id.bytes)
