"""The platform in which providers' states are made."""

from __future__ import annotations

import time
from datetime import datetime

from shared.security.scopes import STAFF_ROLES
from tests.support.platform import ADMIN_PASSWORD, Person, Platform, make_service

_TOKENS_LAST_S = 300
"""Far below the 15 minutes after which one has to sign in again."""


class Stage(Platform):
    """A platform that starts over in a moment: who acts on it is there already, and stays.

    Making a platform, and people with passwords in it, costs more than all that a state is made of.
    The first till is ``t-1``, in a store that nobody speaks of; of each role there is one member of
    staff.
    """

    def __post_init__(self) -> None:
        """Engage everybody, and take that as the state to start over from."""
        super().__post_init__()
        self._grants: dict[str, dict[str, str]] = {}
        self._signed_in: dict[str, tuple[Person, float]] = {}
        admin = super().admin()
        for role in STAFF_ROLES:
            person = {"username": role, "password": ADMIN_PASSWORD}
            admin.request("POST", "/v1/staff", {**person, "roles": [role]})
            self._grants[f"staff {role}"] = {"grant_type": "password", **person}
        grant = {"grant_type": "password", "username": "admin", "password": ADMIN_PASSWORD}
        self._grants["admin"] = grant
        store = {"store_id": "s-0", "name": "Nanjing", "time_zone": "Asia/Shanghai"}
        admin.post("/v1/stores", store)
        made = admin.post("/v1/terminals", {"terminal_id": "t-1", "store_id": "s-0"})
        client = {name: made[name] for name in ("client_id", "client_secret")}
        self._grants["terminal t-1"] = {"grant_type": "client_credentials", **client}
        for name in self._grants:
            self._person(name)
        self.settle()
        for database in self.databases.values():
            database.remember()

    def renew(self) -> None:
        """Start over."""
        for database in self.databases.values():
            database.reset()
        self.services = {
            name: make_service(database, self.clock, sandbox=self.sandbox)
            for name, database in self.databases.items()
        }
        self.backend.services = self.services

    def admin(self) -> Person:
        """Return the first administrator."""
        return self._person("admin")

    def staff(self, *roles: str) -> Person:
        """Return the member of staff of a role; somebody new for several roles."""
        name = " ".join(("staff", *roles))
        return self._person(name) if name in self._grants else super().staff(*roles)

    def terminal(self, terminal_id: str = "t-1", store_id: str = "s-1") -> Person:
        """Return the first till, or a new one."""
        name = f"terminal {terminal_id}"
        known = name in self._grants
        return self._person(name) if known else super().terminal(terminal_id, store_id)

    def move_clock(self, to: datetime) -> None:
        """Move the sandbox clock; nobody's token outlasts that."""
        super().move_clock(to)
        self._signed_in.clear()

    def _person(self, name: str) -> Person:
        person, since = self._signed_in.get(name, (None, 0.0))
        if person is None or time.monotonic() - since > _TOKENS_LAST_S:
            person = self.login(**self._grants[name])
            self._signed_in[name] = person, time.monotonic()
        return person
