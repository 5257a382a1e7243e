"""What an order was promised, and what is set aside so that it can be kept (H1).

Points are held, and what the order will earn is counted against the rules' caps, when it opens: so
completing it cannot find anything gone. The award is judged then as the quote judged it, by the
same versions of the rules, the same tier and the same instant, and kept as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from services.points.domain import rules
from services.points.domain.programme import Programme
from services.points.domain.rules import Counter, Grant, Judgement, Rule
from services.points.domain.sales import Line, Price, Sale, Tier
from services.points.repository import holds, orders, usage
from services.points.repository import rules as rule_rows
from services.points.repository.book import Book
from services.points.repository.bulk import LostRace
from services.points.repository.due import End
from services.points.repository.holds import Hold
from services.points.repository.orders import Checkout
from services.points.use_cases.awards import NOBODYS
from services.points.use_cases.holds import place
from services.points.use_cases.judging import Count, Judge, Shopper
from services.points.use_cases.standing import refuse_unless_active
from shared.contracts.base import instance_of, load
from shared.contracts.points.checkouts import PromiseSchema
from shared.errors.checkout import QuoteExpired, QuoteNotCovered
from shared.errors.points import HoldConflict

Promise = Mapping[str, Any]
"""`PromiseSchema`, loaded."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What keeps a promise."""

    hold_id: UUID | None
    judgement: Judgement
    counted: tuple[Count, ...]


def cover(
    book: Book, programme: Programme, sale: Sale, promise: Promise, until: datetime
) -> tuple[Cover, Judge | None]:
    """Set aside what a promise takes; the accounts are open, and nothing is written yet.

    ``sale`` is that of `sale_of`; ``until`` is when the order's time is over. The judge, where
    there is one, has counted: its tally is to be written last of all.

    Raises:
        QuoteExpired: its time is over.
        QuoteNotCovered: points, or what a rule may still give, are gone.
        MemberNotActive: the member may not spend any more.
        HoldConflict: the order holds points already, by a hold of its own.
    """
    if promise["valid_until"] <= book.uow.now:
        raise QuoteExpired
    member_id = sale.member_id
    if member_id is None:
        return Cover(None, NOBODYS, ()), None
    refuse_unless_active(book.account(member_id), exists=True)
    judge = Judge(book.uow, programme, _rules(book, promise["judged_by"]["rules"]))
    judge.prepare([sale])
    judgement = judge.judge(sale, price_of(promise), _shopper(book, sale, promise))
    if judgement.points != promise["earned"]:
        raise _not_covered("earning", "limit_reached")
    counted = tuple(judge.count(judgement, sale))
    hold_id = None
    if promise["points_to_redeem"]:
        hold_id = _hold(book, sale, member_id, until)
    return Cover(hold_id, judgement, counted), judge


def uncover(book: Book, checkout: Checkout, end: End) -> None:
    """Give back what an opening set aside; its account is open, and so far nothing has ended it."""
    if checkout.hold_id is not None:
        hold = holds.find(book.uow.connection, checkout.hold_id)
        # Beyond its time it has ended with the account's opening, as any hold.
        if hold is not None and hold.status_at(book.uow.now) == holds.HELD:
            refuse_unless_open(book, hold)
            book.end_hold(hold, end)
            book.flush()
    _, counted = award_of(book, checkout)
    if counted and checkout.member_id is not None:
        points = [(each.counter, each.points) for each in counted]
        usage.uncount(book.uow.connection, points, way=book.way(checkout.member_id))


def refuse_unless_open(book: Book, hold: Hold) -> None:
    """Make sure that the account of an order's hold is open.

    Raises:
        LostRace: it has gone with its member, who was merged or is alone again (M3).
    """
    if not book.is_open(hold.member_id):
        raise LostRace(None, f"{hold.hold_id} has gone with its member")


