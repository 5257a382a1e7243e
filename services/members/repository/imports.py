"""Many members at once, set by set (A9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.errors import Busy

Key = tuple[str, str, bytes]
"""Kind, system and digest of an identifier."""

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


def imported(connection: sa.Connection, row_keys: Collection[bytes]) -> dict[bytes, bytes]:
    """Return what rows said that were imported before, by their keys."""
    rows = connection.execute(_KNOWN, {"row_keys": list(row_keys)})
    return {bytes(key): bytes(content) for key, content in rows}


def owned(connection: sa.Connection, keys: Collection[Key]) -> set[Key]:
    """Return which of some identifiers have an owner."""
    kinds, systems, digests = map(list, zip(*keys, strict=True))
    wanted = {"kinds": kinds, "systems": systems, "digests": digests}
    found = connection.execute(_OWNED, wanted)
    return {(kind, system, bytes(digest)) for kind, system, digest in found}


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


def _arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {
        name: [str(row[name]) if name == "member_id" else row[name] for row in rows]
        for name in rows[0]
    }
