"""Whether a second report of something says the same as the first."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points.domain.sales import Sale
from shared.merging import were_one


def digest_of(report: Any) -> str:
    """Return a digest of a plain value; the order of keys does not count."""
    canonical = json.dumps(report, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def sale_digest(sale: Sale) -> str:
    """Return a digest of what was reported, not of what coupons made of it."""
    lines = [
        (
            line.line_id,
            line.sku,
            line.category,
            line.brand,
            line.kind,
            line.quantity,
            line.net_minor,
        )
        for line in sale.lines
    ]
    return digest_of(
        (
            sale.sale_id,
            sale.occurred_at.isoformat(),
            sale.currency,
            sale.member_id,
            sale.store_id,
            sale.points_to_redeem,
            sale.terminal_counter,
            sale.codes_digest,
            lines,
        )
    )


def is_same_sale(
    connection: sa.Connection, sale: Sale, known_digest: str, known_member: str | None
) -> bool:
    """Return whether a sale says what was reported then of a member that is the same by now (M3).

    ``known_member`` is the id of the member that the known report was answered for.
    """
    if known_member is None or sale.member_id is None:
        return False
    whose = UUID(known_member)
    if sale_digest(replace(sale, member_id=whose)) != known_digest:
        return False
    return were_one(connection, whose, sale.member_id)
