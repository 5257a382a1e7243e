"""Sales, returns and checkouts: found, and locked, before they are judged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.points import tables
from services.points.domain.returns import SoldLine
from services.points.domain.sales import EARNING_KIND
from shared.calls import Actor

_TEXTS = sa.dialects.postgresql.ARRAY(sa.Text)
_NUMBERS = sa.dialects.postgresql.ARRAY(sa.BigInteger)
MOST_COUNTED = 1_000_000
OPEN, COMPLETED, CANCELLED, EXPIRED = "open", "completed", "cancelled", "expired"


@dataclass(frozen=True, slots=True)
class KnownSale:
    """A sale that was recorded before."""

    sale_id: str
    content_hash: str
    answer: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """An order's checkout, locked."""

    order_id: str
    member_id: UUID | None
    status: str
    attempt: int
    digest: str
    opened_by: str
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
    promise: dict[str, Any] | None = None
    """What it was promised and what it earns; None where a till's sale comes in one call."""
    hold_id: UUID | None = None
    ready_at: datetime | None = None
    reason_code: str | None = None
    past_digests: list[str] | None = None

    def is_business_of(self, actor: Actor) -> bool:
        """Return whether somebody may see it as a shop's order: a shop or a till its own."""
        return self.promise is not None and (
            actor.kind not in ("shop", "terminal") or actor.key == self.opened_by
        )

    def status_at(self, now: datetime) -> str:
        """Return how it stands, however late the sweep is."""
        return EXPIRED if self.status == OPEN and self.expires_at <= now else self.status

    @property
    def was_answered(self) -> bool:
        """Return whether somebody has heard of it: the same request does not open it again."""
        return self.ready_at is not None or self.reason_code is not None

    def is_open_at(self, now: datetime) -> bool:
        """Return whether it may still become a sale, however late the sweep is."""
        return self.status == OPEN and now < self.expires_at


_CHECKOUT = [tables.checkouts.c[name] for name in Checkout.__dataclass_fields__]


def known_sales(
    connection: sa.Connection, sale_ids: Sequence[str], recorded_by: str, counters: Sequence[int]
) -> tuple[dict[str, KnownSale], dict[int, str]]:
    """Return the sales with these ids, and which sales have this terminal's counters."""
    sales = tables.sales
    mine = sales.c.terminal_counter == sa.any_(sa.literal(counters, _NUMBERS))
    columns = (sales.c.sale_id, sales.c.content_hash, sales.c.answer)
    by_id = sa.select(*columns, sa.null().label("counter")).where(
        sales.c.sale_id == sa.any_(sa.literal(sale_ids, _TEXTS))
    )
    by_counter = sa.select(*columns, sales.c.terminal_counter).where(
        mine, sales.c.recorded_by == recorded_by
    )
    found: dict[str, KnownSale] = {}
    taken: dict[int, str] = {}
    for row in connection.execute(by_id.union_all(by_counter) if counters else by_id):
        if row.counter is None:
            found[row.sale_id] = KnownSale(row.sale_id, row.content_hash, row.answer)
        else:
            taken[row.counter] = row.sale_id
    return found, taken


def sale(connection: sa.Connection, sale_id: str, *, lock: bool = False) -> Any:
    """Return a sale's row, or None."""
    statement = sa.select(tables.sales).where(tables.sales.c.sale_id == sale_id)
    if lock:
        statement = statement.with_for_update()
    return connection.execute(statement).one_or_none()


def line_rows(connection: sa.Connection, sale_id: str) -> list[Any]:
    """Return the rows of a sale's lines in their order."""
    lines = tables.sale_lines
    statement = sa.select(lines).where(lines.c.sale_id == sale_id).order_by(lines.c.place)
    return list(connection.execute(statement))


def sold_lines(connection: sa.Connection, sale_id: str) -> list[SoldLine]:
    """Return a sale's lines in their order."""
    return [
        SoldLine(
            line_id=row.line_id,
            quantity=row.quantity,
            value_minor=row.net_minor - row.discount_minor,
            points=row.points,
            eligible_minor=_eligible(row),
            returned_quantity=row.returned_quantity,
            refunded_minor=row.refunded_minor,
            clawed_back=row.clawed_back,
        )
        for row in line_rows(connection, sale_id)
    ]


def awards(connection: sa.Connection, sale_id: str) -> list[Any]:
    """Return a sale's awards by published rules, in the order they were made."""
    rows = tables.sale_awards
    statement = sa.select(rows).where(rows.c.sale_id == sale_id).order_by(rows.c.place)
    return list(connection.execute(statement))


