"""Who starts jobs, and how they look from outside."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.calls import Actor, CallContext
from shared.db import Snapshot, Transactions
from shared.jobs import files, queries

START = datetime(2026, 1, 1, tzinfo=UTC)
LI = CallContext("r-1", Actor("staff", "li", ("support",)))
HAN = CallContext("r-2", Actor("staff", "han", ("marketing",)))
BOSS = CallContext("r-3", Actor("staff", "boss", ("manager",)))
SHOPPER = CallContext("r-4", Actor("member", "m-1"))


def seen(db: Transactions, job_id: UUID, context: CallContext = LI) -> dict[str, Any]:
    """Return a job as ``context`` sees it."""
    with db.engine.connect() as connection:
        return dict(queries.job(Snapshot(connection, START, context), job_id=job_id))


def content(db: Transactions, job_id: UUID, context: CallContext = LI) -> str:
    """Return the whole file of a job."""
    text, seq = b"", 0
    with db.engine.connect() as connection:
        snapshot = Snapshot(connection, START, context, db.vault)
        while (page := files.read_output(snapshot, job_id=job_id, seq=seq))["data"] is not None:
            text += base64.b64decode(page["data"])
            seq += 1
    assert page["size_bytes"] == len(text)
    return text.decode()
