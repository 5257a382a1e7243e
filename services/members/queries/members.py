"""Who the members are, and whose an identifier is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from services.members import domain, views
from services.members.domain import Identifier
from services.members.queries.codes import read_code
from services.members.queries.merges import survivor, survivors
from services.members.tables import consents, identifiers, members
from services.members.vault import Vault
from shared import phones
from shared.db import Snapshot
from shared.errors import FieldError, Invalid, NotFound
from shared.errors.members import CodeExpired, CodeInvalid, MemberNotFound

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
        CodeExpired, CodeInvalid: the rotating code does not count (M2).
        Invalid: the value is no phone number though it is said to be one.
    """
    if type == domain.CODE:
        read = read_code(snapshot, vault=vault, value=value, at=snapshot.now)
        if read.refusal is not None:
            raise CodeExpired if read.refusal == domain.CODE_EXPIRED else CodeInvalid
        member_id = read.member_id
    else:
        reference = {"type": type, "value": value, "system": system}
        member_id = _owners(snapshot, vault, [reference])[0]
    if member_id is None:
        raise MemberNotFound
    member_id = survivor(snapshot.connection, member_id)
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
    """Return, for each reference in order, whether it leads to a member, which, and its status.

    Whoever knows the id of somebody forgotten is told so: there is a status, and no member.
    """
    owners = _owners(snapshot, vault, references, tolerant=True)
    wanted = {owner for owner in owners if owner is not None}
    statuses = _statuses(snapshot.connection, wanted)
    merged = {owner for owner, status in statuses.items() if status == domain.MERGED}
    if merged:
        now = survivors(snapshot.connection, merged)
        owners = [owner and now.get(owner, owner) for owner in owners]
        statuses |= _statuses(snapshot.connection, now.values())
    results = []
    for owner in owners:
        status = None if owner is None else statuses.get(owner)
        found = status not in (None, domain.ERASED)
        results.append({"found": found, "member_id": owner if found else None, "status": status})
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
        statement = statement.where(_matches(snapshot.connection, vault, field, value))
    if after is not None:
        statement = statement.where(members.c.member_id < UUID(after["member_id"]))
    limit = min(limit, MAX_LIMIT)
    found = _load(snapshot.connection, statement.limit(limit + 1))
    page = found[:limit]
    following = {"member_id": str(page[-1].member_id)} if len(found) > limit else None
    return {"items": _views(snapshot, vault, page), "next": following}


def members_after(
    connection: sa.Connection, after: UUID | None, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return members in the order of their ids; those that are forgotten are left out."""
    statement = sa.select(members).where(_PRESENT)
    if after is not None:
        statement = statement.where(members.c.member_id > after)
    return connection.execute(statement.order_by(members.c.member_id).limit(limit)).all()


def count_members(connection: sa.Connection) -> int:
    """Return how many there are."""
    every = sa.select(sa.func.count()).select_from(members).where(_PRESENT)
    return int(connection.execute(every).scalar_one())


def consents_of(connection: sa.Connection, member_id: UUID) -> list[dict[str, Any]]:
    """Return the member's latest word on each purpose and channel (M5)."""
    return [dict(row._mapping) for row in connection.execute(_latest_consents([member_id]))]


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


def _by_member(rows: Iterable[sa.Row[Any]]) -> defaultdict[UUID, list[sa.Row[Any]]]:
    grouped: defaultdict[UUID, list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.member_id].append(row)
    return grouped


def _statuses(connection: sa.Connection, ids: Iterable[UUID]) -> dict[UUID, str]:
    statement = sa.select(members.c.member_id, members.c.status)
    rows = connection.execute(statement.where(members.c.member_id.in_(set(ids))))
    return {row.member_id: row.status for row in rows}


def _matches(
    connection: sa.Connection, vault: Vault, field: str, value: str
) -> sa.ColumnElement[bool]:
    if field == "name":
        return members.c.name_digest == vault.name_digest(domain.comparable_name(value))
    kind = domain.CARD if field == "card_number" else field
    wanted = _comparable(kind, value, None, field=field)
    owner = sa.select(identifiers.c.member_id).where(
        identifiers.c.kind == wanted.kind,
        identifiers.c.system == "",
        identifiers.c.digest == vault.digest(wanted),
    )
    found = connection.execute(owner).scalar()
    return (
        members.c.member_id == found
        if found is None
        else members.c.member_id == survivor(connection, found)
    )


def _owners(
    snapshot: Snapshot,
    vault: Vault,
    references: Sequence[Mapping[str, Any]],
    *,
    tolerant: bool = False,
) -> list[UUID | None]:
    """Return the owner of each reference; a ``tolerant`` caller takes a bad phone for nobody's."""
    keys = [_key(snapshot, vault, reference, tolerant=tolerant) for reference in references]
    wanted = {key for key in keys if isinstance(key, tuple)}
    columns = sa.tuple_(identifiers.c.kind, identifiers.c.system, identifiers.c.digest)
    rows = (
        snapshot.connection.execute(
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
    snapshot: Snapshot, vault: Vault, reference: Mapping[str, Any], *, tolerant: bool
) -> tuple[str, str, bytes] | UUID | None:
    """Return the primary key of an identifier, or the member id itself where that was given."""
    kind, value = reference["type"], reference["value"]
    try:
        if kind == "member_id":
            return UUID(value)
        if kind == domain.CODE:
            read = read_code(snapshot, vault=vault, value=value, at=snapshot.now)
            return None if read.refusal else read.member_id
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
