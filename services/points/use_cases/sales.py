"""Recording sales: one by one or in batches, by the same steps and with the same answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.points import tables
from services.points.domain import sales as rules
from services.points.domain.programme import Programme
from services.points.domain.sales import Line, Price, Sale, Tier
from services.points.repository import card_spending, orders
from services.points.repository.book import SALE, Book, Cause
from services.points.use_cases import pos
from services.points.use_cases.allowances import Allowances
from services.points.use_cases.awards import NOBODYS, Awarded, Awarding
from services.points.use_cases.content import is_same_sale, sale_digest
from services.points.use_cases.merging import owned
from services.points.use_cases.recording import Settled, revive, write_sale
from services.points.use_cases.standing import ERASED, refuse_over
from shared.contracts.points import events
from shared.contracts.points.rpc import UNKNOWN
from shared.db import Outcome, UnitOfWork
from shared.errors import LoyaltyError
from shared.errors.members import CodeExpired, CodeInvalid, CodeUsed
from shared.errors.points import (
    CardSpendingLimit,
    CheckoutNotOpen,
    MemberErased,
    SaleIdConflict,
    TerminalCounterConflict,
    UnknownMember,
)

CARD = "card"
NOBODY: Mapping[str | None, type[LoyaltyError]] = {
    UNKNOWN: UnknownMember,
    ERASED: MemberErased,
    **{refusal.code: refusal for refusal in (CodeInvalid, CodeExpired, CodeUsed)},
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one sale: an answer or a refusal."""

    sale: Sale
    answer: dict[str, Any] = field(default_factory=dict)
    is_replayed: bool = False
    refusal: LoyaltyError | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the sale's place in a batch's answer."""
        head = {"sale_id": self.sale.sale_id}
        if self.refusal is not None:
            wire = self.refusal.to_wire()
            error = {name: wire[name] for name in ("code", "status", "detail", "errors")}
            return {**head, "status": "rejected", "error": error}
        body = {**head, "status": "created", "points": self.answer["points"]}
        if self.is_replayed:
            body["status"] = "replayed"
        if self.sale.codes_digest is not None:
            body["coupons"] = self.answer["coupons"]
        return body


def record_sale(uow: UnitOfWork, *, programme: Programme, **command: Any) -> Outcome:
    """Record a sale; a sale that is known with the same content answers as it did then (L7).

    Raises:
        LoyaltyError: one of the refusals named in the contract; nothing is written.
    """
    (result,) = _record(uow, programme, [_sale(command)])
    if result.refusal is not None:
        raise result.refusal
    return Outcome(result.answer, 200 if result.is_replayed else None, result.is_replayed)


def record_sales(
    uow: UnitOfWork, *, programme: Programme, sales: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Record many sales in one transaction; each gets its own result and none harms another."""
    results = _record(uow, programme, [_sale(command) for command in sales])
    return {"results": [result.to_wire() for result in results]}


def note_refused_sale(
    uow: UnitOfWork, *, programme: Programme, refusal: LoyaltyError, **command: Any
) -> None:
    """Keep what staff has to look at of a sale that `record_sale` refused (S5)."""
    pos.note_reports(uow, programme, [_report(Result(_sale(command), refusal=refusal))])


def _sale(command: Mapping[str, Any]) -> Sale:
    lines = tuple(Line(**line) for line in command["lines"])
    return Sale(**{**command, "lines": lines})


def _record(uow: UnitOfWork, programme: Programme, sales: Sequence[Sale]) -> list[Result]:
    book = Book(uow)
    book.open(sale.member_id for sale in sales if sale.member_id is not None)
    sales = [owned(book, sale) for sale in sales]
    recording = _Recording(uow, programme, book, Awarding(uow, programme, book))
    recording.look_up(sales)
    results = [recording.record(sale) for sale in sales]
    book.flush()
    pos.note_reports(
        uow, programme, [_report(result) for result in results if not result.is_replayed]
    )
    recording.awarding.finish()
    return results


def _report(result: Result) -> pos.Report:
    sale = result.sale
    return pos.Report(
        sale_id=sale.sale_id,
        content=sale_digest(sale),
        occurred_at=sale.occurred_at,
        amount_minor=sum(line.net_minor for line in sale.lines),
        member_id=sale.member_id,
        points_to_redeem=sale.points_to_redeem,
        counter=sale.terminal_counter,
        refusal=result.refusal,
    )


