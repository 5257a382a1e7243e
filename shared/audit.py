"""The read side of the audit trail (I4): listing it, and proving that nobody has touched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.db.audit import GENESIS, SEAL, chained
from shared.db.pages import page
from shared.db.tables import PLATFORM
from shared.db.units import Snapshot

MAX_LIMIT = 200
ROWS_AT_ONCE = 500
"""Hashing them takes a service some 50 ms, during which it answers nobody else."""
_rows, _head = PLATFORM.audit.rows, PLATFORM.audit.head


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of both sides under the names whose values differ."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def trail(
    snapshot: Snapshot,
    *,
    service: str,
    limit: int,
    after: Mapping[str, Any] | None,
    **wanted: Any,
) -> Mapping[str, Any]:
    """Return a page of the trail, newest first; ``wanted`` as in `AuditFilter`."""
    statement = sa.select(_rows).where(*_conditions(**wanted))
    if after is not None:
        statement = statement.where(_rows.c.audit_id < UUID(after["audit_id"]))
    limit = min(limit, MAX_LIMIT)
    ordered = statement.order_by(_rows.c.audit_id.desc()).limit(limit + 1)
    rows = snapshot.connection.execute(ordered).all()
    return page(rows, limit, key="audit_id", view=partial(_view, snapshot, service))


def _conditions(
    *,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for text, kind, key in (
        (actor, _rows.c.actor_kind, _rows.c.actor_id),
        (target, _rows.c.target_kind, _rows.c.target_id),
    ):
        if text is not None:
            wanted_kind, separator, wanted_id = text.partition(":")
            found.append(key == (wanted_id if separator else text))
            if separator:
                found.append(kind == wanted_kind)
    if action is not None:
        found.append(_rows.c.action == action)
    if since is not None:
        found.append(_rows.c.at >= since)
    if until is not None:
        found.append(_rows.c.at < until)
    return found


def _view(snapshot: Snapshot, service: str, row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "audit_id": row.audit_id,
        "at": row.at,
        "service": service,
        "actor": {"kind": row.actor_kind, "id": row.actor_id},
        "action": row.action,
        "target": {"kind": row.target_kind, "id": row.target_id},
        "before": row.before,
        "after": row.after,
        "reason": _reason(snapshot, row),
        "request_id": row.request_id,
        "hash": bytes(row.hash).hex(),
    }


def _reason(snapshot: Snapshot, row: sa.Row[Any]) -> str | None:
    if row.reason is None or snapshot.vault is None:
        return None if row.reason is None else bytes(row.reason).decode()
    return snapshot.vault.open(bytes(row.reason), context=SEAL + row.audit_id.bytes).decode()


# --- proving it -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """The chain as far as it was looked at.

    ``sequence`` and ``digest`` are those of the last good row: the place to go on from, and, at the
    end, the anchor to keep elsewhere. ``broken`` tells the first bad row.
    """

    sequence: int = 0
    digest: bytes = GENESIS
    broken: Mapping[str, Any] | None = None
    is_complete: bool = False


def verify_on(connection: sa.Connection, proof: Proof) -> Proof:
    """Look at the next `ROWS_AT_ONCE` rows after ``proof``, and at the chain's end after the last.

    What is found broken: a row that is missing, one that says something else than its hash, and an
    end of the chain that is not the last row.
    """
    following = sa.select(_rows).where(_rows.c.sequence > proof.sequence)
    rows = connection.execute(following.order_by(_rows.c.sequence).limit(ROWS_AT_ONCE)).all()
    sequence, digest = proof.sequence, proof.digest
    for row in rows:
        problem = None
        if row.sequence != sequence + 1:
            problem = "the row before it is missing"
        elif chained(digest, row._asdict()) != bytes(row.hash):
            problem = "its content or the row before it is not what was written"
        if problem is not None:
            broken = {"sequence": row.sequence, "audit_id": row.audit_id, "problem": problem}
            return Proof(sequence, digest, broken, is_complete=True)
        sequence, digest = row.sequence, bytes(row.hash)
    if len(rows) == ROWS_AT_ONCE:
        return Proof(sequence, digest)
    return _at_end(connection, Proof(sequence, digest, is_complete=True))


def _at_end(connection: sa.Connection, proof: Proof) -> Proof:
    """Compare the last row with the chain's end, which may have moved on since it was read."""
    end = connection.execute(sa.select(_head)).one()
    if end.sequence > proof.sequence:
        newer = sa.select(sa.func.count()).where(_rows.c.sequence > proof.sequence)
        if connection.execute(newer).scalar_one():
            return Proof(proof.sequence, proof.digest)
    if (end.sequence, bytes(end.hash)) == (proof.sequence, proof.digest):
        return proof
    broken = {
        "sequence": proof.sequence + 1,
        "audit_id": None,
        "problem": "rows at the end are missing, or were added behind the service's back",
    }
    return Proof(proof.sequence, proof.digest, broken, is_complete=True)


def verify_page(snapshot: Snapshot, *, service: str, sequence: int, digest: str) -> dict[str, Any]:
    """Return what `verify_on` finds from a place on, as `AuditProofSchema` has it."""
    proof = verify_on(snapshot.connection, Proof(sequence, bytes.fromhex(digest)))
    return {
        "service": service,
        "ok": proof.broken is None,
        "rows": proof.sequence,
        "head": proof.digest.hex(),
        "broken": proof.broken,
        "complete": proof.is_complete,
    }
