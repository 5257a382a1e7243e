"""The services' databases on the embedded server: made, migrated, and told to the services."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from standalone.postgres import EmbeddedPostgres

ADMIN_POOL_SIZE = 3
"""A relay keeps one connection for itself."""


class Databases:
    """One database per service, with the roles of production."""

    def __init__(self, server: EmbeddedPostgres, services: Iterable[str]) -> None:
        self._server = server
        self.services = tuple(services)
        self._engines: dict[str, sa.Engine] = {}

    def prepare(self) -> None:
        """Make what is missing and migrate every database to the code's version."""
        for service in self.services:
            bootstrap_service(self._server.url(), service)
            upgrade(service, self._migration_url(service))

    def environment(self) -> dict[str, str]:
        """Return the variables by which services and their commands find their databases."""
        values = {}
        for service in self.services:
            prefix = f"LOYALTY_{service.upper()}"
            name = database_name(service)
            values[f"{prefix}_DATABASE_URL"] = self._server.url(name, name)
            values[f"{prefix}_MIGRATION_URL"] = self._migration_url(service)
        return values

    def engine(self, service: str) -> sa.Engine:
        """Return a small pool into a service's database as superuser, for work across services."""
        if service not in self._engines:
            self._engines[service] = sa.create_engine(
                self._server.url(database_name(service)),
                pool_size=ADMIN_POOL_SIZE,
                pool_pre_ping=True,
                max_overflow=0,
                connect_args={"application_name": "loyalty-standalone"},
            )
        return self._engines[service]

    def engines(self) -> dict[str, sa.Engine]:
        """Return `engine` of every service."""
        return {service: self.engine(service) for service in self.services}

    def dispose(self) -> None:
        """Close the pools made by `engine`."""
        for engine in self._engines.values():
            engine.dispose()

    def _migration_url(self, service: str) -> str:
        return self._server.url(database_name(service), owner_role(service))
