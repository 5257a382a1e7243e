from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import Identity


def secret_of(made: dict[str, Any], secret: str | None = None) -> dict[str, Any]:
    return {"client_id": made["client_id"], "client_secret": secret or made["client_secret"]}


def test_terminal_signs_in_bound_to_its_store(identity: Identity) -> None:
    claims = identity.claims(identity.machine(identity.terminal()))
    assert (claims["role"], claims["sub"], claims["store_id"]) == ("terminal", "t-1", "s-1")
    assert "sales:write" in claims["scope"].split()
    assert "staff:write" not in claims["scope"].split()


def test_shop_signs_in_as_its_client(identity: Identity) -> None:
    made = identity.call(contract.CREATE_CLIENT, {"name": "Web shop", "role": "shop"})
    claims = identity.claims(identity.machine(made))
    assert (claims["role"], claims["sub"]) == ("shop", made["client_id"])
    assert "checkouts:write" in claims["scope"].split()


@pytest.mark.rule("I2")
def test_secret_is_shown_once_and_stored_nowhere(identity: Identity) -> None:
    payload = {"name": "Web shop", "role": "shop"}
    reply = identity.reply(contract.CREATE_CLIENT, payload, key="k-1")
    made = reply["body"]
    assert len(made["client_secret"]) > 40
    shown = identity.call(contract.GET_CLIENT, {"client_id": made["client_id"]})
    assert shown == {name: value for name, value in made.items() if name != "client_secret"}
    secret = made["client_secret"].encode()
    stored = [
        row.all
        for rows in (
            identity.database.query("SELECT to_jsonb(credentials)::text AS all FROM credentials"),
            identity.database.query("SELECT to_jsonb(idempotency)::text AS all FROM idempotency"),
        )
        for row in rows
    ]
    assert len(stored) == 2
    assert not any(made["client_secret"] in row or secret.hex() in row for row in stored)


@pytest.mark.rule("A3")
def test_retry_of_a_creation_gets_the_same_secret(identity: Identity) -> None:
    payload = {"name": "Web shop", "role": "shop"}
    first = identity.reply(contract.CREATE_CLIENT, payload, key="k-1")
    again = identity.reply(contract.CREATE_CLIENT, payload, key="k-1")
    assert again == {**first, "replayed": True}
    identity.machine(again["body"])


@pytest.mark.rule("I2")
def test_both_secrets_work_until_the_overlap_ends(identity: Identity) -> None:
    made = identity.terminal()
    rotated = identity.call(contract.ROTATE_TERMINAL, {"terminal_id": "t-1", "overlap_s": 3600})
    identity.machine(made)
    identity.machine(rotated)
    identity.clock.advance(seconds=3599)
    identity.machine(made)
    identity.clock.advance(seconds=1)
    identity.refused("client_credentials", **secret_of(made))
    identity.machine(rotated)


@pytest.mark.rule("I2")
def test_rotation_without_overlap_ends_the_old_secret_at_once(identity: Identity) -> None:
    made = identity.terminal()
    rotated = identity.call(contract.ROTATE_TERMINAL, {"terminal_id": "t-1", "overlap_s": 0})
    identity.refused("client_credentials", **secret_of(made))
    identity.machine(rotated)


def test_second_rotation_ends_the_oldest_secret(identity: Identity) -> None:
    made = identity.call(contract.CREATE_CLIENT, {"name": "Web shop", "role": "shop"})
    second = identity.call(contract.ROTATE_CLIENT, {"client_id": made["client_id"]})
    third = identity.call(contract.ROTATE_CLIENT, {"client_id": made["client_id"]})
    identity.refused("client_credentials", **secret_of(made))
    identity.machine(second)
    identity.machine(third)


def test_secret_of_one_machine_does_not_open_another(identity: Identity) -> None:
    one, other = identity.terminal("t-1"), identity.terminal("t-2")
    identity.refused("client_credentials", **secret_of(one, other["client_secret"]))


def test_deactivated_terminal_gets_no_token_until_it_is_back(identity: Identity) -> None:
    made = identity.terminal()
    change = {"terminal_id": "t-1", "active": False}
    assert identity.call(contract.UPDATE_TERMINAL, change)["active"] is False
    identity.refused("client_credentials", **secret_of(made))
    error = identity.error(contract.ROTATE_TERMINAL, {"terminal_id": "t-1"})
    assert (error["status"], error["code"]) == (409, "credentials_inactive")
    identity.call(contract.UPDATE_TERMINAL, {"terminal_id": "t-1", "active": True})
    identity.machine(made)


def test_terminal_of_a_closed_store_gets_no_token(identity: Identity) -> None:
    made = identity.terminal()
    identity.call(contract.UPDATE_STORE, {"store_id": "s-1", "active": False})
    identity.refused("client_credentials", **secret_of(made))


