"""The service and a naive ledger agree after any sequence of sales, returns, cancels and days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from shared.clock import rfc3339
from shared.contracts.points import rpc
from shared.errors import LoyaltyError
from tests.integration.points.desk import Desk, line, tried
from tests.property.points import naive
from tests.support.postgres import ServiceDatabase

MEMBERS = 2
LINES = st.lists(
    st.tuples(st.integers(0, 40_000), st.integers(0, 300)).map(lambda p: (p[0] + p[1], p[1])),
    min_size=1,
    max_size=3,
)
PIECES = 2


class LedgerMachine(RuleBasedStateMachine):
    """Two members who shop at one till."""

    database: ServiceDatabase
    sales = Bundle("sales")
    spends = Bundle("spends")

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(self.database)
        self.desk.allow_late_reports()
        self.ids = [uuid4() for _ in range(MEMBERS)]
        self.members = [naive.Member() for _ in self.ids]

    @initialize(target=sales, nets=st.lists(st.integers(10_000, 60_000), min_size=4, max_size=4))
    def first_sales(self, nets: list[int]) -> Any:
        """Have points to spend, some of them soon to lapse."""
        return multiple(
            *(
                self._sell(place % MEMBERS, [(net, 0)], 0, days_ago=200 * (place // MEMBERS))
                for place, net in enumerate(nets)
            )
        )

    @rule(
        target=sales,
        who=st.integers(0, MEMBERS - 1),
        lines=LINES,
        percent=st.sampled_from([0, 0, 40, 75, 100, 101]),
        days_ago=st.sampled_from([0, 1, 60, 200, 364, 400]),
    )
    def sell(self, who: int, lines: list[tuple[int, int]], percent: int, days_ago: int) -> Any:
        """Sell, and spend a part of what the member has, or a little more."""
        self.members[who].lapse(self.desk.clock.now())
        redeem = self.members[who].available * percent // 100
        sold = self._sell(who, lines, redeem, days_ago)
        return multiple() if sold is None else sold

    @rule(
        targets=(sales, spends),
        who=st.integers(0, MEMBERS - 1),
        percent=st.sampled_from([30, 60, 90, 100]),
        worth=st.integers(2, 5),
    )
    def spend(self, who: int, percent: int, worth: int) -> Any:
        """Spend over several lots at once, on something dear enough for that."""
        self.members[who].lapse(self.desk.clock.now())
        redeem = self.members[who].available * percent // 100
        sold = self._sell(who, [(redeem * worth, 0), (7, 0)], redeem, days_ago=0)
        return multiple() if sold is None else sold

    @rule(sale=spends, part=st.sampled_from([2, 3, 5]))
    def refund(self, sale: tuple[int, str, naive.Sale], part: int) -> None:
        """Give a part of the money back, and so a part of the points."""
        who, sale_id, sold = sale
        value = (sold.lines[0].value - sold.lines[0].refunded) // part
        if sold.is_cancelled:
            return
        points = self.desk.give_back(sale_id, {"1": (0, value)}).body["points"]
        now = self.desk.clock.now()
        self.members[who].lapse(now)
        assert points == self.members[who].take_back(sold, {0: (0, value)}, now)

    @rule(sale=sales, data=st.data())
    def take_back(self, sale: tuple[int, str, naive.Sale], data: st.DataObject) -> None:
        who, sale_id, sold = sale
        places = data.draw(st.sets(st.integers(0, len(sold.lines) - 1), min_size=1))
        parts = {}
        for place in places:
            at = sold.lines[place]
            left = at.value - at.refunded
            value = data.draw(st.one_of(st.just(left), st.integers(0, left + 1)))
            parts[place] = (data.draw(st.integers(0, PIECES)), value)
        now = self.desk.clock.now()
        excess = any(
            pieces > PIECES - sold.lines[place].returned
            or value > sold.lines[place].value - sold.lines[place].refunded
            for place, (pieces, value) in parts.items()
        )
        lines = {str(place + 1): part for place, part in parts.items()}
        answer = tried(self.desk.give_back, sale_id, lines)
        if isinstance(answer, LoyaltyError):
            expected = "sale_cancelled" if sold.is_cancelled else "return_exceeds_sale"
            assert answer.code == expected
            assert sold.is_cancelled or excess
            return
        assert not sold.is_cancelled
        assert not excess
        self.members[who].lapse(now)
        assert answer.body["points"] == self.members[who].take_back(sold, parts, now)

    @rule(sale=consumes(sales), fault=st.booleans())
    def cancel(self, sale: tuple[int, str, naive.Sale], fault: bool) -> None:
        who, sale_id, sold = sale
        if sold.is_cancelled:
            return
        points = self.desk.cancel(sale_id, merchant_fault=fault).body["points"]
        now = self.desk.clock.now()
        parts = {
            place: (PIECES - at.returned, at.value - at.refunded)
            for place, at in enumerate(sold.lines)
        }
        self.members[who].lapse(now)
        assert points == self.members[who].take_back(sold, parts, now, fault=fault)
        sold.is_cancelled = True

    @rule(days=st.sampled_from([1, 1, 5, 29, 31, 120]), swept=st.booleans())
    def wait(self, days: int, swept: bool) -> None:
        self.desk.clock.advance(days=days, seconds=1)
        if swept:
            self.desk.service.expire_lots()

    @rule(
        who=st.integers(0, MEMBERS - 1),
        multiplier=st.sampled_from(["1", "1.1", "1.25", "1.5", "0.333"]),
    )
    def promote(self, who: int, multiplier: str) -> None:
        self.desk.clock.advance(seconds=1)
        # Each change is good for every sale, and comes after the change before it.
        since = self.desk.clock.now() - timedelta(days=5_000)
        self.desk.promote(self.ids[who], "TIER", multiplier, since=since)
        self.members[who].multiplier = Fraction(multiplier)

    @invariant()
    def balances_agree(self) -> None:
        now = self.desk.clock.now()
        for member_id, member in zip(self.ids, self.members, strict=True):
            member.lapse(now)
            self._compare(self.desk.points(member_id), member)

    def teardown(self) -> None:
        assert self.desk.verify()["drift"] == []

    def _sell(
        self, who: int, lines: list[tuple[int, int]], redeem: int, days_ago: int
    ) -> tuple[int, str, naive.Sale] | None:
        now = self.desk.clock.now()
        member, value = self.members[who], sum(net - discount for net, discount in lines)
        member.lapse(now)
        occurred_at = now - timedelta(days=days_ago)
        wire = [
            line(str(place), net, quantity=PIECES, discount_minor=discount)
            for place, (net, discount) in enumerate(lines, start=1)
        ]
        sale = self.desk.sale(
            lines=wire,
            member=self.ids[who],
            points_to_redeem=redeem,
            occurred_at=rfc3339(occurred_at),
        )
        answer = tried(self.desk.call, rpc.RECORD_SALE, sale)
        in_range = 100 <= redeem <= value // 2
        if isinstance(answer, LoyaltyError):
            code = "insufficient_points" if in_range else "redemption_out_of_range"
            assert answer.code == code
            assert redeem > member.available or not in_range
            return None
        assert in_range or not redeem
        body = answer.body
        sold = member.sell(lines, redeem, now, occurred_at)
        assert body["points"]["earned"] == sum(line.points for line in sold.lines)
        assert body["balances"]["available"] == member.available
        shown = [part["points"] for part in body["explain"][0]["lines"]]
        assert shown == [line.points for line in sold.lines]
        return who, str(body["sale_id"]), sold

    @staticmethod
    def _compare(shown: dict[str, Any], member: naive.Member) -> None:
        by_expiry: dict[str, int] = {}
        for lot in sorted(member.lots, key=lambda lot: lot.expires_at):
            if lot.points:
                at = rfc3339(lot.expires_at)
                by_expiry[at] = by_expiry.get(at, 0) + lot.points
        assert shown["balances"] == {
            "available": member.available, "pending": 0, "held": 0, "debt": member.debt,
        }  # fmt: skip
        assert shown["lifetime"] == {
            "earned": member.earned,
            "redeemed": member.redeemed,
            "expired": member.expired,
            "clawed_back": member.clawed_back,
            "adjusted": 0,
        }
        assert {e["expires_at"]: e["points"] for e in shown["expiring"]} == by_expiry


@pytest.mark.timeout(400)
@pytest.mark.rule("L2", "L3", "L4", "L6", "E1", "S1", "S3", "S4", "C4")
def test_service_agrees_with_naive_ledger(
    service_database: Callable[[str], ServiceDatabase],
) -> None:
    class Machine(LedgerMachine):
        database = service_database("points")

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=50,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
