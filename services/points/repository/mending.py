"""Caches set right from the journal, which is never touched (L2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.points.verification import FIGURES, SUMS

_MEMBERS = sa.bindparam("members", type_=ARRAY(sa.Uuid(as_uuid=True)))
_LOTS = sa.text("""
WITH said AS (
    SELECT l.member_id, l.lot_id, coalesce(entered.points, 0) AS remaining,
        EXISTS (
            SELECT FROM postings p
            WHERE p.member_id = l.member_id AND p.number = l.number AND p.credit = 'pending'
        ) AND NOT EXISTS (
            SELECT FROM transactions t
            WHERE t.reference_id = l.lot_id::text AND t.reference_kind = 'lot'
                AND t.type = 'activate' AND t.member_id = l.member_id
        ) AS is_pending
    FROM lots l LEFT JOIN (
        SELECT member_id, lot_id, sum(points)::bigint AS points
        FROM lot_entries WHERE member_id = ANY (:members) GROUP BY member_id, lot_id
    ) entered USING (member_id, lot_id)
    WHERE l.member_id = ANY (:members)
)
UPDATE lots SET remaining = said.remaining, is_pending = said.is_pending FROM said
WHERE lots.member_id = said.member_id AND lots.lot_id = said.lot_id
    AND (lots.remaining, lots.is_pending) <> (said.remaining, said.is_pending)
    AND said.remaining BETWEEN 0 AND lots.points
""").bindparams(_MEMBERS)
_SET = ", ".join(f"{figure} = said.posted_{figure}" for figure in FIGURES)
_LEAST = ", ".join(f"said.posted_{figure}" for figure in FIGURES if figure != "adjusted")
# Names of our own columns only.
_ACCOUNTS_SQL = f"""
UPDATE accounts SET {_SET}, last_number = said.last, next_lapse_at = :now
FROM (
    SELECT * FROM unnest(:members) AS wrong (member_id)
    CROSS JOIN LATERAL (SELECT {SUMS} FROM postings WHERE member_id = wrong.member_id) p
    CROSS JOIN LATERAL (
        SELECT coalesce(max(number), 0) AS last FROM transactions
        WHERE member_id = wrong.member_id
    ) t
) said
WHERE accounts.member_id = said.member_id AND least({_LEAST}) >= 0
"""  # noqa: S608
_ACCOUNTS = sa.text(_ACCOUNTS_SQL).bindparams(_MEMBERS)


def mend(connection: sa.Connection, members: Sequence[UUID], now: datetime) -> None:
    """Set lots and figures of locked accounts to what the journal says.

    What the journal says that no account or lot may be, such as a balance below zero, stays as it
    is. When something is due next is found out by whoever looks first, since that is now.
    """
    connection.execute(_LOTS, {"members": list(members)})
    connection.execute(_ACCOUNTS, {"members": list(members), "now": now})
