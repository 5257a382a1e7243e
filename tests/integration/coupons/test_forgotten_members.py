"""Whoever was erased holds no coupon that is good, whatever was under way (M6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from services.coupons.use_cases import minting
from shared.calls import Actor
from shared.contracts.coupons import rpc
from shared.contracts.privacy import ERASED
from shared.ids import new_id
from tests.integration.coupons.harness import Coupons, Refused, held
from tests.integration.coupons.reward_desk import Desk

_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
Give = Callable[[Coupons, UUID], Any]


def forget(coupons: Coupons, member_id: UUID) -> None:
    told = {"member_id": member_id, "erased_at": coupons.clock.now()}
    coupons.tell(ERASED, told)


def claim(coupons: Coupons, member_id: UUID) -> None:
    coupons.claim(coupons.campaign(), member_id)


def issue(coupons: Coupons, member_id: UUID) -> None:
    coupons.issue(coupons.campaign(), member_id)


def gift(coupons: Coupons, member_id: UUID) -> None:
    giver, _, coupon = held(coupons, giftable=True)
    payload = {"code": coupon["code"], "member_id": str(giver), "receiver_id": str(member_id)}
    coupons.call(rpc.GIFT, payload, actor=Actor("member", str(giver)))


def statuses(coupons: Coupons, member_id: UUID) -> list[tuple[str, int]]:
    """Return status and length of the sealed code of a member's coupons."""
    rows = coupons.database.query(
        "SELECT status, length(code_sealed) FROM coupons WHERE member_id = :id", id=member_id
    )
    return [tuple(row) for row in rows]


@pytest.mark.rule("M6")
@pytest.mark.parametrize("give", [claim, issue, gift])
def test_coupon_given_at_the_moment_of_the_erasure_is_void(
    coupons: Coupons, monkeypatch: pytest.MonkeyPatch, give: Give
) -> None:
    member_id = coupons.member()
    store, erasing = minting.store, threading.Thread(target=forget, args=(coupons, member_id))

    def store_while_erased(*args: Any) -> None:
        store(*args)
        if args[1][0]["member_id"] != member_id:
            return
        erasing.start()  # it comes while this transaction is open, and ends before or waits
        while erasing.is_alive() and not coupons.database.query(_WAITING)[0][0]:
            time.sleep(0.01)

    monkeypatch.setattr(minting, "store", store_while_erased)
    give(coupons, member_id)
    erasing.join()
    assert statuses(coupons, member_id) == [("void", 0)]


@pytest.mark.rule("M6")
def test_member_not_heard_of_before_its_erasure_gets_nothing(coupons: Coupons) -> None:
    known, campaign_id = coupons.member(), coupons.campaign()
    for member_id in (known, UUID(int=known.int ^ 1)):
        forget(coupons, member_id)
        with pytest.raises(Refused, match="not_claimable"):
            coupons.claim(campaign_id, member_id)
        assert statuses(coupons, member_id) == []


@pytest.mark.rule("M6", "R1")
def test_coupon_that_was_paid_for_before_the_erasure_is_not_made_after_it(
    coupons: Coupons, desk: Desk
) -> None:
    member_id, hold_id = coupons.member(), new_id()
    reward_id = desk.reward(kind="coupon", campaign_id=coupons.campaign())
    order = desk.reserve(reward_id, member_id)
    desk.confirm(order, hold_id)
    forget(coupons, member_id)
    desk.hear("captured", order, hold_id)
    assert (desk.status(order), statuses(coupons, member_id)) == ("ordered", [])


@pytest.mark.rule("M6", "C3", "C4")
@pytest.mark.parametrize("fault", [False, True])
@pytest.mark.parametrize("undone", ["cancelled", "returned"])
def test_order_undone_after_the_erasure_gives_back_counts_and_nothing_of_the_person(
    coupons: Coupons, undone: str, *, fault: bool
) -> None:
    member_id, campaign_id, coupon = held(
        coupons, validity={"days_after_issue": 2}, limits={"total": 5}, budget_minor=9_000
    )
    coupons.buy("o1", [coupon["code"]], member_id)
    forget(coupons, member_id)
    if undone == "cancelled":
        coupons.sale_cancelled("o1", reason="out_of_stock", merchant_fault=fault)
    else:
        coupons.sale_returned("o1", full=True)
    assert statuses(coupons, member_id) == [("void", 0)]
    assert coupons.usage(campaign_id)["budget", ""] == 0
    assert coupons.changes(coupon["coupon_id"])[-1] == ("redeemed", "void", f"sale.{undone}")
    assert not coupons.events("coupon.restored") + coupons.events("coupon.prolonged")
