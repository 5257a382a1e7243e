"""Codes made ahead, for nobody in particular: many rows at once, numbered in order (C9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.coupons.codes import StoredCode
from services.coupons.tables import code_pools, coupons

# A COPY would be faster still, but the driver knows none under green threads. The columns come as
# text to be split: of an array the server would parse each element as an expression.
_INSERT = sa.text(
    "INSERT INTO coupons (coupon_id, campaign_id, version, status, free_status, code_digest,"
    " code_sealed, code_hint, valid_from, valid_until, issued_at, updated_at, notices, code_no)"
    " SELECT CAST(m.coupon_id AS uuid), CAST(:campaign_id AS uuid), :version, 'issued', 'issued',"
    " decode(m.code_digest, 'hex'), decode(m.code_sealed, 'hex'), m.code_hint, :valid_from,"
    " :valid_until, :now, :now, 0, CAST(m.code_no AS bigint)"
    " FROM unnest(string_to_array(:numbers, ','), string_to_array(:coupon_ids, ','),"
    " string_to_array(:digests, ','), string_to_array(:sealed, ','), string_to_array(:hints, ','))"
    " AS m (code_no, coupon_id, code_digest, code_sealed, code_hint)"
    " ON CONFLICT (code_digest) DO NOTHING RETURNING coupons.code_no"
)


def number(connection: sa.Connection, campaign_id: UUID, count: int) -> int:
    """Take ``count`` numbers for new codes, locking the pool; returns the one before the first.

    Under the lock codes are committed in the order of their numbers.
    """
    new = insert(code_pools).values(campaign_id=campaign_id, made=count, exported=0)
    made: int = connection.execute(
        new.on_conflict_do_update(
            index_elements=["campaign_id"], set_={"made": code_pools.c.made + count}
        ).returning(code_pools.c.made)
    ).scalar_one()
    return made - count


def add(
    connection: sa.Connection,
    shared: Mapping[str, Any],
    numbered: Mapping[int, StoredCode],
    now: datetime,
) -> set[int]:
    """Store codes; returns the numbers of those that were new.

    Args:
        connection: In a transaction that has locked the pool.
        shared: ``campaign_id``, ``version``, ``valid_from``, ``valid_until`` of all of them.
        numbered: The codes by their place in the pool.
        now: When they are made.
    """
    columns = {
        "numbers": ",".join(map(str, numbered)),
        "coupon_ids": ",".join(code.coupon_id.hex for code in numbered.values()),
        "digests": ",".join(code.code_digest.hex() for code in numbered.values()),
        "sealed": ",".join(code.code_sealed.hex() for code in numbered.values()),
        "hints": ",".join(code.code_hint for code in numbered.values()),
    }
    bound = {**shared, "campaign_id": str(shared["campaign_id"]), "now": now, **columns}
    return set(connection.execute(_INSERT, bound).scalars())


def exported(connection: sa.Connection, campaign_id: UUID, *, seen: int) -> int:
    """Note that codes up to ``seen`` have arrived, and return up to which all have before."""
    statement = sa.select(code_pools).filter_by(campaign_id=campaign_id).with_for_update()
    pool = connection.execute(statement).one_or_none()
    if pool is None:
        return 0
    if pool.exported < seen <= pool.made:
        moved = sa.update(code_pools).filter_by(campaign_id=campaign_id).values(exported=seen)
        connection.execute(moved)
    before: int = pool.exported
    return before


def page(
    connection: sa.Connection, campaign_id: UUID, *, after: int, limit: int
) -> list[sa.RowMapping]:
    """Return the codes with numbers above ``after``, in their order."""
    statement = (
        sa.select(coupons)
        .where(coupons.c.campaign_id == campaign_id, coupons.c.code_no > after)
        .order_by(coupons.c.code_no)
        .limit(limit)
    )
    return list(connection.execute(statement).mappings())
