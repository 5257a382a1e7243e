"""Orders come and go as they like; coupons and counters agree with a naive model all the while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.coupons.harness import Coupons, Refused
from tests.support.postgres import ServiceDatabase

MEMBERS, COUPONS_EACH = 2, 2
PER_MEMBER, USES, BUDGET, VALUE = 2, 3, 1_200, 500
PUBLIC = "PUBLIC"


class Life(RuleBasedStateMachine):
    """The service against a model that only knows which order holds what."""

    database: ServiceDatabase

    @initialize()
    def begin(self) -> None:
        self.database.reset()
        self.coupons = Coupons(self.database)
        self.members = [self.coupons.member() for _ in range(MEMBERS)]
        self.unique = self.coupons.campaign(
            limits={"per_store": USES}, budget_minor=BUDGET, stacking={"category": "unique"}
        )
        self.public = self.coupons.public(
            PUBLIC,
            limits={"total": USES, "per_member": PER_MEMBER},
            stacking={"category": "public"},
        )
        self.codes: dict[str, UUID] = {}
        for member_id in self.members:
            for _ in range(COUPONS_EACH):
                self.codes[self.coupons.claim(self.unique, member_id)["code"]] = member_id
        self.fresh = self._observe_coupons()
        self.orders: dict[str, dict[str, Any]] = {}
        self.number = 0

    # What may happen.

    @rule(data=st.data(), ttl_s=st.sampled_from([60, 3_600]), with_public=st.booleans())
    def reserve(self, data: st.DataObject, ttl_s: int, with_public: bool) -> None:
        self.number += 1
        member_id = data.draw(st.sampled_from(self.members))
        code = data.draw(st.sampled_from([None, *self.codes]))
        given = [each for each in (code, PUBLIC if with_public else None) if each]
        order_id = f"o{self.number}"
        answer = self.coupons.reserve(order_id, given, member_id, ttl_s=ttl_s)
        expected = self._expected(given, member_id)
        assert [each["code"] for each in answer["applied"]] == expected
        self.orders[order_id] = {
            "status": "reserved",
            "codes": expected,
            "member": member_id,
            "ends": self.coupons.clock.now().timestamp() + ttl_s,
        }
        assert self.coupons.reserve(order_id, given, member_id, ttl_s=ttl_s) == answer

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        order_id, order = self._any_order(data)
        try:
            self.coupons.confirm(order_id)
        except Refused:
            assert order["status"] in ("released", "expired", "restored") or self._over(order)
            return
        assert order["status"] in ("reserved", "confirmed", "redeemed")
        if order["status"] == "reserved":
            order["status"] = "confirmed"

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def sale_is_recorded(self, data: st.DataObject) -> None:
        order_id, order = self._any_order(data)
        if order["status"] == "confirmed":  # points records nothing else
            self.coupons.sale_recorded(order_id)
            order["status"] = "redeemed"

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), cancel=st.booleans())
    def sale_is_undone(self, data: st.DataObject, cancel: bool) -> None:
        order_id, order = self._any_order(data)
        if order["status"] != "redeemed":
            return
        if cancel:
            self.coupons.sale_cancelled(order_id)
        else:
            self.coupons.sale_returned(order_id, full=True)
        order["status"] = "restored"

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def goods_come_back_in_part(self, data: st.DataObject) -> None:
        order_id, order = self._any_order(data)
        if order["status"] == "redeemed":
            self.coupons.sale_returned(order_id, full=False)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def checkout_is_closed(self, data: st.DataObject) -> None:
        order_id, order = self._any_order(data)
        if order["status"] in ("redeemed", "restored"):
            return
        self.coupons.checkout_closed(order_id)
        order["status"] = "released"

    @rule(seconds=st.sampled_from([1, 61, 3_601]))
    def time_passes(self, seconds: int) -> None:
        self.coupons.clock.advance(seconds=seconds)
        self.coupons.service.due_work()
        for order in self.orders.values():
            if order["status"] == "reserved" and self._over(order):
                order["status"] = "expired"

    # What holds all the while.

    @invariant()
    def counters_are_the_sum_of_living_uses(self) -> None:
        if not hasattr(self, "orders"):
            return
        living = self._living()
        unique = sum(code != PUBLIC for _, code in living)
        public = [order["member"] for order, code in living if code == PUBLIC]
        found = self.coupons.usage(self.unique)
        assert found.get(("store", "S001"), 0) == unique <= USES
        assert found.get(("budget", ""), 0) == unique * VALUE <= BUDGET
        found = self.coupons.usage(self.public)
        assert found.get(("uses", ""), 0) == len(public) <= USES
        for member_id in self.members:
            assert found.get(("member", str(member_id)), 0) == public.count(member_id)

    @invariant()
    def coupons_that_are_free_are_as_good_as_new(self) -> None:
        if not hasattr(self, "orders"):
            return
        held = {code: order for order, code in self._living() if code != PUBLIC}
        for code, coupon in self._observe_coupons().items():
            if code not in held:
                assert coupon == self.fresh[code]
            else:
                used = held[code]["status"] == "redeemed"
                assert coupon["status"] == ("redeemed" if used else "reserved")

    # The model.

    def _expected(self, given: list[str], member_id: UUID) -> list[str]:
        living = self._living()
        taken = [code for _, code in living]
        uses = {"unique": len(taken) - taken.count(PUBLIC), "public": taken.count(PUBLIC)}
        mine = sum(code == PUBLIC and order["member"] == member_id for order, code in living)
        free_budget = BUDGET - uses["unique"] * VALUE
        expected = []
        for code in given:
            if code == PUBLIC:
                good = uses["public"] < USES and mine < PER_MEMBER
            else:
                own = self.codes[code] == member_id and code not in taken
                good = own and uses["unique"] < USES and free_budget >= VALUE
            if good:
                expected.append(code)
        return expected

    def _living(self) -> list[tuple[dict[str, Any], str]]:
        return [
            (order, code)
            for order in self.orders.values()
            if order["status"] in ("reserved", "confirmed", "redeemed")
            for code in order["codes"]
        ]

    def _observe_coupons(self) -> dict[str, dict[str, Any]]:
        """Return all a member can see of its coupons; that one was used before it cannot."""
        seen = {}
        for member_id in self.members:
            for item in self.coupons.wallet(member_id):
                status = "free" if item["status"] in ("issued", "restored") else item["status"]
                seen[item["code"]] = {**item, "status": status}
        return seen

    def _any_order(self, data: st.DataObject) -> tuple[str, dict[str, Any]]:
        order_id = data.draw(st.sampled_from(sorted(self.orders)))
        return order_id, self.orders[order_id]

    def _over(self, order: dict[str, Any]) -> bool:
        over: bool = order["ends"] <= self.coupons.clock.now().timestamp()
        return over


@pytest.mark.rule("C1", "C2", "C3", "C6")
@pytest.mark.timeout(300)
def test_restored_coupons_are_as_good_as_new_and_counters_agree_whatever_happens(
    service_database: Callable[[str], ServiceDatabase],
) -> None:
    machine = type("Life", (Life,), {"database": service_database("coupons")})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=8, stateful_step_count=20, deadline=None)
    )
