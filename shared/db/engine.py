"""Engines: psycopg2, because eventlet makes it cooperative by itself."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 3_000
"""Nobody waits longer than this for a lock; the caller hears 409 or 503 and may try again."""


def create_engine(url: str, *, pool_size: int = 10, application: str = "loyalty") -> sa.Engine:
    """Return an engine whose sessions are in UTC and never wait without end."""
    options = (
        f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS} "
        f"-c lock_timeout={LOCK_TIMEOUT_MS} -c idle_in_transaction_session_timeout=60000"
    )
    return sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        json_serializer=_compact_json,
        connect_args={
            "options": options,
            "application_name": application,
            "connect_timeout": 5,
            # A database host that vanished without a word is noticed within half a minute.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    )


def _compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
