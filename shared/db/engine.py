"""Engines: psycopg2, because eventlet makes it cooperative by itself."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg2
import sqlalchemy as sa

STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 3_000
"""Nobody waits longer than this for a lock; the caller hears 409 or 503 and may try again."""
TRUSTED_S = 1.0
"""A connection that has rested no longer than this is used without asking whether it still works.

Under load that saves a round trip in each transaction. Should such a one be dead all the same, the
whole pool is made anew, and `Transactions` begins again.
"""


def create_engine(url: str, *, pool_size: int = 10, application: str = "loyalty") -> sa.Engine:
    """Return an engine whose sessions are in UTC and never wait without end."""
    options = (
        f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS} "
        f"-c lock_timeout={LOCK_TIMEOUT_MS} -c idle_in_transaction_session_timeout=60000"
    )
    engine = sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
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
    sa.event.listen(engine, "checkin", _note_rest)
    sa.event.listen(engine, "checkout", _ask_if_rested)
    return engine


def _note_rest(_connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _ask_if_rested(connection: Any, record: Any, _proxy: Any) -> None:
    """Let the pool replace a connection that died while it rested (a restart, a failover)."""
    rests_since = record.info.get("rests_since")
    if rests_since is None or time.monotonic() - rests_since <= TRUSTED_S:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.rollback()
    except psycopg2.Error as error:
        raise sa.exc.InvalidatePoolError from error


def _compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
