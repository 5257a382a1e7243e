"""Stores and the facts that others learn of them."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from shared.contracts.identity import rpc as contract
from shared.db.migrations import upgrade
from tests.integration.identity.conftest import Identity
from tests.support.postgres import ServiceDatabase

STORE = {"store_id": "s-1", "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}
_TOLD = "SELECT type, subject, sequence, data FROM outbox ORDER BY id"


def test_each_change_of_a_store_is_told_and_a_refusal_is_not(identity: Identity) -> None:
    identity.call(contract.CREATE_STORE, STORE)
    identity.error(contract.CREATE_STORE, STORE)
    identity.call(contract.UPDATE_STORE, {"store_id": "s-1"})
    identity.call(contract.UPDATE_STORE, {"store_id": "s-1", "time_zone": "Asia/Urumqi"})
    identity.error(contract.UPDATE_STORE, {"store_id": "s-2", "active": False})
    open_store = STORE | {"active": True}
    assert [tuple(row) for row in identity.database.query(_TOLD)] == [
        ("store.opened", "s-1", 1, open_store),
        ("store.changed", "s-1", 2, open_store | {"time_zone": "Asia/Urumqi"}),
    ]


def test_stores_of_an_earlier_release_are_told_by_the_migration(
    empty_database: Callable[[str], ServiceDatabase],
) -> None:
    database = empty_database("identity")
    upgrade("identity", database.owner_url, "0001")
    insert = (
        "INSERT INTO stores (store_id, name, time_zone, active, created_at)"
        " VALUES ('s-1', 'Nanjing Road', 'Asia/Shanghai', true, now())"
    )
    owner = sa.create_engine(database.owner_url, poolclass=sa.NullPool)
    with owner.begin() as connection:
        connection.exec_driver_sql(insert)
    upgrade("identity", database.owner_url, "0002")
    told = [tuple(row) for row in database.query(_TOLD)]
    assert told == [("store.opened", "s-1", 1, STORE | {"active": True})]
