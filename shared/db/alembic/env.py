"""Run by alembic: one migration at a time, each service under its own lock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

_config = context.config
_url = _config.get_main_option("sqlalchemy.url")
if _url is None:
    raise RuntimeError("migrations need a database URL")

_engine = sa.create_engine(_url, poolclass=sa.NullPool)
with _engine.begin() as _connection:
    # Two instances that start together must not both create the tables; and a migration that
    # cannot get its lock soon fails rather than queueing every reader behind it.
    _connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended('migrate', 0))"))
    _connection.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
    context.configure(connection=_connection, target_metadata=None)
    context.run_migrations()
