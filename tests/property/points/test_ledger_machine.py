"""The service and a naive ledger agree after any sequence of sales, returns, cancels and days."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

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
from shared.contracts.points import adjustments, rpc, transfers
from shared.contracts.points import holds as contract
from shared.errors import LoyaltyError
from tests.integration.points.desk import Desk, line, tried
from tests.integration.points.test_pending import claw, earn
from tests.property.points import naive
from tests.support.postgres import ServiceDatabase

MEMBERS = 2
EXAMPLES = int(os.environ.get("LOYALTY_MACHINE_EXAMPLES", "50"))
"""Stories of 25 steps; more of them find more, in as much more time."""
ENDED = {
    "captured": "hold_already_captured",
    "released": "hold_already_released",
    "expired": "hold_expired",
}
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
    awards = Bundle("awards")
    holds = Bundle("holds")

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
        self.members[who].catch_up(self.desk.clock.now())
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
        self.members[who].catch_up(self.desk.clock.now())
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
        self.members[who].catch_up(now)
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
        self.members[who].catch_up(now)
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
        self.members[who].catch_up(now)
        assert points == self.members[who].take_back(sold, parts, now, fault=fault)
        sold.is_cancelled = True

    @rule(
        target=awards,
        who=st.integers(0, MEMBERS - 1),
        points=st.integers(1, 500),
        wait=st.sampled_from([0, 1, 3, 30]),
        lasts=st.sampled_from([1, 3, 5, 60]),
    )
    def award_later(self, who: int, points: int, wait: int, lasts: int) -> Any:
        """Award points that are pending for some days, and may lapse as they are."""
        now = self.desk.clock.now()
        self.members[who].catch_up(now)
        until = timedelta(days=lasts)
        lot_id = earn(self.desk, self.ids[who], points, wait=timedelta(days=wait), lasts=until)
        usable_at = now + timedelta(days=wait)
        return who, lot_id, self.members[who].award(points, usable_at, now + until, now)

    @rule(award=awards, points=st.integers(1, 400))
    def claw_award(self, award: tuple[int, UUID, naive.Lot], points: int) -> None:
        """Take an award back, as often as one likes."""
        who, lot_id, lot = award
        self.members[who].catch_up(self.desk.clock.now())
        met = claw(self.desk, self.ids[who], points, [lot_id], debt_limit=naive.DEBT_LIMIT)
        shown = {"clawed_back": met.taken, "debt": met.owed, "uncollected": met.uncollected}
        assert shown == self.members[who].claw(points, lot)

    @rule(
        target=holds,
        who=st.integers(0, MEMBERS - 1),
        percent=st.sampled_from([30, 100, 101]),
        minutes=st.sampled_from([1, 15, 1440]),
    )
    def hold(self, who: int, percent: int, minutes: int) -> Any:
        member, now = self.members[who], self.desk.clock.now()
        member.catch_up(now)
        points = member.available * percent // 100 + 1 * (percent > 100)
        payload = {"points": points, "order_id": f"o-{uuid4()}", "ttl_s": 60 * minutes}
        if not points:
            return multiple()
        payload |= {"member_id": str(self.ids[who]), "exists": True}
        answer = tried(self.desk.call, contract.PLACE, payload)
        if isinstance(answer, LoyaltyError):
            assert (answer.code, points > member.available) == ("insufficient_points", True)
            return multiple()
        ends_at = now + timedelta(minutes=minutes)
        return who, answer.body["hold_id"], member.hold(points, ends_at)

    @rule(hold=holds, percent=st.sampled_from([None, 0, 40, 100]))
    def end_hold(self, hold: tuple[int, str, naive.Hold], percent: int | None) -> None:
        """Capture a part, or release it all; whoever comes second is told how it ended."""
        who, hold_id, held = hold
        now, payload = self.desk.clock.now(), {"hold_id": hold_id}
        self.members[who].catch_up(now)
        captured = 0 if percent is None else max(held.points * percent // 100, 1)
        method = contract.CAPTURE if captured else contract.RELEASE
        more = {"points": captured} if captured else {}
        answer = tried(self.desk.call, method, payload | more)
        if isinstance(answer, LoyaltyError):
            assert answer.code == ENDED[held.status]
            return
        assert held.status == answer.body["status"] or held.status == "held"
        self.members[who].end(held, now, "captured" if captured else "released", captured)

    @rule(who=st.integers(0, MEMBERS - 1), points=st.integers(-600, 600).filter(bool))
    def adjust(self, who: int, points: int) -> None:
        member, now = self.members[who], self.desk.clock.now()
        member.catch_up(now)
        why = {"reason_code": "goodwill", "note": "n", "exists": True}
        payload = {"member_id": str(self.ids[who]), "points": points} | why
        answer = tried(self.desk.call, adjustments.ADJUST, payload)
        if isinstance(answer, LoyaltyError):
            assert (answer.code, -points > member.available) == ("insufficient_points", True)
            return
        member.adjust(points, now)

    @rule(who=st.integers(0, MEMBERS - 1), percent=st.sampled_from([10, 60, 100]))
    def transfer(self, who: int, percent: int) -> None:
        giver, taker = self.members[who], self.members[1 - who]
        now = self.desk.clock.now()
        for member in (giver, taker):
            member.catch_up(now)
        points = giver.available * percent // 100
        if points:
            both = {"from_member_id": str(self.ids[who]), "to_member_id": str(self.ids[1 - who])}
            self.desk.call(transfers.TRANSFER, both | {"points": points, "exists": True})
            giver.give(taker, points, now)

    @rule(
        wait=st.sampled_from(
            [{"days": days} for days in (1, 1, 5, 29, 31, 120)] + [{"minutes": 1}, {"hours": 1}]
        ),
        swept=st.booleans(),
        tick=st.booleans(),
    )
    def wait(self, wait: dict[str, int], swept: bool, tick: bool) -> None:
        """Let time pass, often to the very instant at which something is due."""
        self.desk.clock.advance(**wait, seconds=int(tick))
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
            member.catch_up(now)
            self._compare(self.desk.points(member_id), member)

    def teardown(self) -> None:
        assert self.desk.verify()["drift"] == []

    def _sell(
        self, who: int, lines: list[tuple[int, int]], redeem: int, days_ago: int
    ) -> tuple[int, str, naive.Sale] | None:
        now = self.desk.clock.now()
        member, value = self.members[who], sum(net - discount for net, discount in lines)
        member.catch_up(now)
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
            if lot.points and not lot.is_pending:
                at = rfc3339(lot.expires_at)
                by_expiry[at] = by_expiry.get(at, 0) + lot.points
        assert shown["balances"] == {
            "available": member.available,
            "pending": member.pending,
            "held": member.held,
            "debt": member.debt,
        }
        assert shown["lifetime"] == {
            "earned": member.earned,
            "redeemed": member.redeemed,
            "expired": member.expired,
            "clawed_back": member.clawed_back,
            "adjusted": member.adjusted,
        }
        assert {e["expires_at"]: e["points"] for e in shown["expiring"]} == by_expiry


@pytest.mark.timeout(600)
@pytest.mark.rule("L2", "L3", "L4", "L5", "L6", "L9", "L10", "E1", "E5", "S1", "S3", "S4", "C4")
def test_service_agrees_with_naive_ledger(
    service_database: Callable[[str], ServiceDatabase],
) -> None:
    class Machine(LedgerMachine):
        database = service_database("points")

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
