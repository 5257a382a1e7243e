"""Many members at once, set by set (A9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.errors import Busy

Key = tuple[str, str, bytes]
"""Kind, system and digest of an identifier."""
_ROW = "row"
"""Stands beside the kinds of identifiers where a rehearsal keeps what a row said."""

# Arrays, not lists of values: the plan is made for a few parameters, however many rows there are.
_OWNED = sa.text("""
SELECT i.kind, i.system, i.digest
FROM unnest(CAST(:kinds AS text[]), CAST(:systems AS text[]), CAST(:digests AS bytea[]))
    AS wanted (kind, system, digest)
JOIN identifiers i USING (kind, system, digest)
""")
_KNOWN = sa.text("""
SELECT r.row_key, r.content
FROM unnest(CAST(:row_keys AS bytea[])) AS wanted (row_key) JOIN imported_rows r USING (row_key)
""")
_REHEARSED = sa.text("""
SELECT r.kind, r.digest, r.content
FROM unnest(CAST(:kinds AS text[]), CAST(:digests AS bytea[])) AS wanted (kind, digest)
JOIN rehearsed_rows r ON r.job_id = :job_id AND r.kind = wanted.kind AND r.digest = wanted.digest
""")
_REHEARSE = sa.text("""
INSERT INTO rehearsed_rows (job_id, kind, digest, content)
SELECT :job_id, kind, digest, content
FROM unnest(CAST(:kinds AS text[]), CAST(:digests AS bytea[]), CAST(:contents AS bytea[]))
    AS r (kind, digest, content)
""")
_FORGET_REHEARSED = sa.text("""
DELETE FROM rehearsed_rows WHERE ctid = ANY (ARRAY(
    SELECT r.ctid FROM rehearsed_rows r
    WHERE NOT EXISTS (
        SELECT 1 FROM jobs j WHERE j.job_id = r.job_id AND j.status IN ('queued', 'running')
    )
    LIMIT :limit
))
""")
_ADD_MEMBERS = sa.text("""
INSERT INTO members (member_id, status, channel, data_key, profile, name_digest, enrolled_at,
    updated_at)
SELECT member_id, 'active', 'import', data_key, profile, name_digest, :now, :now
FROM unnest(CAST(:member_id AS uuid[]), CAST(:data_key AS bytea[]), CAST(:profile AS bytea[]),
    CAST(:name_digest AS bytea[])) AS r (member_id, data_key, profile, name_digest)
""")
_ADD_IDENTIFIERS = sa.text("""
WITH added AS (
    INSERT INTO identifiers (kind, system, digest, member_id, value, added_at)
    SELECT kind, '', digest, member_id, value, :now
    FROM unnest(CAST(:kind AS text[]), CAST(:digest AS bytea[]), CAST(:member_id AS uuid[]),
        CAST(:value AS bytea[])) AS r (kind, digest, member_id, value)
    ORDER BY kind, digest
    ON CONFLICT (kind, system, digest) DO NOTHING RETURNING 1
) SELECT count(*) FROM added
""")
_ADD_ROWS = sa.text("""
INSERT INTO imported_rows (row_key, content, member_id, imported_at)
SELECT row_key, content, member_id, :now
FROM unnest(CAST(:row_key AS bytea[]), CAST(:content AS bytea[]), CAST(:member_id AS uuid[]))
    AS r (row_key, content, member_id)
""")


@dataclass(slots=True)
class Seen:
    """What is known of rows: what they said, by their keys, and the identifiers in use."""

    said: dict[bytes, bytes] = field(default_factory=dict)
    used: set[Key] = field(default_factory=set)


def seen(
    connection: sa.Connection,
    row_keys: Sequence[bytes],
    keys: Sequence[Key],
    *,
    rehearsal: UUID | None = None,
) -> Seen:
    """Return which of some rows became members before, and which identifiers have an owner.

    Where a job only rehearses, what its earlier rows would have become counts likewise.
    """
    kinds, systems, digests = map(list, zip(*keys, strict=True))
    wanted = {"kinds": _array(kinds), "systems": _array(systems), "digests": _array(digests)}
    owned = connection.execute(_OWNED, wanted)
    known = connection.execute(_KNOWN, {"row_keys": _array(row_keys)})
    found = Seen(
        {bytes(key): bytes(content) for key, content in known},
        {(kind, system, bytes(digest)) for kind, system, digest in owned},
    )
    if rehearsal is not None:
        all_kinds, all_digests = [*kinds, *[_ROW] * len(row_keys)], [*digests, *row_keys]
        asked = {"kinds": _array(all_kinds), "digests": _array(all_digests), "job_id": rehearsal}
        for kind, digest, content in connection.execute(_REHEARSED, asked):
            if kind == _ROW:
                found.said[bytes(digest)] = bytes(content)
            else:
                found.used.add((kind, "", bytes(digest)))
    return found


def rehearse(connection: sa.Connection, job_id: UUID, fresh: Seen) -> None:
    """Keep what rows of a dry run would have become, for the rows after them."""
    rows: list[tuple[str, bytes, bytes | None]] = [
        *((kind, digest, None) for kind, _, digest in fresh.used),
        *((_ROW, row_key, content) for row_key, content in fresh.said.items()),
    ]
    if not rows:
        return
    kinds, digests, contents = map(list, zip(*sorted(rows, key=lambda r: r[:2]), strict=True))
    kept = {"kinds": _array(kinds), "digests": _array(digests), "contents": _array(contents)}
    connection.execute(_REHEARSE, {**kept, "job_id": job_id})


def forget_rehearsed(connection: sa.Connection, *, limit: int) -> int:
    """Delete some of what dry runs kept that are over; return how many rows."""
    return connection.execute(_FORGET_REHEARSED, {"limit": limit}).rowcount


def add_members(
    connection: sa.Connection,
    members: Sequence[Mapping[str, Any]],
    identifiers: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Insert new members with all that is theirs.

    Raises:
        Busy: somebody has enrolled with one of the identifiers since they were looked for; the
            next attempt sees that.
    """
    if not members:
        return
    connection.execute(_ADD_MEMBERS, {**_arrays(members), "now": now})
    added = connection.execute(_ADD_IDENTIFIERS, {**_arrays(identifiers), "now": now})
    if added.scalar_one() != len(identifiers):
        raise Busy
    connection.execute(_ADD_ROWS, {**_arrays(rows), "now": now})


def _arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {name: _array([row[name] for row in rows]) for name in rows[0]}


def _array(values: Iterable[bytes | str | UUID | None]) -> str:
    """Return digests, ids and words as PostgreSQL writes an array.

    One literal is read many times faster than an expression for each element.
    """
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: bytes | str | UUID | None) -> str:
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else f'"{value}"'
