"""Codes made ahead, for nobody in particular: many rows at once, numbered in order (C9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.coupons.tables import code_pools, coupons

# A COPY would be faster still, but the driver knows none under green threads.
_INSERT = sa.text(
    "INSERT INTO coupons (coupon_id, campaign_id, version, status, free_status, code_digest,"
    " code_sealed, code_hint, valid_from, valid_until, issued_at, updated_at, notices, code_no)"
    " SELECT m.coupon_id, CAST(:campaign_id AS uuid), :version, 'issued', 'issued', m.code_digest,"
    " m.code_sealed, m.code_hint, :valid_from, :valid_until, :now, :now, 0, m.code_no"
    " FROM unnest(CAST(:coupon_ids AS uuid[]), CAST(:digests AS bytea[]),"
    " CAST(:sealed AS bytea[]), CAST(:hints AS text[]), CAST(:numbers AS bigint[]))"
    " AS m (coupon_id, code_digest, code_sealed, code_hint, code_no)"
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
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
) -> set[int]:
    """Store codes; returns the numbers of those that were new.

    Args:
        connection: In a transaction that has locked the pool.
        shared: ``campaign_id``, ``version``, ``valid_from``, ``valid_until`` of all of them.
        rows: ``coupon_id``, ``code_digest``, ``code_sealed``, ``code_hint``, ``code_no`` of each.
        now: When they are made.
    """
    arrays = {
        "coupon_ids": [str(row["coupon_id"]) for row in rows],
        "digests": [row["code_digest"] for row in rows],
        "sealed": [row["code_sealed"] for row in rows],
        "hints": [row["code_hint"] for row in rows],
        "numbers": [row["code_no"] for row in rows],
    }
    bound = {**shared, "campaign_id": str(shared["campaign_id"]), "now": now, **arrays}
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