@dataclass(slots=True)
class _Recording:
    """The sales of one transaction, one after the other.

    All that can refuse a sale comes before the first thing that is done for it.
    """

    uow: UnitOfWork
    programme: Programme
    book: Book
    awarding: Awarding
    _known: dict[str, orders.KnownSale] = field(default_factory=dict)
    _counters: dict[int, str] = field(default_factory=dict)
    _checkouts: dict[str, orders.Checkout] = field(default_factory=dict)
    _allowances: Allowances = field(init=False)

    def __post_init__(self) -> None:
        """Have a place for what tills were promised."""
        self._allowances = Allowances(self.uow, self.programme)

    def look_up(self, sales: Sequence[Sale]) -> None:
        """Find what is known of the sales, now that their members' accounts are locked."""
        self._allowances.look_up(sales)
        self._checkouts = orders.lock_checkouts(
            self.uow.connection, {sale.sale_id for sale in sales if sale.checkout_attempt}
        )
        self._known, self._counters = orders.known_sales(
            self.uow.connection,
            [sale.sale_id for sale in sales],
            self.uow.actor.key,
            [sale.terminal_counter for sale in sales if sale.terminal_counter is not None],
        )
        self.awarding.prepare(sale for sale in sales if sale.sale_id not in self._known)

    def record(self, sale: Sale) -> Result:
        """Record one sale or say why not."""
        content = sale_digest(sale)
        try:
            known = self._known.get(sale.sale_id)
            if known is not None:
                return Result(sale, self._replay(sale, known, content), is_replayed=True)
            tier, price = self._judge(sale)
        except LoyaltyError as refusal:
            return Result(sale, refusal=refusal)
        answer, stored = self._carry_out(sale, content, tier, price)
        self._known[sale.sale_id] = orders.KnownSale(sale.sale_id, content, stored)
        if sale.terminal_counter is not None:
            self._counters[sale.terminal_counter] = sale.sale_id
        return Result(sale, answer)

    def _replay(self, sale: Sale, known: orders.KnownSale, content: str) -> dict[str, Any]:
        answer = revive(known.answer)
        same = (known.content_hash, answer["member_id"])
        if known.content_hash != content and not is_same_sale(self.uow.connection, sale, *same):
            raise SaleIdConflict
        return answer

    def _judge(self, sale: Sale) -> tuple[Tier | None, Price]:
        """Refuse the sale, or return the tier it is judged by and what it costs."""
        counter = sale.terminal_counter
        if counter is not None and counter in self._counters:
            raise TerminalCounterConflict(sale_id=self._counters[counter])
        if sale.member_status in NOBODY:
            raise NOBODY[sale.member_status]
        price = rules.price(sale, self.programme, self.uow.now)
        if sale.coupons is not None:
            self._refuse_unless_open(sale)
        if sale.member_id is None:
            return None, price
        account = self.book.account(sale.member_id)
        refuse_over(account, sale.member_status)
        self._refuse_over_card_floor(sale, sale.member_id)
        self._allowances.refuse_unless_spendable(sale, account.figures.available)
        return rules.tier_at(account.tiers, sale.occurred_at, self.programme), price

    def _refuse_over_card_floor(self, sale: Sale, member_id: UUID) -> None:
        """Refuse to let a card, which anybody may have found, spend more than a little (M2)."""
        if sale.identified_by != CARD or not sale.points_to_redeem:
            return
        spent = card_spending.on(self.uow.connection, member_id, self._today)
        left = max(0, self.programme.card_floor - spent)
        if sale.points_to_redeem > left:
            raise CardSpendingLimit(left=left)

    @property
    def _today(self) -> date:
        return self.uow.now.astimezone(self.programme.time_zone).date()

    def _refuse_unless_open(self, sale: Sale) -> None:
        checkout = self._checkouts.get(sale.sale_id)
        if checkout is None or checkout.attempt != sale.checkout_attempt:
            raise CheckoutNotOpen
        if not checkout.is_open_at(self.uow.now):
            raise CheckoutNotOpen

    def _carry_out(
        self, sale: Sale, content: str, tier: Tier | None, price: Price
    ) -> tuple[dict[str, Any], str]:
        """Move the points, write the sale, say so; return the answer and its stored form."""
        judgement, awarded, redeem_number = NOBODYS, Awarded(), None
        if sale.member_id is not None and tier is not None:
            redeem_number = self._spend(sale, sale.member_id)
            judgement, awarded = self.awarding.award(
                sale, price, tier, recorded_by=self.uow.actor.key
            )
        code = None if tier is None else tier.code
        settled = Settled(content, price, judgement, awarded, code, redeem_number)
        written = write_sale(self.book, self.programme, sale, settled)
        if sale.coupons is not None:
            closed = {"order_id": sale.sale_id, "status": orders.COMPLETED}
            self.book.update(tables.checkouts, [{**closed, "closed_at": self.uow.now}])
        return written

    def _spend(self, sale: Sale, member_id: UUID) -> int | None:
        if not sale.points_to_redeem:
            return None
        if sale.identified_by == CARD:
            points = sale.points_to_redeem
            card_spending.add(self.uow.connection, member_id, self._today, points)
        cause = Cause(SALE, sale.sale_id, sale.occurred_at)
        available = self.book.account(member_id).figures.available
        # More than that only an offline allowance lets through.
        on_credit = max(0, sale.points_to_redeem - available)
        entry, number = self.book.spend(
            member_id, sale.points_to_redeem, cause, on_credit=on_credit
        )
        data = {"transaction_id": entry, "points": sale.points_to_redeem}
        self.uow.emit(
            events.REDEEMED,
            subject=member_id,
            occurred_at=sale.occurred_at,
            data={**data, "member_id": member_id, "sale_id": sale.sale_id},
        )
        return number