_FAMILY = """
WITH RECURSIVE family AS (
    SELECT member_id, member_id AS part FROM unnest(:members) AS wanted (member_id)
    UNION
    SELECT f.member_id, r.member_id
    FROM family f JOIN member_redirects r ON r.merged_into = f.part
)
SELECT DISTINCT f.member_id FROM family f WHERE EXISTS (
"""
_MEMBERS = sa.bindparam("members", type_=sa.ARRAY(sa.Uuid(as_uuid=True)))
_CUSTOMERS = sa.text(
    f"{_FAMILY} SELECT FROM sales s WHERE s.member_id = f.part AND s.status = 'completed')"
).bindparams(_MEMBERS)
_PROMISED = sa.text(f"""{_FAMILY}
    SELECT FROM checkouts c, jsonb_array_elements(c.promise -> 'award' -> 'grants') g
    WHERE c.member_id = f.part AND c.status = 'open' AND c.promise IS NOT NULL
      AND c.expires_at > :now AND g ->> 'rule' = ANY(:rules))
""").bindparams(_MEMBERS, sa.bindparam("rules", type_=_TEXTS))


def customers(connection: sa.Connection, member_ids: Collection[UUID]) -> set[UUID]:
    """Return which members have a sale that was neither cancelled nor wholly returned.

    What was sold to who has become one of them counts, too (M3).
    """
    if not member_ids:
        return set()
    return set(connection.execute(_CUSTOMERS, {"members": sorted(member_ids)}).scalars())


def promised_members(
    connection: sa.Connection, member_ids: Collection[UUID], rules: Collection[str], now: datetime
) -> set[UUID]:
    """Return which members have an open order that will earn by one of these rules, by key."""
    if not member_ids or not rules:
        return set()
    told = {"members": sorted(member_ids), "rules": sorted(rules), "now": now}
    return set(connection.execute(_PROMISED, told).scalars())


def sales_by_member(
    connection: sa.Connection,
    period: tuple[datetime, datetime],
    after: tuple[UUID, datetime, str] | None,
    limit: int,
) -> list[Any]:
    """Return the next of members' sales in a period that stand, each member's in their order."""
    sales = tables.sales
    key = (sales.c.member_id, sales.c.occurred_at, sales.c.sale_id)
    statement = sa.select(sales).where(*_stand_in(period)).order_by(*key).limit(limit)
    if after is not None:
        statement = statement.where(sa.tuple_(*key) > sa.tuple_(*after))
    return list(connection.execute(statement))


def count_sales(connection: sa.Connection, period: tuple[datetime, datetime]) -> int | None:
    """Return how many sales `sales_by_member` gives in all, or None for more than can be counted.

    Up to `MOST_COUNTED` they are counted in one go.
    """
    some = sa.select(sa.literal(1)).where(*_stand_in(period)).limit(MOST_COUNTED + 1).subquery()
    found: int = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return found if found <= MOST_COUNTED else None


def _stand_in(period: tuple[datetime, datetime]) -> list[sa.ColumnElement[bool]]:
    sales = tables.sales
    return [
        sales.c.member_id.is_not(None),
        sales.c.occurred_at >= period[0],
        sales.c.occurred_at < period[1],
        sales.c.status != CANCELLED,
    ]


