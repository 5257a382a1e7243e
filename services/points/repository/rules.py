"""Earning rules as rows, and the book of published ones that each process keeps in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.domain.programme import LotTerms
from services.points.domain.rules import Caps, LocalTime, Rule, RuleBook, Scope, Streak, Version
from services.points.domain.rules.rule import SCOPE_SETS
from shared.contracts.base import instance_of, load
from shared.contracts.points.earning_rules import RuleDraftSchema
from shared.errors import NotFound
from shared.ids import new_id

Terms = Mapping[str, Any]
"""A rule as its author wrote it, in the form of its schema."""

_MOST_BOOKS = 8
_BOOKS: dict[UUID, RuleBook] = {}
_NO_RULES = RuleBook({})


def book(connection: sa.Connection, token: UUID | None) -> RuleBook:
    """Return the published rules; ``token`` names their state, None that there never were any.

    Each publication makes a new token, and what it names never changes. Whoever locks an account
    reads it along, so that a process asks for the rules only when it does not know them yet.
    """
    if token is None:
        return _NO_RULES
    known = _BOOKS.get(token)
    if known is None:
        token, known = _load(connection)
        if len(_BOOKS) >= _MOST_BOOKS:
            _BOOKS.clear()
        _BOOKS[token] = known
    return known


def current_book(connection: sa.Connection) -> RuleBook:
    """Return the published rules where no account tells which these are."""
    return book(connection, connection.execute(sa.select(tables.rule_book.c.token)).scalar())


def load_book(connection: sa.Connection) -> RuleBook:
    """Return the published rules as this transaction sees them."""
    return _load(connection)[1]


def _load(connection: sa.Connection) -> tuple[UUID, RuleBook]:
    published, rules, state = tables.earning_rule_versions, tables.earning_rules, tables.rule_book
    statement = (
        sa.select(published, rules.c.retired_at, state.c.token)
        .select_from(state)
        .join(published, sa.true(), isouter=True)
        .join(rules, rules.c.rule_id == published.c.rule_id, isouter=True)
    )
    rows = connection.execute(statement).all()
    return rows[0].token, RuleBook.of(version_of(row) for row in rows if row.rule_id)


def renew_book(connection: sa.Connection) -> None:
    """Say that the published rules have changed; publications happen one after the other."""
    fresh = insert(tables.rule_book).values(singleton=True, token=new_id())
    connection.execute(
        fresh.on_conflict_do_update(
            index_elements=["singleton"], set_={"token": fresh.excluded.token}
        )
    )


def version_of(row: Any) -> Version:
    """Return a published version as the domain sees it."""
    rule = rule_of(row.terms, str(row.rule_id), row.version)
    return Version(rule, row.effective_from, row.retired_at)


def rule_of(terms: Terms, rule_id: str, version: int) -> Rule:
    """Return the rule that terms in wire form state."""
    return drafted(load(RuleDraftSchema, terms), rule_id, version)


def drafted(draft: Mapping[str, Any], rule_id: str, version: int) -> Rule:
    """Return the rule that a loaded draft states."""
    copied = ("name", "kind", "points", "threshold_minor", "activity", "stackable", "pending_days",
              "valid_from", "valid_until")  # fmt: skip
    return Rule(
        rule_id=rule_id,
        version=version,
        **{name: draft[name] for name in copied},
        scope=_scope(draft["scope"]),
        value=None if draft["value"] is None else Fraction(draft["value"]),
        streak=draft["streak"] and Streak(**draft["streak"]),
        lot=draft["lot"] and LotTerms(**draft["lot"]),
        caps=Caps(**draft["caps"]),
    )


def _scope(given: Mapping[str, Any]) -> Scope:
    window = given.get("local_time")
    sets: dict[str, Any] = {name: frozenset(given[name]) for name in SCOPE_SETS if name in given}
    return Scope(
        **sets,
        first_purchase=given.get("first_purchase", False),
        birthday_month=given.get("birthday_month", False),
        local_time=window and LocalTime(_minute(window["starts_at"]), _minute(window["ends_at"])),
    )


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def terms_of(draft: Mapping[str, Any]) -> dict[str, Any]:
    """Return a loaded draft, or a part of one, in wire form."""
    terms: dict[str, Any] = instance_of(RuleDraftSchema).dump(draft)
    return terms


def store(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Insert a new rule."""
    connection.execute(sa.insert(tables.earning_rules).values(row))


def get(connection: sa.Connection, rule_id: UUID, *, lock: bool = False) -> Any:
    """Return a rule's row.

    Raises:
        NotFound: there is none.
    """
    statement = sa.select(tables.earning_rules).filter_by(rule_id=rule_id)
    if lock:
        statement = statement.with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound
    return row


def change(connection: sa.Connection, rule_id: UUID, **values: Any) -> None:
    """Change a locked rule; its versions stay as they are."""
    connection.execute(
        sa.update(tables.earning_rules)
        .where(tables.earning_rules.c.rule_id == rule_id)
        .values(values)
    )


def append_version(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Add a version to a rule."""
    connection.execute(sa.insert(tables.earning_rule_versions).values(row))


def versions(connection: sa.Connection, rule_id: UUID) -> list[Any]:
    """Return a rule's versions, the newest first."""
    rows = tables.earning_rule_versions
    statement = sa.select(rows).where(rows.c.rule_id == rule_id).order_by(rows.c.version.desc())
    return list(connection.execute(statement))


def body(row: Any, published: Sequence[Any] | None = None) -> dict[str, Any]:
    """Return a rule's row, and its versions where wanted, in the shape of its schema."""
    copied = ("rule_id", "status", "version", "has_changes", "effective_from", "retired_at",
              "created_at", "updated_at")  # fmt: skip
    whole = {**load(RuleDraftSchema, row.terms), **{name: getattr(row, name) for name in copied}}
    if published is None:
        return whole
    told = ("version", "effective_from", "published_at", "published_by")
    history = [
        {**{name: getattr(each, name) for name in told}, "terms": load(RuleDraftSchema, each.terms)}
        for each in published
    ]
    return {**whole, "versions": history}


def time_zones(connection: sa.Connection, store_ids: set[str]) -> dict[str, str]:
    """Return the time zones of those of some stores that are known."""
    if not store_ids:
        return {}
    stores = tables.stores
    statement = sa.select(stores.c.store_id, stores.c.time_zone).where(
        stores.c.store_id == sa.any_(sa.literal(sorted(store_ids), _TEXTS))
    )
    return {row.store_id: row.time_zone for row in connection.execute(statement)}


_TEXTS = sa.dialects.postgresql.ARRAY(sa.Text)


def floored(instant: datetime) -> datetime:
    """Return the whole second an instant is in: as fine as most tills tell the time.

    A rule published "now" shall be good for a sale that a till dates to this very second.
    """
    return instant.replace(microsecond=0)
