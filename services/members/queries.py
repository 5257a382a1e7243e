"""Reads of the members service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from services.members import domain, tables, views
from services.members.domain import Identifier
from services.members.tables import consents, identifiers, members, standing_changes
from services.members.vault import Vault, open_reason
from shared import phones
from shared.db import Snapshot
from shared.errors import FieldError, Invalid, NotFound
from shared.errors.members import MemberNotFound

MAX_LIMIT = 200
_PRESENT = members.c.status != "erased"


def member(snapshot: Snapshot, *, vault: Vault, member_id: UUID) -> dict[str, Any]:
    """Return one member, masked unless it asks itself (M7); raises `NotFound`."""
    found = _load(snapshot.connection, sa.select(members).where(members.c.member_id == member_id))
    if not found:
        raise NotFound
    return _views(snapshot, vault, found)[0]


def status(snapshot: Snapshot, *, member_id: UUID) -> dict[str, Any]:
    """Return that the member exists and how it stands; raises `NotFound`."""
    statement = sa.select(members.c.member_id, members.c.status, members.c.enrolled_at)
    row = snapshot.connection.execute(
        statement.where(members.c.member_id == member_id, _PRESENT)
    ).one_or_none()
    if row is None:
        raise NotFound
    return dict(row._mapping)


def lookup(
    snapshot: Snapshot, *, vault: Vault, type: str, value: str, system: str | None
) -> dict[str, Any]:
    """Return who a reference is, masked.

    Raises:
        MemberNotFound: nobody.
        Invalid: the value is no phone number though it is said to be one.
    """
    reference = {"type": type, "value": value, "system": system}
    member_id = _owners(snapshot.connection, vault, [reference])[0]
    if member_id is None:
        raise MemberNotFound
    statement = (
        sa.select(members, identifiers.c.value.label("phone"))
        .join(identifiers, identifiers.c.member_id == members.c.member_id)
        .where(members.c.member_id == member_id, _PRESENT, identifiers.c.kind == domain.PHONE)
    )
    row = snapshot.connection.execute(statement).one_or_none()
    if row is None:
        raise MemberNotFound
    return views.identity_view(vault, row, row.phone)


def lookup_many(
    snapshot: Snapshot, *, vault: Vault, references: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return, for each reference in order, whether it leads to a member, which, and its status."""
    owners = _owners(snapshot.connection, vault, references, tolerant=True)
    statement = sa.select(members.c.member_id, members.c.status).where(
        members.c.member_id.in_({owner for owner in owners if owner is not None}), _PRESENT
    )
    statuses = {row.member_id: row.status for row in snapshot.connection.execute(statement)}
    results = []
    for owner in owners:
        found = owner in statuses
        results.append(
            {
                "found": found,
                "member_id": owner if found else None,
                "status": statuses[owner] if found and owner else None,
            }
        )
    return {"results": results}


def search(
    snapshot: Snapshot,
    *,
    vault: Vault,
    limit: int,
    after: Mapping[str, Any] | None,
    **criterion: str,
) -> dict[str, Any]:
    """Return a page of members that match the one criterion exactly, newest first."""
    statement = sa.select(members).order_by(members.c.member_id.desc())
    for field, value in criterion.items():
        statement = statement.where(_matches(vault, field, value))
    if after is not None:
        statement = statement.where(members.c.member_id < UUID(after["member_id"]))
    limit = min(limit, MAX_LIMIT)
    found = _load(snapshot.connection, statement.limit(limit + 1))
    page = found[:limit]
    following = {"member_id": str(page[-1].member_id)} if len(found) > limit else None
    return {"items": _views(snapshot, vault, page), "next": following}


def consents_of(connection: sa.Connection, member_id: UUID) -> list[dict[str, Any]]:
    """Return the member's latest word on each purpose and channel (M5)."""
    return [dict(row._mapping) for row in connection.execute(_latest_consents([member_id]))]


