"""What a return takes back of each award of its sale (S1, S2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain import rules
from services.points.domain.returns import Claim
from services.points.repository import orders, usage
from services.points.repository.book import Book


@dataclass(frozen=True, slots=True)
class Clawback:
    """Points to take back of one award, from the lot it came as first (S3)."""

    points: int
    lots: tuple[UUID, ...]
    rule: str = ""
    """Key of the award's rule; empty where the sale has a single award."""
    place: int | None = None
    is_bonus: bool = False


def clawbacks(book: Book, sale: Any, claimed: Claim) -> list[Clawback]:
    """Return what is to be taken back, award by award.

    An award of lines gives back what its lines do. A bonus goes as a whole when what is kept no
    longer reaches its threshold; once gone it stays so, since a return never yields points (S2).
    """
    if sale.lot_id is not None:
        return [Clawback(claimed.claw, (sale.lot_id,))]
    found = [
        Clawback(
            points=_due(award, claimed),
            lots=(award.lot_id,),
            rule=award.rule,
            place=award.place,
            is_bonus=award.kind == rules.THRESHOLD_BONUS,
        )
        for award in orders.awards(book.uow.connection, sale.sale_id)
    ]
    return [each for each in found if each.points]


def _due(award: Any, claimed: Claim) -> int:
    if award.kind != rules.THRESHOLD_BONUS:
        return sum(claimed.by_line.get(line_id, 0) for line_id in award.line_ids)
    if rules.is_kept(award.threshold_minor or 0, award.line_ids, claimed.lines_after):
        return 0
    return int(award.points - award.clawed_back)


def note_clawbacks(book: Book, sale: Any, taken: Sequence[Clawback], *, everything: bool) -> None:
    """Keep what was taken back of each award, and let caps count it no longer.

    Points of lines stay counted until nothing of the sale is kept (``everything``).
    """
    rows = [
        {"sale_id": sale.sale_id, "place": each.place, "add_clawed_back": each.points}
        for each in taken
        if each.place is not None
    ]
    book.update(tables.sale_awards, rows)
    gone = {each.rule.partition("@")[0] for each in taken if each.is_bonus}
    if book.rules_token is not None and sale.points_earned and (everything or gone):
        way = [] if sale.member_id is None else book.way(sale.member_id)
        connection = book.uow.connection
        usage.give_back(connection, sale.sale_id, gone, way=way, everything=everything)
