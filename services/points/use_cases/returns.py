"""Returns and cancels: what a sale gave is taken back, what it took goes home (S1, S3, S4)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.points import tables
from services.points.domain import ledger
from services.points.domain.lateness import judge_time
from services.points.domain.lots import home_expiry, homes, part_on_credit
from services.points.domain.programme import Programme
from services.points.domain.returns import Claim, Taken, claim, claim_rest, restorable
from services.points.repository import accounts, orders
from services.points.repository.book import CANCEL, RETURN, Book, Cause
from services.points.repository.bulk import LostRace
from services.points.use_cases import pos
from services.points.use_cases.clawbacks import clawbacks, note_clawbacks
from services.points.use_cases.content import digest_of
from shared.contracts.points import events
from shared.db import Outcome, UnitOfWork
from shared.errors import LoyaltyError, NotFound
from shared.errors.points import ReturnIdConflict, SaleCancelled

CANCEL_ID = ""
"""The ``return_id`` under which a sale's cancel is kept."""
_NOTHING = ledger.Recovery(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why, when and as what goods come back."""

    return_id: str
    code: str
    occurred_at: datetime
    content: str
    merchant_fault: bool = False

    @property
    def is_cancel(self) -> bool:
        return self.return_id == CANCEL_ID


def return_sale(
    uow: UnitOfWork,
    *,
    programme: Programme,
    sale_id: str,
    return_id: str,
    occurred_at: datetime,
    lines: Sequence[Mapping[str, Any]],
    reason_code: str,
) -> Outcome:
    """Take goods of a sale back; a return that is known answers as it did then (L7).

    Raises:
        NotFound: there is no such sale, or it is another shop's.
        SaleInFuture: the return is dated more than the tolerated five minutes ahead.
        SaleTooOld: it happened longer ago than it may be reported (S5).
        ReturnIdConflict: the id is known with other content.
        SaleCancelled: nothing can come back any more.
        UnknownLine: the sale has no such line.
        ReturnExceedsSale: less than that is left of a line.
    """
    content = digest_of([occurred_at, lines, reason_code])
    reason = _Reason(return_id, reason_code, occurred_at, content)
    back = _Return(uow, programme, reason)
    known = back.open(sale_id)
    if known is not None:
        if known.content_hash != content:
            raise ReturnIdConflict
        return Outcome(json.loads(known.answer), 200, replayed=True)
    judge_time(occurred_at, programme, uow.now)
    if back.sale.status == orders.CANCELLED:
        raise SaleCancelled
    taken = {line["line_id"]: Taken(line["quantity"], line["net_minor"]) for line in lines}
    return Outcome(back.settle(claim(orders.sold_lines(uow.connection, sale_id), taken)))


def note_refused_return(
    uow: UnitOfWork, *, programme: Programme, refusal: LoyaltyError, **command: Any
) -> None:
    """Keep what staff has to look at of a return that `return_sale` refused (S5)."""
    occurred_at, lines = command["occurred_at"], command["lines"]
    report = pos.Report(
        sale_id=command["sale_id"],
        return_id=command["return_id"],
        content=digest_of([occurred_at, lines, command["reason_code"]]),
        occurred_at=occurred_at,
        amount_minor=sum(line["net_minor"] for line in lines),
        refusal=refusal,
    )
    pos.note_reports(uow, programme, [report])


def cancel_sale(
    uow: UnitOfWork,
    *,
    programme: Programme,
    sale_id: str,
    reason_code: str,
    merchant_fault: bool,
) -> Outcome:
    """Undo what is left of a sale; a cancel that is known answers as it did then.

    Raises:
        NotFound: there is no such sale, or it is another shop's.
        SaleCancelled: it was cancelled for another reason.
    """
    content = digest_of([reason_code, merchant_fault])
    reason = _Reason(CANCEL_ID, reason_code, uow.now, content, merchant_fault)
    back = _Return(uow, programme, reason)
    known = back.open(sale_id)
    if known is not None:
        if known.content_hash != content:
            raise SaleCancelled
        return Outcome(json.loads(known.answer), 200, replayed=True)
    return Outcome(back.settle(claim_rest(orders.sold_lines(uow.connection, sale_id))))


class _Return:
    """One return under way: account and sale locked, in this order as for every write."""

    def __init__(self, uow: UnitOfWork, programme: Programme, reason: _Reason) -> None:
        self.uow = uow
        self.programme = programme
        self.reason = reason
        self.book = Book(uow)
        self.sale: Any = None

    def open(self, sale_id: str) -> Any:
        """Lock the sale and return the earlier report of this same return, if any."""
        connection = self.uow.connection
        found = orders.sale(connection, sale_id)
        if found is None or not self._may_touch(found.recorded_by):
            raise NotFound
        if found.member_id is not None:
            self.book.open([found.member_id])
        self.sale = orders.sale(connection, sale_id, lock=True)
        if self.sale.member_id != found.member_id:
            # Claimed meanwhile (S6), and an account is locked before its sales.
            raise LostRace(None, f"{sale_id} has found its member")
        return orders.known_return(connection, sale_id, self.reason.return_id)

    def _may_touch(self, recorded_by: str) -> bool:
        """A shop takes back its own sales; a till any, since goods come to any store."""
        return self.uow.actor.kind != "shop" or self.uow.actor.key == recorded_by

    def settle(self, claimed: Claim) -> dict[str, Any]:
        """Recover and restore the points, write it all, say so, and return the answer."""
        refunded = self.sale.refunded_minor + claimed.refund_minor
        restored = restorable(
            self.sale.points_redeemed,
            self.sale.gross_minor - self.sale.discount_minor,
            refunded,
            self.sale.points_restored,
        )
        recovery = self._move_points(claimed, restored)
        status = self._status(claimed)
        answer = {
            "sale_id": self.sale.sale_id,
            "return_id": self.reason.return_id or None,
            "member_id": self.sale.member_id and str(self.sale.member_id),
            "status": status,
            "points": {
                "clawed_back": recovery.taken,
                "restored": restored,
                "debt": recovery.owed,
                "uncollected": recovery.uncollected,
            },
            "refund": {
                "money_minor": claimed.refund_minor - self._worth(restored),
                "points": restored,
            },
            "coupons_restored": self._coupons() if claimed.is_full else [],
            "balances": self._balances(),
        }
        self._write(claimed, answer)
        self._emit(refunded, restored, is_full=claimed.is_full)
        self.book.flush()
        self._audit(status, claimed)
        return answer

    def _audit(self, status: str, claimed: Claim) -> None:
        """Note what staff takes back; tills and shops do it as their trade (I4)."""
        if self.uow.actor.kind != "staff":
            return
        self.uow.audit(
            "sale.cancel" if self.reason.is_cancel else "sale.return",
            ("sale", self.sale.sale_id),
            before={"status": self.sale.status},
            after={"status": status, "refund_minor": claimed.refund_minor},
            reason=self.reason.code,
        )

    def _move_points(self, claimed: Claim, restored: int) -> ledger.Recovery:
        """Claw first: what goes home is not what debt or claw are met from."""
        member_id = self.sale.member_id
        if member_id is None:
            return _NOTHING
        kind, reference = (
            (CANCEL, self.sale.sale_id)
            if self.reason.is_cancel
            else (RETURN, f"{self.sale.sale_id}/{self.reason.return_id}")
        )
        cause = Cause(kind, reference, self.reason.occurred_at, reason_code=self.reason.code)
        recovery = _NOTHING
        taken = clawbacks(self.book, self.sale, claimed)
        for each in taken:
            because = replace(cause, rule=each.rule)
            recovery += self.book.claw(
                member_id, each.points, because, lots=each.lots, programme=self.programme
            )
        note_clawbacks(self.book, self.sale, taken, everything=claimed.is_full)
        if restored:
            number = self.sale.redeem_number
            # The entry is of whom the sale was, whoever gets the points by now (M3).
            spent = accounts.entries(self.uow.connection, member_id, number)
            before = self.sale.points_restored
            owed = part_on_credit(spent, self.sale.points_redeemed, before, restored)
            drawn = sum(lot.points for lot in spent)
            owed_before = min(before, self.sale.points_redeemed - drawn)
            going = homes(spent, before - owed_before, restored - owed)
            fault, now = self.reason.merchant_fault, self.uow.now
            self.book.restore(
                member_id,
                [
                    (lot, home_expiry(lot.expires_at, now, self.programme, merchant_fault=fault))
                    for lot in going
                ],
                cause,
                on_credit=owed,
                reinstated_until=now + self.programme.reinstated_for,
            )
        return recovery

    def _worth(self, points: int) -> int:
        return points * self.programme.point_value_minor

    def _status(self, claimed: Claim) -> str:
        if self.reason.is_cancel:
            return orders.CANCELLED
        return "returned" if claimed.is_full else str(self.sale.status)

    def _coupons(self) -> list[str]:
        return [used["code"] for used in json.loads(self.sale.answer)["coupons"]["applied"]]

    def _balances(self) -> Mapping[str, int] | None:
        member_id = self.sale.member_id
        return None if member_id is None else self.book.account(member_id).figures.balances

    def _write(self, claimed: Claim, answer: dict[str, Any]) -> None:
        sale_id = self.sale.sale_id
        self.book.update(
            tables.sale_lines,
            [
                {
                    "sale_id": sale_id,
                    "line_id": line.line_id,
                    "returned_quantity": line.returned_quantity,
                    "refunded_minor": line.refunded_minor,
                    "clawed_back": line.clawed_back,
                }
                for line in claimed.lines
            ],
        )
        change = {
            "sale_id": sale_id,
            "status": answer["status"],
            "add_refunded_minor": claimed.refund_minor,
            "add_points_restored": answer["points"]["restored"],
        }
        self.book.update(tables.sales, [change])
        row = {
            "sale_id": sale_id,
            "return_id": self.reason.return_id,
            "content_hash": self.reason.content,
            "occurred_at": self.reason.occurred_at,
            "recorded_at": self.uow.now,
            "recorded_by": self.uow.actor.key,
            "reason_code": self.reason.code,
            "refunded_minor": claimed.refund_minor,
            "answer": json.dumps(answer, separators=(",", ":"), ensure_ascii=False),
        }
        self.book.insert(tables.returns, [row])

    def _emit(self, refunded: int, restored: int, *, is_full: bool) -> None:
        sale = self.sale
        fact = {
            "sale_id": sale.sale_id,
            "member_id": sale.member_id,
            "sale_occurred_at": sale.occurred_at,
            "payable_minor": sale.payable_minor,
            "reason_code": self.reason.code,
        }
        subject = sale.member_id or sale.sale_id
        if self.reason.is_cancel:
            fault = self.reason.merchant_fault
            data = {**fact, "cancelled_at": self.uow.now, "merchant_fault": fault}
            self.uow.emit(events.SALE_CANCELLED, subject=subject, data=data)
            return
        money = refunded - self._worth(sale.points_restored + restored)
        data = {
            **fact,
            "return_id": self.reason.return_id,
            "occurred_at": self.reason.occurred_at,
            "refunded_total_minor": money,
            "full": is_full,
        }
        self.uow.emit(
            events.SALE_RETURNED, subject=subject, data=data, occurred_at=self.reason.occurred_at
        )
