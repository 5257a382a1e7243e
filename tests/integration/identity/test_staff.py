from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.identity.bootstrap import ensure_admin
from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import ADMIN_PASSWORD, Identity


def new(username: str = "Li.Na", *roles: str, **more: Any) -> dict[str, Any]:
    plain = {"username": username, "password": ADMIN_PASSWORD, "roles": list(roles or ["support"])}
    return {**plain, **more}


def admin_id(identity: Identity) -> str:
    (admin,) = identity.database.query("SELECT staff_id FROM staff WHERE username = 'admin'")
    return str(admin.staff_id)


def test_staff_is_shown_without_password(identity: Identity) -> None:
    made = identity.call(contract.CREATE_STAFF, new("Li.Na", "support", "auditor", "support"))
    assert set(made) == {
        "staff_id",
        "username",
        "roles",
        "active",
        "second_factor",
        "created_at",
    }
    assert (made["username"], made["roles"]) == ("li.na", ["auditor", "support"])
    assert identity.call(contract.GET_STAFF, {"staff_id": made["staff_id"]}) == made


def test_username_is_taken_in_any_case(identity: Identity) -> None:
    identity.call(contract.CREATE_STAFF, new("li"))
    error = identity.error(contract.CREATE_STAFF, new("LI"))
    assert (error["status"], error["code"]) == (409, "username_taken")


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"password": "elevenchars"}, "password"),
        ({"roles": []}, "roles"),
        ({"roles": ["king"]}, "roles.0"),
        ({"username": "two words"}, "username"),
        ({"extra": 1}, "extra"),
    ],
)
def test_staff_that_may_not_be_is_422(identity: Identity, more: dict[str, Any], field: str) -> None:
    error = identity.error(contract.CREATE_STAFF, {**new(), **more})
    assert error["status"] == 422
    assert field in {wrong["field"] for wrong in error["errors"]}


def test_new_password_works_and_lifts_a_lock(identity: Identity) -> None:
    made = identity.call(contract.CREATE_STAFF, new("li"))
    for _ in range(6):
        identity.refused("password", username="li", password="wrong")
    change = {"staff_id": made["staff_id"], "password": "a brand new password"}
    identity.call(contract.UPDATE_STAFF, change)
    identity.sign_in("password", username="li", password="a brand new password")


@pytest.mark.parametrize("change", [{"active": False}, {"roles": ["support"]}])
def test_last_admin_cannot_remove_itself(identity: Identity, change: dict[str, Any]) -> None:
    payload = {"staff_id": admin_id(identity), **change}
    error = identity.error(contract.UPDATE_STAFF, payload)
    assert (error["status"], error["code"]) == (409, "last_admin")
    identity.admin()
    identity.call(contract.CREATE_STAFF, new("second", "admin"))
    identity.call(contract.UPDATE_STAFF, payload)


def test_inactive_admin_does_not_count_as_one(identity: Identity) -> None:
    second = identity.call(contract.CREATE_STAFF, new("second", "admin"))
    identity.call(contract.UPDATE_STAFF, {"staff_id": second["staff_id"], "active": False})
    payload = {"staff_id": admin_id(identity), "active": False}
    assert identity.error(contract.UPDATE_STAFF, payload)["code"] == "last_admin"


def test_two_admins_who_remove_each_other_at_once_leave_one(identity: Identity) -> None:
    first = admin_id(identity)
    second = identity.call(contract.CREATE_STAFF, new("second", "admin"))["staff_id"]
    changes = [{"staff_id": staff_id, "active": False} for staff_id in (first, second)]
    replies = identity.in_parallel(contract.UPDATE_STAFF, changes)
    assert sorted("error" in reply for reply in replies) == [False, True]


def test_unknown_staff_is_404(identity: Identity) -> None:
    payload = {"staff_id": "0197d3a0-0000-7000-8000-000000000000"}
    assert identity.error(contract.GET_STAFF, payload)["status"] == 404
    assert identity.error(contract.UPDATE_STAFF, payload)["status"] == 404


@pytest.mark.rule("A4")
def test_staff_is_listed_in_the_order_they_came(identity: Identity) -> None:
    for name in ("c", "a", "b"):
        identity.call(contract.CREATE_STAFF, new(name))
    first = identity.call(contract.LIST_STAFF, {"limit": 2})
    rest = identity.call(contract.LIST_STAFF, {"limit": 2, "after": first["next"]})
    names = [person["username"] for person in first["items"] + rest["items"]]
    assert (names, rest["next"]) == (["admin", "c", "a", "b"], None)


def test_first_admin_has_the_operators_password_or_a_made_up_one(bare: Identity) -> None:
    made_up = ensure_admin(bare.service.db, None)
    assert made_up is not None
    assert bare.claims(bare.admin(made_up))["roles"] == ["admin"]
    assert ensure_admin(bare.service.db, ADMIN_PASSWORD) is None
    bare.admin(made_up)


def test_operators_password_is_not_given_back(bare: Identity) -> None:
    assert ensure_admin(bare.service.db, "short") is None
    bare.admin("short")


def test_first_start_of_many_processes_makes_one_admin(bare: Identity) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: ensure_admin(bare.service.db, None), range(6)))
    (password,) = [found for found in made if found is not None]
    bare.admin(password)
