"""Before the first day: staff, stores and tills are set up and every shopper is enrolled.

Each step is safe to repeat on a server that has been through it: what exists is found and used.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from examples.client import ApiClient, Json, Login, Refused, by_password, by_secret
from examples.replay import bodies
from examples.replay.plan import Shopper, Till, Timeline
from examples.replay.source import STORE_TIME_ZONE

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Staff:
    """Who runs the platform during a replay."""

    admin: Login
    marketing: Login
    auditor: Login

    def forget_tokens(self) -> None:
        """Have everybody sign in anew."""
        for login in (self.admin, self.marketing, self.auditor):
            login.forget()


def hire(client: ApiClient, username: str, password: str) -> Staff:
    """Sign in as admin and employ one member of staff for marketing and one auditor.

    Raises:
        Refused: If the admin's password is wrong.
    """
    admin = by_password(username, password)
    return Staff(
        admin=admin,
        marketing=_employ(client, admin, password, "marketing"),
        auditor=_employ(client, admin, password, "auditor"),
    )


def _employ(client: ApiClient, admin: Login, password: str, role: str) -> Login:
    """Create a member of staff.

    The password is derived from the admin's, so that a second replay can sign in as this one.
    """
    username = f"replay-{role}"
    own = hashlib.sha256(f"{username}:{password}".encode()).hexdigest()
    body: Json = {"username": username, "password": own, "roles": [role]}
    create(client, admin, "/v1/staff", body, key=username)
    return by_password(username, own)


def open_tills(client: ApiClient, admin: Login, tills: tuple[Till, ...]) -> dict[Till, Login]:
    """Create the stores and their tills, and give each till its secret."""
    logins = {}
    for till in tills:
        store: Json = {
            "store_id": till.store_id,
            "name": f"Complete Journey store {till.number + 1}",
            "time_zone": str(STORE_TIME_ZONE),
        }
        create(client, admin, "/v1/stores", store, key=till.store_id)
        logins[till] = _terminal(client, admin, till)
    return logins


def _terminal(client: ApiClient, admin: Login, till: Till) -> Login:
    """Register a terminal; one that exists gets a new secret, since one is shown only once."""
    body: Json = {"terminal_id": till.terminal_id, "store_id": till.store_id}
    granted = create(client, admin, "/v1/terminals", body, key=till.terminal_id)
    if granted is None:
        path = f"/v1/terminals/{till.terminal_id}/rotate"
        now = client.call("GET", "/v1/sandbox/clock", login=admin)["now"]
        granted = client.call("POST", path, login=admin, body={}, key=f"rotate-{now}")
    return by_secret(granted["client_id"], granted["client_secret"])


def create(client: ApiClient, login: Login, path: str, body: Json, key: str) -> Json | None:
    """Create something, or return nothing if it exists.

    Raises:
        Refused: For any other refusal.
    """
    answer = client.send("POST", path, login=login, body=body, key=key)
    if answer.status == _CONFLICT:
        return None
    if not answer.ok:
        raise Refused("POST", path, answer)
    return answer.body


def enrol(
    client: ApiClient, timeline: Timeline, tills: Mapping[Till, Login], pool: Executor
) -> dict[int, str]:
    """Enrol every shopper at the till of its first purchase; returns member ids by household."""

    def one(shopper: Shopper) -> tuple[int, str]:
        home = timeline.tills[shopper.home_till]
        return shopper.household_id, _enrol_one(client, tills[home], shopper, home)

    return dict(pool.map(one, timeline.shoppers))


def _enrol_one(client: ApiClient, login: Login, shopper: Shopper, home: Till) -> str:
    body = bodies.enrolment(shopper, home)
    key = f"enrol-{shopper.household_id}"
    enrolled = create(client, login, "/v1/members", body, key)
    if enrolled is None:
        wanted: Json = {"type": "phone", "value": shopper.phone}
        enrolled = client.call("POST", "/v1/members/lookup", login=login, body=wanted)
    return str(enrolled["member_id"])