def test_moved_terminal_signs_in_at_its_new_store(identity: Identity) -> None:
    made = identity.terminal("t-1", "s-1")
    identity.terminal("t-2", "s-2")
    moved = identity.call(contract.UPDATE_TERMINAL, {"terminal_id": "t-1", "store_id": "s-2"})
    assert moved["store_id"] == "s-2"
    assert identity.claims(identity.machine(made))["store_id"] == "s-2"


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        ({"terminal_id": "t-1", "store_id": "s-1"}, 409, "terminal_exists"),
        ({"terminal_id": "t-9", "store_id": "nowhere"}, 422, "unknown_store"),
        ({"terminal_id": "t 9", "store_id": "s-1"}, 422, "validation_failed"),
    ],
)
def test_terminal_that_cannot_be_is_refused_and_leaves_nothing(
    identity: Identity, payload: dict[str, str], status: int, code: str
) -> None:
    identity.terminal()
    before = identity.database.query("SELECT count(*) FROM credentials")
    error = identity.error(contract.CREATE_TERMINAL, payload)
    assert (error["status"], error["code"]) == (status, code)
    assert identity.database.query("SELECT count(*) FROM credentials") == before


def test_store_is_kept_changed_and_refused_twice(identity: Identity) -> None:
    new = {"store_id": "s-1", "name": "Nanjing Road", "time_zone": "Asia/Shanghai"}
    made = identity.call(contract.CREATE_STORE, new)
    assert identity.error(contract.CREATE_STORE, new)["code"] == "store_exists"
    change = {"store_id": "s-1", "time_zone": "Asia/Urumqi"}
    assert identity.call(contract.UPDATE_STORE, change) == {**made, "time_zone": "Asia/Urumqi"}
    assert identity.call(contract.GET_STORE, {"store_id": "s-1"})["time_zone"] == "Asia/Urumqi"
    assert identity.call(contract.UPDATE_STORE, {"store_id": "s-1"})["name"] == "Nanjing Road"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Asia", "../../etc/passwd", "", "asia/shanghai"])
def test_store_outside_known_time_zones_is_refused(identity: Identity, zone: str) -> None:
    new = {"store_id": "s-1", "name": "Nanjing Road", "time_zone": zone}
    error = identity.error(contract.CREATE_STORE, new)
    assert (error["status"], error["errors"][0]["field"]) == (422, "time_zone")


@pytest.mark.parametrize(
    ("method", "payload"),
    [
        (contract.GET_STORE, {"store_id": "x"}),
        (contract.UPDATE_STORE, {"store_id": "x", "name": "y"}),
        (contract.GET_TERMINAL, {"terminal_id": "x"}),
        (contract.UPDATE_TERMINAL, {"terminal_id": "x", "active": False}),
        (contract.ROTATE_TERMINAL, {"terminal_id": "x"}),
        (contract.GET_CLIENT, {"client_id": "x"}),
        (contract.UPDATE_CLIENT, {"client_id": "x", "name": "y"}),
        (contract.ROTATE_CLIENT, {"client_id": "x"}),
    ],
)
def test_what_does_not_exist_is_404(identity: Identity, method: Any, payload: Any) -> None:
    error = identity.error(method, payload)
    assert (error["status"], error["code"]) == (404, "not_found")


def test_terminal_is_no_client(identity: Identity) -> None:
    made = identity.terminal()
    error = identity.error(contract.ROTATE_CLIENT, {"client_id": made["client_id"]})
    assert error["status"] == 404


@pytest.mark.rule("A4")
def test_lists_are_walked_to_the_end_without_gap(identity: Identity) -> None:
    for number in range(5):
        identity.terminal(f"t-{number}", "s-1")
    identity.terminal("t-else", "s-2")
    seen, after = [], None
    while True:
        query = {"limit": 2, "after": after, "store_id": "s-1"}
        page = identity.call(contract.LIST_TERMINALS, query)
        seen += [terminal["terminal_id"] for terminal in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [f"t-{number}" for number in range(5)]


@pytest.mark.rule("A4")
def test_clients_and_stores_are_listed(identity: Identity) -> None:
    names = ["One", "Two", "Three"]
    for name in names:
        identity.call(contract.CREATE_CLIENT, {"name": name, "role": "shop"})
        store = {"store_id": name, "name": name, "time_zone": "UTC"}
        identity.call(contract.CREATE_STORE, store)
    first = identity.call(contract.LIST_CLIENTS, {"limit": 2})
    rest = identity.call(contract.LIST_CLIENTS, {"limit": 2, "after": first["next"]})
    assert [client["name"] for client in first["items"] + rest["items"]] == names
    assert "client_secret" not in first["items"][0]
    stores = identity.call(contract.LIST_STORES)
    assert [store["store_id"] for store in stores["items"]] == sorted(names)
    assert stores["next"] is None
