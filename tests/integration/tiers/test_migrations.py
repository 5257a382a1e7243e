from __future__ import annotations

from collections.abc import Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.tiers.tables import METADATA
from tests.support.postgres import ServiceDatabase


def test_migrations_make_the_tables_the_code_declares(
    service_database: Callable[[str], ServiceDatabase],
) -> None:
    with service_database("tiers").engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