def stored(promise: Promise, kept: Cover) -> dict[str, Any]:
    """Return what is kept of an opening, as JSON."""
    return {
        "quote": instance_of(PromiseSchema).dump(promise),
        "award": {
            "by_line": list(kept.judgement.by_line),
            "explain": list(kept.judgement.explain),
            "grants": [
                {
                    "rule": grant.rule.key,
                    "points": grant.points,
                    "explain": list(grant.explain),
                    "line_ids": list(grant.line_ids),
                }
                for grant in kept.judgement.grants
            ],
        },
        "counted": [
            [each.counter.holder, each.counter.rule_id, each.counter.period, each.points]
            for each in kept.counted
        ],
    }


def promise_of(checkout: Checkout) -> Promise:
    """Return what an order was promised."""
    if checkout.promise is None:
        raise ValueError(f"{checkout.order_id} was promised nothing")
    return load(PromiseSchema, checkout.promise["quote"])


def award_of(book: Book, checkout: Checkout) -> tuple[Judgement, list[Count]]:
    """Return what an order will earn, and what of it was counted against caps."""
    if checkout.promise is None:
        return NOBODYS, []
    award = checkout.promise["award"]
    default = rules.default_base(Fraction())  # its rate has done its work
    named = {rule.key: rule for rule in (default, *_all_rules(book))}
    grants = tuple(
        Grant(
            named[each["rule"]],
            each["points"],
            tuple(each["explain"]),
            tuple(each["line_ids"]),
        )
        for each in award["grants"]
    )
    counted = [
        Count(Counter(rule_id, holder, period), points)
        for holder, rule_id, period, points in checkout.promise["counted"]
    ]
    return Judgement(tuple(award["by_line"]), grants, tuple(award["explain"])), counted


def sale_of(order_id: str, member_id: UUID | None, promise: Promise) -> Sale:
    """Return an order as the sale that was quoted."""
    return Sale(
        sale_id=order_id,
        occurred_at=promise["judged_by"]["at"],
        currency=promise["currency"],
        lines=tuple(Line(**line) for line in promise["lines"]),
        member_id=member_id,
        store_id=promise["store_id"],
        points_to_redeem=promise["points_to_redeem"],
    )


def price_of(promise: Promise) -> Price:
    """Return what an order costs."""
    totals = promise["totals"]
    return Price(
        totals["gross_minor"],
        totals["discount_minor"],
        totals["points_minor"],
        tuple(promise["tender"]),
    )


def _hold(book: Book, sale: Sale, member_id: UUID, until: datetime) -> UUID:
    order_id, points = sale.sale_id, sale.points_to_redeem
    if holds.of_order(book.uow.connection, order_id) is not None:
        raise HoldConflict
    available = book.account(member_id).figures.available
    if points > available:
        raise _not_covered("points", "insufficient_points", available=available)
    return place(book, member_id, points, order_id, until - book.uow.now).hold_id


def _shopper(book: Book, sale: Sale, promise: Promise) -> Shopper:
    """Return who was quoted. A purchase is not the first while another order is open."""
    connection, now = book.uow.connection, book.uow.now
    judged_by, member_id = promise["judged_by"], sale.member_id
    if member_id is None:
        raise ValueError("nobody is judged")
    has_other = judged_by["has_open_order"] or orders.has_open_order(
        connection, member_id, now, besides=sale.sale_id
    )
    return Shopper(
        member_id,
        Tier(judged_by["tier"], Fraction(judged_by["multiplier"])),
        book.account(member_id).birth_month,
        promise["channel"],
        is_first_purchase=False if has_other else None,
    )


def _rules(book: Book, keys: Sequence[str]) -> list[Rule]:
    """Return the versions by which it was quoted: what is published is never changed (E2)."""
    known = {rule.key: rule for rule in _all_rules(book)}
    return [known[key] for key in keys if key in known]


def _all_rules(book: Book) -> list[Rule]:
    published = rule_rows.book(book.uow.connection, book.rules_token)
    return [each.rule for versions in published.versions.values() for each in versions]


def _not_covered(what: str, reason: str, **more: Any) -> QuoteNotCovered:
    return QuoteNotCovered(missing=[{"what": what, "reason": reason, **more}])
