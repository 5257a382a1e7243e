"""A service's database and its two roles, made by an administrator of the PostgreSQL server.

``loyalty_<service>_owner`` owns the schema and migrates; ``loyalty_<service>`` is what the service
runs as: it reads and writes rows and can change no table. Nobody else may connect.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from psycopg2.extensions import encrypt_password

_LOCK = 6_010_206_001
"""Advisory lock, so that bootstraps of several services at once do not collide on the catalogue."""


def database_name(service: str) -> str:
    """Return ``loyalty_<service>``, which is also the name of the runtime role."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", service):
        raise ValueError(f"{service!r} is no name for a service")
    return f"loyalty_{service}"


def owner_role(service: str) -> str:
    """Return ``loyalty_<service>_owner``."""
    return f"{database_name(service)}_owner"


def bootstrap_service(
    admin_url: str,
    service: str,
    *,
    owner_password: str | None = None,
    runtime_password: str | None = None,
    database: str | None = None,
) -> None:
    """Make or mend the database and roles of ``service``; calling again changes nothing.

    Args:
        admin_url: SQLAlchemy URL of a role that may create databases and roles.
        service: Name of the service, such as ``points``.
        owner_password: Password of the migrating role; None leaves it as it is.
        runtime_password: Password of the runtime role; None leaves it as it is.
        database: Name of the database where it is not ``loyalty_<service>``.
    """
    owner, runtime = owner_role(service), database_name(service)
    database = database or runtime
    server = sa.create_engine(admin_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(_LOCK)))
        _ensure_role(connection, owner, owner_password)
        _ensure_role(connection, runtime, runtime_password)
        _ensure_membership(connection, owner)
        _ensure_database(connection, database, owner)
        inside = server.url.set(database=database)
        engine = sa.create_engine(inside, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as own:
            _grant(own, database, owner, runtime)


def _ensure_role(connection: sa.Connection, role: str, password: str | None) -> None:
    known = connection.execute(
        sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}
    ).scalar()
    if not known:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    if password is not None:
        # Hashed here, so that the password reaches neither the wire nor the server's log.
        hashed = encrypt_password(password, role, algorithm="scram-sha-256", scope=_raw(connection))
        connection.exec_driver_sql(f"ALTER ROLE {role} PASSWORD '{hashed}'")


def _ensure_membership(connection: sa.Connection, owner: str) -> None:
    """Let an administrator who is no superuser act for the owner, as managed servers demand."""
    superuser = sa.text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not connection.execute(superuser).scalar():
        connection.exec_driver_sql(f"GRANT {owner} TO CURRENT_USER")


def _ensure_database(connection: sa.Connection, database: str, owner: str) -> None:
    known = connection.execute(
        sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database}
    ).scalar()
    if not known:
        connection.exec_driver_sql(f"CREATE DATABASE {database} OWNER {owner} ENCODING 'UTF8'")


def _grant(connection: sa.Connection, database: str, owner: str, runtime: str) -> None:
    made_by_owner = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
    for statement in (
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {runtime}",
        f"ALTER SCHEMA public OWNER TO {owner}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {runtime}",
        f"{made_by_owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runtime}",
        f"{made_by_owner} GRANT USAGE ON SEQUENCES TO {runtime}",
    ):
        connection.exec_driver_sql(statement)


def _raw(connection: sa.Connection) -> object:
    """Return psycopg2's own connection, which knows the server's encoding."""
    return connection.connection.driver_connection