def consent_history(
    snapshot: Snapshot, *, member_id: UUID, limit: int, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of all the member ever said, newest first; raises `NotFound` (M5)."""
    status(snapshot, member_id=member_id)
    statement = sa.select(consents).where(consents.c.member_id == member_id)
    return _history(snapshot, statement, consents.c.consent_id, limit, after)


def standing_history(
    snapshot: Snapshot,
    *,
    vault: Vault,
    member_id: UUID,
    limit: int,
    after: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return a page of who froze, closed or opened the account, newest first.

    Raises:
        NotFound: no such member.
    """
    status(snapshot, member_id=member_id)
    wrapped = sa.select(members.c.data_key).where(members.c.member_id == member_id)
    key = vault.master.unwrap(snapshot.connection.execute(wrapped).scalar_one())
    statement = sa.select(standing_changes).where(standing_changes.c.member_id == member_id)
    page = _history(snapshot, statement, standing_changes.c.change_id, limit, after)
    items = [{**item, "reason": open_reason(key, item["reason"])} for item in page["items"]]
    return {**page, "items": items}


def _history(
    snapshot: Snapshot,
    statement: sa.Select[Any],
    key: sa.Column[Any],
    limit: int,
    after: Mapping[str, Any] | None,
) -> dict[str, Any]:
    if after is not None:
        statement = statement.where(key < UUID(after["id"]))
    limit = min(limit, MAX_LIMIT)
    newest_first = statement.order_by(key.desc()).limit(limit + 1)
    rows = snapshot.connection.execute(newest_first).mappings().all()
    items = [dict(row) for row in rows[:limit]]
    return {
        "items": items,
        "next": {"id": str(items[-1][key.name])} if len(rows) > limit else None,
    }


def views_of(
    connection: sa.Connection, vault: Vault, rows: Sequence[sa.Row[Any]], personal: set[UUID]
) -> list[dict[str, Any]]:
    """Return members with their identifiers and consents; only ``personal`` ones unmasked."""
    ids = [row.member_id for row in rows]
    owned = _by_member(
        connection.execute(
            sa.select(identifiers)
            .where(identifiers.c.member_id.in_(ids), identifiers.c.blocked_at.is_(None))
            .order_by(identifiers.c.added_at, identifiers.c.kind, identifiers.c.digest)
        )
    )
    given = _by_member(connection.execute(_latest_consents(ids)))
    return [
        views.member_view(
            vault,
            row,
            identifiers=owned[row.member_id],
            consents=given[row.member_id],
            personal=row.member_id in personal,
        )
        for row in rows
    ]


def _views(snapshot: Snapshot, vault: Vault, rows: Sequence[sa.Row[Any]]) -> list[dict[str, Any]]:
    own = {row.member_id for row in rows if views.sees_all(snapshot.actor, row.member_id)}
    return views_of(snapshot.connection, vault, rows, own)


def _load(connection: sa.Connection, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    return connection.execute(statement.where(_PRESENT)).all()


def _latest_consents(ids: list[UUID]) -> sa.Select[Any]:
    place = (consents.c.member_id, consents.c.purpose, consents.c.channel)
    return (
        sa.select(
            *place, consents.c.granted, consents.c.policy_version, consents.c.at, consents.c.proof
        )
        .ext(distinct_on(*place))
        .where(consents.c.member_id.in_(ids))
        .order_by(*place, consents.c.at.desc(), consents.c.consent_id.desc())
    )


def _by_member(rows: Iterable[sa.Row[Any]]) -> defaultdict[UUID, list[sa.Row[Any]]]:
    grouped: defaultdict[UUID, list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.member_id].append(row)
    return grouped


def _matches(vault: Vault, field: str, value: str) -> sa.ColumnElement[bool]:
    if field == "name":
        return members.c.name_digest == vault.name_digest(domain.comparable_name(value))
    kind = domain.CARD if field == "card_number" else field
    wanted = _comparable(kind, value, None, field=field)
    owner = sa.select(identifiers.c.member_id).where(
        identifiers.c.kind == wanted.kind,
        identifiers.c.system == "",
        identifiers.c.digest == vault.digest(wanted),
    )
    return members.c.member_id.in_(owner)


def _owners(
    connection: sa.Connection,
    vault: Vault,
    references: Sequence[Mapping[str, Any]],
    *,
    tolerant: bool = False,
) -> list[UUID | None]:
    """Return the owner of each reference; a ``tolerant`` caller takes a bad phone for nobody's."""
    keys = [_key(vault, reference, tolerant=tolerant) for reference in references]
    wanted = {key for key in keys if isinstance(key, tuple)}
    columns = sa.tuple_(identifiers.c.kind, identifiers.c.system, identifiers.c.digest)
    rows = (
        connection.execute(
            sa.select(
                identifiers.c.kind,
                identifiers.c.system,
                identifiers.c.digest,
                identifiers.c.member_id,
            ).where(columns.in_(sorted(wanted)), identifiers.c.blocked_at.is_(None))
        )
        if wanted
        else ()
    )
    owners = {(row.kind, row.system, bytes(row.digest)): row.member_id for row in rows}
    return [owners.get(key) if isinstance(key, tuple) else key for key in keys]


def _key(
    vault: Vault, reference: Mapping[str, Any], *, tolerant: bool
) -> tuple[str, str, bytes] | UUID | None:
    """Return the primary key of an identifier, or the member id itself where that was given."""
    kind, value = reference["type"], reference["value"]
    try:
        if kind == "member_id":
            return UUID(value)
        wanted = _comparable(kind, value, reference["system"], field="value")
    except ValueError:
        return None
    except Invalid:
        if not tolerant:
            raise
        return None
    return wanted.kind, wanted.system, vault.digest(wanted)


def _comparable(kind: str, value: str, system: str | None, *, field: str) -> Identifier:
    if kind == domain.PHONE:
        return Identifier(kind, phones.normalise(value, field=field))
    if kind == domain.EMAIL:
        return Identifier(kind, domain.comparable_email(value))
    if kind == domain.CARD:
        return Identifier(kind, domain.comparable_card(value))
    if system is None:
        raise Invalid(errors=[FieldError("system", "required", "Name the other system.")])
    return Identifier(domain.EXTERNAL, value, system)


def household(snapshot: Snapshot, *, vault: Vault, household_id: UUID) -> dict[str, Any]:
    """Return a household; members see the one they belong to (L10).

    Raises:
        NotFound: there is none that the caller may see.
    """
    statement = _visible_households(snapshot).where(
        tables.households.c.household_id == household_id
    )
    rows = snapshot.connection.execute(statement).all()
    if not rows:
        raise NotFound
    return _households(snapshot, vault, rows)[0]


def households(
    snapshot: Snapshot,
    *,
    vault: Vault,
    limit: int,
    after: Mapping[str, Any] | None,
    member_id: UUID | None = None,
) -> dict[str, Any]:
    """Return a page of the households that the caller may see, newest first."""
    table, belongs = tables.households, tables.household_members
    statement = _visible_households(snapshot).order_by(table.c.household_id.desc())
    if member_id is not None:
        theirs = sa.select(belongs.c.household_id).where(belongs.c.member_id == member_id)
        statement = statement.where(table.c.household_id.in_(theirs))
    if after is not None:
        statement = statement.where(table.c.household_id < UUID(after["household_id"]))
    limit = min(limit, MAX_LIMIT)
    rows = snapshot.connection.execute(statement.limit(limit + 1)).all()
    page = rows[:limit]
    following = {"household_id": str(page[-1].household_id)} if len(rows) > limit else None
    return {"items": _households(snapshot, vault, page), "next": following}


def _visible_households(snapshot: Snapshot) -> sa.Select[Any]:
    statement = sa.select(tables.households)
    if snapshot.actor.kind == "staff":
        return statement
    belongs = tables.household_members
    own = sa.select(belongs.c.household_id).where(belongs.c.member_id == UUID(snapshot.actor.id))
    return statement.where(tables.households.c.household_id.in_(own))


def _households(
    snapshot: Snapshot, vault: Vault, rows: Sequence[sa.Row[Any]]
) -> list[dict[str, Any]]:
    ids = [row.household_id for row in rows]
    belongs, asked = tables.household_members, tables.household_invitations
    theirs = snapshot.connection.execute(
        sa.select(belongs)
        .where(belongs.c.household_id.in_(ids))
        .order_by(belongs.c.joined_at, belongs.c.member_id)
    ).all()
    invited = snapshot.connection.execute(
        sa.select(asked)
        .where(asked.c.household_id.in_(ids), asked.c.expires_at > snapshot.now)
        .order_by(asked.c.expires_at, asked.c.member_id)
    ).all()
    return [
        views.household_view(
            vault,
            row,
            members=[each for each in theirs if each.household_id == row.household_id],
            invitations=[each for each in invited if each.household_id == row.household_id],
            actor=snapshot.actor,
        )
        for row in rows
    ]


def left_household(snapshot: Snapshot, *, household_id: UUID) -> dict[str, Any]:
    """Return what somebody still learns of a household it has just left: next to nothing."""
    table = tables.households
    row = snapshot.connection.execute(
        sa.select(table).where(table.c.household_id == household_id)
    ).one()
    return {
        "household_id": household_id,
        "name": None,
        "status": "active" if row.closed_at is None else "closed",
        "owner_member_id": None,
        "members": [],
        "invitations": [],
        "created_at": row.created_at,
    }
