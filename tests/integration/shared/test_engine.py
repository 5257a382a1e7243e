"""Connections: the pool hands out none that died at rest, and asks only those that rested."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from shared.db import create_engine, engine
from tests.support.postgres import ServiceDatabase


@pytest.fixture
def database(empty_database: Callable[[str], ServiceDatabase]) -> ServiceDatabase:
    return empty_database("points")


@pytest.fixture
def pool(database: ServiceDatabase) -> Iterator[sa.Engine]:
    made = create_engine(database.url, pool_size=2)
    yield made
    made.dispose()


def _backend(pool: sa.Engine) -> int:
    with pool.connect() as connection:
        pid: int = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        return pid


def _end(database: ServiceDatabase, pid: int) -> None:
    assert database.query("SELECT pg_terminate_backend(:pid)", pid=pid)[0][0]


def test_connection_that_died_at_rest_is_replaced_unseen(
    database: ServiceDatabase, pool: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TRUSTED_S", 0)
    first = _backend(pool)
    _end(database, first)
    assert _backend(pool) != first


def test_connection_just_used_is_not_asked(pool: sa.Engine) -> None:
    first = _backend(pool)
    asked = []
    sa.event.listen(pool, "invalidate", lambda *_: asked.append(1))
    assert _backend(pool) == first
    assert not asked


def test_pool_is_new_after_a_trusted_connection_broke(
    database: ServiceDatabase, pool: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TRUSTED_S", 3600)
    _end(database, _backend(pool))
    with pytest.raises(sa.exc.OperationalError) as broken:
        _backend(pool)
    assert broken.value.connection_invalidated
    assert _backend(pool)
