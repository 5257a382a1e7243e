"""The idempotency record (A3): key and answer live in the transaction of the effect.

Answers may hold what must not lie about in plain (a member's phone, a new client's secret, a coupon
code), so they are sealed with the service's master key where it has one (M4, I2, C8).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.calls import CallContext, Reply
from shared.db.tables import PLATFORM
from shared.errors import IdempotencyKeyReused, RequestInProgress
from shared.security.crypto import MasterKey

KEPT = timedelta(days=30)
_TABLE = PLATFORM.idempotency
_SEAL = b"idempotency"


def claim(
    connection: sa.Connection, context: CallContext, now: datetime, vault: MasterKey | None = None
) -> Reply | None:
    """Take the key for this transaction, or return the answer it already has.

    A second request with a running key waits for the first one's end on the unique index, at most
    the lock timeout.

    Raises:
        IdempotencyKeyReused: the key belongs to another body.
        RequestInProgress: the first request is still running after the lock timeout.
    """
    idempotency = context.idempotency
    if idempotency is None:
        return None
    key = {
        "caller": context.actor.key,
        "route": idempotency.route,
        "key": idempotency.key,
    }
    inserted = connection.execute(
        insert(_TABLE)
        .values(**key, fingerprint=idempotency.fingerprint, created_at=now)
        .on_conflict_do_nothing()
    )
    if inserted.rowcount:
        return None
    row = connection.execute(sa.select(_TABLE).filter_by(**key)).one_or_none()
    if row is None or row.body is None:  # purged, or its owner is gone, between the statements
        raise RequestInProgress(retry_after_s=1)
    if row.fingerprint != idempotency.fingerprint:
        raise IdempotencyKeyReused
    return Reply(row.status, _opened(row.body, vault), replayed=True)


def store(
    connection: sa.Connection, context: CallContext, reply: Reply, vault: MasterKey | None = None
) -> None:
    """Keep the answer under the key taken by `claim`."""
    idempotency = context.idempotency
    if idempotency is None:
        return
    connection.execute(
        sa.update(_TABLE)
        .filter_by(caller=context.actor.key, route=idempotency.route, key=idempotency.key)
        .values(status=reply.status, body=_sealed(reply.body, vault))
    )


def _sealed(body: dict[str, Any], vault: MasterKey | None) -> bytes:
    plain = json.dumps(body, ensure_ascii=False).encode()
    return plain if vault is None else vault.seal(plain, context=_SEAL)


def _opened(stored: bytes, vault: MasterKey | None) -> dict[str, Any]:
    plain = bytes(stored) if vault is None else vault.open(bytes(stored), context=_SEAL)
    body: dict[str, Any] = json.loads(plain)
    return body


def purge(connection: sa.Connection, now: datetime, *, limit: int = 5_000) -> int:
    """Delete a bounded number of records older than `KEPT`; return how many."""
    old = (
        sa.select(_TABLE.c.caller, _TABLE.c.route, _TABLE.c.key)
        .where(_TABLE.c.created_at < now - KEPT)
        .limit(limit)
    )
    columns = sa.tuple_(_TABLE.c.caller, _TABLE.c.route, _TABLE.c.key)
    return connection.execute(sa.delete(_TABLE).where(columns.in_(old))).rowcount
