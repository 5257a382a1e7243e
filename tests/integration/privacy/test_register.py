"""The register names every table and column of every service that says anything of a member."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest

from shared.contracts.platform import SERVICES
from shared.db.tables import PLATFORM as PLATFORM_TABLES
from shared.privacy.register import OTHERS, PLATFORM, REGISTER, TOLD, Erasure, Form, holdings_of
from tests.support.postgres import ServiceDatabase

_ALEMBIC = {"alembic_version"}


@pytest.mark.rule("M6")
@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_registered_or_declared_to_say_nothing_of_members(
    service: str, service_database: Callable[[str], ServiceDatabase]
) -> None:
    rows = service_database(service).query(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    there = {name for (name,) in rows} - _ALEMBIC
    registered = {holding.table for holding in REGISTER if holding.service == service}
    assert there - registered - OTHERS[service] - set(PLATFORM) == set()
    assert (registered | OTHERS[service]) - there == set()
    assert registered & OTHERS[service] == set()


@pytest.mark.rule("M6")
@pytest.mark.parametrize("service", SERVICES)
def test_every_column_of_a_registered_table_is_classified(
    service: str, service_database: Callable[[str], ServiceDatabase]
) -> None:
    rows = service_database(service).query(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    )
    for holding in holdings_of(service):
        there = {column for table, column in rows if table == holding.table}
        fields = [field.column for field in holding.fields]
        names = {*fields, *holding.others, *holding.whose}
        assert there == names, f"say in shared/privacy/register what {holding.table} holds"
        assert not set(fields) & set(holding.others)
        assert len(set(fields)) == len(fields)


@pytest.mark.rule("M6")
def test_every_field_is_exported_and_ends_with_its_member() -> None:
    for holding in REGISTER:
        for field in holding.fields:
            assert field.is_exported or field.form in (Form.DIGEST, Form.KEY)
            if field.form is not Form.PLAIN:  # it is sealed or hashed because it is personal
                assert field.erasure is not Erasure.KEPT, field
        rows_go = holding.having(Erasure.DELETED)
        assert not rows_go or len(rows_go) == len(holding.fields), "a row goes as a whole"
        assert holding.unexported is None or len(holding.unexported.split()) > 3


def test_free_text_about_a_member_does_not_outlive_it() -> None:
    """Whatever people write may name people."""
    told = {"note", "reason", "message", "name", "gift_message_sealed", "decision_note"}
    codes = {("tiers", "tier_history", "reason")}  # one of a fixed list
    for holding in REGISTER:
        for field in holding.fields:
            if field.column in told and (holding.service, holding.table, field.column) not in codes:
                assert field.erasure is not Erasure.KEPT, (holding.table, field.column)


def test_platform_tables_are_each_accounted_for() -> None:
    assert set(PLATFORM_TABLES.outbox.metadata.tables) <= set(PLATFORM)


def test_told_values_are_fields_of_their_events() -> None:
    for service, by_type in TOLD.items():
        modules = [
            import_module(f"shared.contracts.{service}.events"),
            import_module("shared.contracts.privacy"),
        ]
        types = {
            kind.name: kind
            for module in modules
            for kind in vars(module).values()
            if hasattr(kind, "routing_key")
        }
        for name, values in by_type.items():
            fields = types[name].schema().fields
            assert set(values) <= set(fields)
            for column, blank in values.items():
                assert blank is not None or fields[column].allow_none
