"""The members service as nameko runs it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from services.members import queries, use_cases
from services.members.vault import Vault
from shared.calls import Reply
from shared.contracts.members import rpc as contract
from shared.db import Call
from shared.db.transactions import UseCase
from shared.rpc.server import Settings, rpc
from shared.service import BaseService
from shared.settings import ServiceSettings


class MembersService(BaseService):
    """Who the members are."""

    name = "members"
    settings: ServiceSettings = Settings()

    @rpc(contract.ENROL)
    def enrol(self, call: Call, **command: Any) -> Reply:
        """Make a member (M1)."""
        return self._write(call, use_cases.enrol, **command)

    @rpc(contract.PATCH)
    def patch(self, call: Call, **command: Any) -> Reply:
        """Change a profile."""
        return self._write(call, use_cases.patch, **command)

    @rpc(contract.GET)
    def get(self, call: Call, **query: Any) -> Reply:
        """Return a member, masked unless it asks itself (M7)."""
        return self.db.read(call, queries.member, vault=self.vault, **query)

    @rpc(contract.STATUS)
    def status(self, call: Call, **query: Any) -> Reply:
        """Return whether a member exists and how it stands."""
        return self.db.read(call, queries.status, **query)

    @rpc(contract.SEARCH)
    def search(self, call: Call, **query: Any) -> Reply:
        """Return members by an exact criterion."""
        return self.db.read(call, queries.search, vault=self.vault, **query)

    @rpc(contract.LOOKUP)
    def lookup(self, call: Call, **query: Any) -> Reply:
        """Return who an identifier belongs to, masked (M7)."""
        return self.db.read(call, queries.lookup, vault=self.vault, **query)

    @rpc(contract.LOOKUP_MANY)
    def lookup_many(self, call: Call, **query: Any) -> Reply:
        """Return whom many identifiers belong to."""
        return self.db.read(call, queries.lookup_many, vault=self.vault, **query)

    @property
    def vault(self) -> Vault:
        """Return what seals and opens personal values (M4)."""
        return Vault.of(self.settings)

    def _write(self, call: Call, use_case: UseCase, **command: Any) -> Reply:
        zone = ZoneInfo(self.settings.time_zone)
        return self.db.write(call, use_case, vault=self.vault, time_zone=zone, **command)


SERVICE = MembersService
