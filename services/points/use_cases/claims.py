"""Claims: a sale without a member finds one later, by the code on its receipt (S6)."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain import sales
from services.points.domain.ledger import Recovery, RecoveryPolicy
from services.points.domain.programme import Programme
from services.points.domain.returns import Claim, SoldLine, Taken, claim
from services.points.domain.rules import Judgement
from services.points.domain.sales import Line, Price, Sale, Tier
from services.points.repository import orders
from services.points.repository.book import Book, Cause
from services.points.use_cases.awards import NOBODYS, Awarded, Awarding
from services.points.use_cases.clawbacks import clawbacks, note_clawbacks
from services.points.use_cases.sales import NOBODY
from services.points.use_cases.standing import refuse_over
from shared.contracts.points import events
from shared.db import Outcome, UnitOfWork
from shared.errors import NotFound
from shared.errors.points import (
    ClaimTooLate,
    SaleAlreadyClaimed,
    UnknownMember,
)
from shared.merging import were_one

NOTHING = Recovery(0, 0, 0, 0)
CLAIM = "claim"
"""What the journal refers to where points are taken back for returns before a claim."""
_BLANKS = re.compile(r"[\s-]+")
_NO_CODE = "-" * 16
"""Compared with where there is nothing to compare with; no code ever looks like it."""


def claim_sale(
    uow: UnitOfWork,
    *,
    programme: Programme,
    sale_id: str,
    receipt_code: str,
    member_id: UUID | None,
    member_status: str | None,
) -> Outcome:
    """Award a sale to whoever shows its receipt code, as of when it happened.

    What had come back before counts as if it came back after: the member gets what is left, and
    later returns go on from there (S1). A claim that is known answers as it did then.

    Raises:
        NotFound: there is no such sale, or that is not its code; which of them is not told.
        SaleAlreadyClaimed: somebody else has claimed it.
        ClaimTooLate: it happened longer ago than sales can be claimed.
        UnknownMember: nobody answers to who is named.
        MemberNotActive: the member may not own points.
    """
    found = orders.sale(uow.connection, sale_id)
    _refuse_wrong_code(uow, found, receipt_code)
    if member_status in NOBODY:
        raise NOBODY[member_status]
    if member_id is None:
        raise UnknownMember
    book = Book(uow)
    book.open([member_id])
    member_id = book.owner(member_id)
    row = orders.sale(uow.connection, sale_id, lock=True)
    known = orders.known_claim(uow.connection, sale_id)
    if known is not None:
        if not were_one(uow.connection, known.member_id, member_id):
            raise SaleAlreadyClaimed
        return Outcome(json.loads(known.answer), 200, replayed=True)
    if uow.now > row.occurred_at + programme.claim_within:
        raise ClaimTooLate
    refuse_over(book.account(member_id), member_status)
    return Outcome(_Claim(uow, programme, book, row, member_id).carry_out())


def _refuse_wrong_code(uow: UnitOfWork, found: Any, given: str) -> None:
    """Compare in constant time, also where there is nothing to compare with."""
    is_visible = found is not None and (
        uow.actor.kind != "shop" or uow.actor.key == found.recorded_by
    )
    expected = (found.receipt_code if is_visible else None) or _NO_CODE
    typed = _BLANKS.sub("", given).upper()
    if not hmac.compare_digest(expected.encode(), typed.encode()):
        raise NotFound


@dataclass(slots=True)
class _Claim:
    """A claim that is granted: account and sale are locked."""

    uow: UnitOfWork
    programme: Programme
    book: Book
    row: Any
    member_id: UUID

    def carry_out(self) -> dict[str, Any]:
        """Award it, take back what had come back, write it all, say so, and return the answer."""
        sold = orders.sold_lines(self.uow.connection, self.row.sale_id)
        account = self.book.account(self.member_id)
        tier = sales.tier_at(account.tiers, self.row.occurred_at, self.programme)
        judgement, awarded, lost = NOBODYS, Awarded(), NOTHING
        awarding = Awarding(self.uow, self.programme, self.book)
        if not all(line.is_gone for line in sold):
            judgement, awarded = self._award(awarding, tier)
        by_line = judgement.by_line or (0,) * len(sold)
        claimed = _after_returns(sold, by_line)
        self._write(claimed, awarded)
        if awarded.points:
            lost = self._take_back(claimed)
        answer = {
            "sale_id": self.row.sale_id,
            "member_id": str(self.member_id),
            "points": {
                "earned": awarded.points - lost.taken - lost.owed,
                "not_earned": lost.taken + lost.owed,
                "pending": awarded.pending(self.uow.now) - lost.pending,
            },
            "balances": account.figures.balances,
            "explain": list(judgement.explain),
            "tier": tier.code,
        }
        self._keep(answer)
        self._emit(answer["points"]["earned"])
        awarding.finish()
        return answer

    def _award(self, awarding: Awarding, tier: Tier) -> tuple[Judgement, Awarded]:
        """Judge the whole sale by the rules of its time, as when it is recorded."""
        rows = orders.line_rows(self.uow.connection, self.row.sale_id)
        sale = self._sale(rows)
        # Nobody's points can have paid for it.
        price = Price(self.row.gross_minor, self.row.discount_minor, 0, (0,) * len(rows))
        awarding.prepare([sale])
        return awarding.award(sale, price, tier, recorded_by=self.row.recorded_by)

    def _take_back(self, claimed: Claim) -> Recovery:
        """Take back what returns before would have taken; it is all there, it was just given."""
        row = orders.sale(self.uow.connection, self.row.sale_id)
        # Whatever the programme lets members keep after a return, this was never theirs.
        whole = replace(self.programme, recovery=RecoveryPolicy.DEBT)
        taken, recovery = clawbacks(self.book, row, claimed), NOTHING
        for each in taken:
            cause = Cause(CLAIM, row.sale_id, row.occurred_at, each.rule)
            recovery += self.book.claw(
                self.member_id, each.points, cause, lots=each.lots, programme=whole
            )
        note_clawbacks(self.book, row, taken, everything=False)
        self.book.flush()
        return recovery

    def _sale(self, rows: Sequence[Any]) -> Sale:
        return Sale(
            sale_id=self.row.sale_id,
            occurred_at=self.row.occurred_at,
            currency=self.row.currency,
            lines=tuple(
                Line(**{name: getattr(row, name) for name in Line.__dataclass_fields__})
                for row in rows
            ),
            member_id=self.member_id,
            store_id=self.row.store_id,
        )

    def _write(self, claimed: Claim, awarded: Awarded) -> None:
        sale_id = self.row.sale_id
        found = {
            "member_id": self.member_id,
            "points_earned": awarded.points,
            "lot_id": awarded.lot_id,
        }
        self.book.update(tables.sales, [{"sale_id": sale_id, **found}])
        self.book.update(
            tables.sale_lines,
            [
                {
                    "sale_id": sale_id,
                    "line_id": line.line_id,
                    "points": line.points,
                    "clawed_back": line.clawed_back,
                }
                for line in claimed.lines
            ],
        )
        self.book.flush()

    def _keep(self, answer: dict[str, Any]) -> None:
        row = {
            "sale_id": self.row.sale_id,
            "member_id": self.member_id,
            "claimed_at": self.uow.now,
            "claimed_by": self.uow.actor.key,
            "answer": json.dumps(answer, separators=(",", ":"), ensure_ascii=False),
        }
        orders.add_claim(self.uow.connection, row)

    def _emit(self, points: int) -> None:
        row = self.row
        self.uow.emit(
            events.SALE_CLAIMED,
            subject=self.member_id,
            data={
                "sale_id": row.sale_id,
                "member_id": self.member_id,
                "occurred_at": row.occurred_at,
                "claimed_at": self.uow.now,
                "store_id": row.store_id,
                "currency": row.currency,
                "payable_minor": row.payable_minor,
                "refunded_total_minor": row.refunded_minor,
                "points_earned": points,
            },
        )


def _after_returns(sold: Sequence[SoldLine], by_line: Sequence[int]) -> Claim:
    """Return what the returns before mean for lines that have earned these points."""
    whole = [
        replace(line, points=points, returned_quantity=0, refunded_minor=0, clawed_back=0)
        for line, points in zip(sold, by_line, strict=True)
    ]
    back = {line.line_id: Taken(line.returned_quantity, line.refunded_minor) for line in sold}
    return claim(whole, back)
