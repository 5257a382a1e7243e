"""Awards of sales: judged by the rules of their time, posted, counted against caps (E1-E5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.points import tables
from services.points.domain import rules
from services.points.domain.programme import Programme
from services.points.domain.rules import Judgement
from services.points.domain.sales import Price, Sale, Tier
from services.points.repository import rules as rule_rows
from services.points.repository import usage
from services.points.repository.book import SALE, Book, Cause
from services.points.use_cases.judging import Count, Judge, Shopper, channel_of
from services.points.use_cases.posting import Awarded, Posted, post
from shared.db import UnitOfWork

__all__ = ["NOBODYS", "Awarded", "Awarding", "Judgement"]

USAGE_KEPT = timedelta(days=100)
USAGE_AT_ONCE = 5_000
NOBODYS = Judgement(by_line=(), grants=(), explain=())
"""What somebody unknown earns."""


@dataclass(slots=True)
class Awarding:
    """The awards of one transaction's sales; their members' accounts are open in ``book``."""

    uow: UnitOfWork
    programme: Programme
    book: Book
    _judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        """Take the published rules; whoever opened the accounts knows which these are."""
        published = rule_rows.book(self.uow.connection, self.book.rules_token)
        self._judge = Judge(self.uow, self.programme, published, heeds_orders=True)

    def prepare(self, subjects: Iterable[Sale]) -> None:
        """Read what judging these sales takes; without published rules that is nothing."""
        self._judge.prepare(sale for sale in subjects if sale.member_id is not None)

    def award(
        self, sale: Sale, price: Price, tier: Tier, *, recorded_by: str
    ) -> tuple[Judgement, Awarded]:
        """Judge a member's sale and post what it earns.

        ``recorded_by`` is the key of who reported the sale: it tells the channel.
        """
        member_id = sale.member_id
        if member_id is None:
            return NOBODYS, Awarded()
        birth_month = self.book.account(member_id).birth_month
        shopper = Shopper(member_id, tier, birth_month, channel_of(recorded_by))
        judgement = self._judge.judge(sale, price, shopper)
        cause = Cause(SALE, sale.sale_id, sale.occurred_at)
        awarded = post(self.book, self.programme, member_id, judgement.grants, cause)
        if awarded.lot_id is None:
            self.book.insert(tables.sale_awards, award_rows(sale, awarded.posted))
        counted = self._judge.count(judgement, sale)
        self.book.insert(tables.sale_usage, [usage_row(sale, each) for each in counted])
        self._judge.note_purchase(sale)
        return judgement, awarded

    def finish(self) -> None:
        """Count against caps what was given, when all else is written.

        Raises:
            LostRace: others have used up a cap meanwhile; the transaction has to start over.
        """
        self._judge.tally.write()


def forget_usage(uow: UnitOfWork, *, programme: Programme) -> int:
    """Forget, some at a time, what caps counted of days and months long past."""
    day = programme.local_date(uow.now - USAGE_KEPT)
    return usage.purge(uow.connection, day, USAGE_AT_ONCE)


def usage_row(sale: Sale, counted: Count) -> dict[str, Any]:
    """Return what a sale counted against a cap, to be given back by returns."""
    return {
        "sale_id": sale.sale_id,
        "holder": counted.counter.holder,
        "rule_id": counted.counter.rule_id,
        "period": counted.counter.period,
        "points": counted.points,
        "is_returned": False,
    }


def award_rows(sale: Sale, posted: Iterable[Posted]) -> list[dict[str, Any]]:
    """Return what a sale was awarded, rule by rule."""
    return [
        {
            "sale_id": sale.sale_id,
            "place": place,
            "rule": each.grant.rule.key,
            "kind": each.grant.rule.kind,
            "points": each.grant.points,
            "lot_id": each.lot_id,
            "line_ids": list(each.grant.line_ids),
            "threshold_minor": (
                each.grant.rule.threshold_minor
                if each.grant.rule.kind == rules.THRESHOLD_BONUS
                else None
            ),
            "clawed_back": 0,
        }
        for place, each in enumerate(posted)
    ]
