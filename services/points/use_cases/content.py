"""Whether a second report of something says the same as the first."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from services.points.domain.sales import Sale


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
