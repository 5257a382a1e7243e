"""Alembic without an ini file; versions live in ``services/<service>/migrations``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def config(service: str, url: str) -> Config:
    """Return alembic's configuration for one service's database."""
    versions = Path(str(resources.files(f"services.{service}"))) / "migrations"
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    settings.set_main_option("version_locations", str(versions))
    settings.set_main_option("path_separator", "os")
    settings.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    settings.attributes["service"] = service
    return settings


def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Bring the database of ``service`` to ``revision``; safe to call again and in parallel."""
    command.upgrade(config(service, url), revision)


def is_current(service: str, url: str) -> bool:
    """Return whether the database has every migration this code knows."""
    head = ScriptDirectory.from_config(config(service, url)).get_current_head()
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found == head