def lines_of(connection: sa.Connection, sale_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return the lines of sales, each in their order."""
    lines = tables.sale_lines
    statement = (
        sa.select(lines)
        .where(lines.c.sale_id == sa.any_(sa.literal(list(sale_ids), _TEXTS)))
        .order_by(lines.c.sale_id, lines.c.place)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.sale_id, []).append(row)
    return found


def explanations(connection: sa.Connection, sale_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return why sales earned what they did, as the journal has it: each rule once a sale."""
    entries = tables.transactions
    statement = sa.select(entries.c.reference_id, entries.c.explain).where(
        entries.c.reference_id == sa.any_(sa.literal(list(sale_ids), _TEXTS)),
        entries.c.reference_kind == "sale",
        entries.c.type == "earn",
    )
    found: dict[str, dict[tuple[Any, ...], Any]] = {}
    for row in connection.execute(statement):
        # A rule for the lines of several awards explains itself in each of them.
        for reason in row.explain or ():
            rule = (reason["rule"], reason.get("rule_id"), reason["version"])
            found.setdefault(row.reference_id, {})[rule] = reason
    return {sale_id: [*reasons.values()] for sale_id, reasons in found.items()}


def first_purchases(connection: sa.Connection, sale_ids: Collection[str]) -> set[str]:
    """Return which sales came before every other that stands of their member."""
    sales, earlier = tables.sales, tables.sales.alias("earlier")
    before = sa.tuple_(earlier.c.recorded_at, earlier.c.sale_id) < sa.tuple_(
        sales.c.recorded_at, sales.c.sale_id
    )
    bought = sa.exists().where(
        earlier.c.member_id == sales.c.member_id, earlier.c.status == COMPLETED, before
    )
    statement = sa.select(sales.c.sale_id).where(
        sales.c.sale_id == sa.any_(sa.literal(list(sale_ids), _TEXTS)), ~bought
    )
    return set(connection.execute(statement).scalars())


def _eligible(row: Any) -> int:
    if row.kind != EARNING_KIND:
        return 0
    return int(row.net_minor - row.discount_minor - row.points_minor)


def known_claim(connection: sa.Connection, sale_id: str) -> Any:
    """Return the claim of a sale: ``member_id``, ``claimed_at``, ``answer``; or None."""
    claims = tables.sale_claims
    statement = sa.select(claims).where(claims.c.sale_id == sale_id)
    return connection.execute(statement).one_or_none()


def add_claim(connection: sa.Connection, row: dict[str, Any]) -> None:
    """Insert the claim of a locked sale."""
    connection.execute(sa.insert(tables.sale_claims).values(row))


def known_return(connection: sa.Connection, sale_id: str, return_id: str) -> Any:
    """Return a return's ``content_hash`` and ``answer``, or None."""
    returns = tables.returns
    statement = sa.select(returns.c.content_hash, returns.c.answer).where(
        returns.c.sale_id == sale_id, returns.c.return_id == return_id
    )
    return connection.execute(statement).one_or_none()


def checkout(connection: sa.Connection, order_id: str) -> Checkout | None:
    """Return a checkout as it stands, unlocked."""
    statement = sa.select(*_CHECKOUT).where(tables.checkouts.c.order_id == order_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Checkout(*row)


def holds_for_checkout(connection: sa.Connection, hold_id: UUID) -> bool:
    """Return whether a hold belongs to a checkout that is open, as far as anybody has noted."""
    checkouts = tables.checkouts
    statement = sa.select(sa.literal(1)).where(
        checkouts.c.hold_id == hold_id, checkouts.c.status == OPEN
    )
    return connection.execute(statement).first() is not None


def has_open_order(
    connection: sa.Connection, member_id: UUID, now: datetime, *, besides: str = ""
) -> bool:
    """Return whether a member has a promised order open, beside one of them."""
    checkouts = tables.checkouts
    statement = sa.select(sa.literal(1)).where(
        checkouts.c.member_id == member_id,
        checkouts.c.status == OPEN,
        checkouts.c.promise.is_not(None),
        checkouts.c.order_id != besides,
        checkouts.c.expires_at > now,
    )
    return connection.execute(statement).first() is not None


def lock_checkouts(
    connection: sa.Connection, order_ids: Collection[str], *, skip_locked: bool = False
) -> dict[str, Checkout]:
    """Lock checkouts, in the order of their ids; accounts they concern are locked before."""
    if not order_ids:
        return {}
    checkouts = tables.checkouts
    statement = (
        sa.select(*_CHECKOUT)
        .where(checkouts.c.order_id == sa.any_(sa.literal(list(order_ids), _TEXTS)))
        .order_by(checkouts.c.order_id)
        .with_for_update(skip_locked=skip_locked)
    )
    return {row.order_id: Checkout(*row) for row in connection.execute(statement)}


def overdue_checkouts(
    connection: sa.Connection, now: datetime, limit: int
) -> dict[str, UUID | None]:
    """Return open checkouts whose time is over, and whose account is to be locked for each.

    Unlocked: an account is locked before its orders.
    """
    checkouts = tables.checkouts
    account = sa.case((checkouts.c.promise.is_not(None), checkouts.c.member_id))
    statement = (
        sa.select(checkouts.c.order_id, account)
        .where(checkouts.c.status == OPEN, checkouts.c.expires_at <= now)
        .order_by(checkouts.c.expires_at)
        .limit(limit)
    )
    return {order_id: member_id for order_id, member_id in connection.execute(statement)}


def lock_open_checkouts_of(connection: sa.Connection, member_id: UUID) -> list[Checkout]:
    """Lock the open checkouts of a member, whose account is locked, in the order of their ids."""
    checkouts = tables.checkouts
    statement = (
        sa.select(*_CHECKOUT)
        .where(checkouts.c.status == OPEN, checkouts.c.member_id == member_id)
        .order_by(checkouts.c.order_id)
        .with_for_update()
    )
    return [Checkout(*row) for row in connection.execute(statement)]


def open_first(connection: sa.Connection, row: dict[str, Any]) -> bool:
    """Insert a checkout unless its order has one; return whether it was inserted."""
    statement = insert(tables.checkouts).values(row).on_conflict_do_nothing()
    return bool(connection.execute(statement).rowcount)


def change_checkout(connection: sa.Connection, order_id: str, **values: Any) -> Checkout:
    """Change a locked checkout and return it."""
    statement = (
        sa.update(tables.checkouts)
        .where(tables.checkouts.c.order_id == order_id)
        .values(values)
        .returning(*_CHECKOUT)
    )
    return Checkout(*connection.execute(statement).one())
