"""The database keeps the journal, whatever the code does (L1)."""

from __future__ import annotations

from uuid import uuid4

import psycopg2
import pytest
import sqlalchemy as sa

from tests.integration.points.desk import Desk

JOURNAL = ("transactions", "postings", "lot_entries")
CHANGES = {
    "transactions": "UPDATE transactions SET points = points",
    "postings": "UPDATE postings SET points = points",
    "lot_entries": "UPDATE lot_entries SET points = points",
}


def refused_as(url: str, statement: str) -> type[BaseException] | None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        return type(error.orig) if error.orig else None
    return None


@pytest.mark.rule("L1")
@pytest.mark.parametrize("table", JOURNAL)
@pytest.mark.parametrize("act", ["update", "delete", "truncate"])
def test_journal_is_append_only_for_the_service_and_its_owner(
    desk: Desk, table: str, act: str
) -> None:
    desk.sell(1000, member=uuid4())
    statement = {
        "update": CHANGES[table],
        "delete": f"DELETE FROM {table}",  # noqa: S608
        "truncate": f"TRUNCATE {table} CASCADE",
    }[act]
    url = desk.database
    assert refused_as(url.url, statement) is psycopg2.errors.InsufficientPrivilege
    assert refused_as(url.owner_url, statement) is psycopg2.errors.RestrictViolation
    assert refused_as(url.admin_url, statement) is psycopg2.errors.RestrictViolation


@pytest.mark.rule("L1")
@pytest.mark.parametrize(
    "posting",
    [
        "'available', 'available', 5",
        "'available', 'redeemed', 0",
        "'available', 'redeemed', -5",
        "'available', 'bank', 5",
        "'bank', 'available', 5",
    ],
)
def test_posting_must_move_points_between_known_accounts(desk: Desk, posting: str) -> None:
    member = uuid4()
    desk.sell(1000, member=member)
    columns = "member_id, number, seq, debit, credit, points"
    statement = f"INSERT INTO postings ({columns}) VALUES ('{member}', 1, 9, {posting})"  # noqa: S608
    assert refused_as(desk.database.url, statement) is psycopg2.errors.CheckViolation


@pytest.mark.rule("L6")
@pytest.mark.parametrize("balance", ["available", "pending", "held", "debt"])
def test_balance_below_zero_is_impossible(desk: Desk, balance: str) -> None:
    desk.sell(1000, member=uuid4())
    statement = f"UPDATE accounts SET {balance} = -1, adjusted = {balance} - adjusted - 1"  # noqa: S608
    assert refused_as(desk.database.admin_url, statement) is psycopg2.errors.CheckViolation


@pytest.mark.rule("L7")
def test_second_award_of_the_same_thing_is_impossible(desk: Desk) -> None:
    desk.sell(1000, member=uuid4(), sale_id="s1")
    columns = desk.database.query(
        "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM"
        " information_schema.columns WHERE table_name = 'transactions'"
    )[0][0]
    values = columns.replace("number", "99", 1)
    statement = f"INSERT INTO transactions ({columns}) SELECT {values} FROM transactions"  # noqa: S608
    assert refused_as(desk.database.url, statement) is psycopg2.errors.UniqueViolation
