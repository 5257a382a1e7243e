"""Tills that never give up a sale, and what must be true of their sales afterwards."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.support.shop import Json, Sale, Shop
from tests.support.stack import Stack
from tests.support.waiting import eventually

PROBLEM = "application/problem+json"
TRY_AGAIN = {409, 503, 504}
GONE = 0
"""Status of an attempt that got no answer: the gateway's process was killed."""
PUBLIC_CODE = "EVERYDAY"
DISCOUNT_MINOR = 500


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what it was answered."""

    began: float
    seconds: float
    status: int
    kind: str = ""
    """Content type."""
    code: str = ""
    """The problem's code."""


@dataclass
class Tills:
    """Threads that post sale after sale, each with its key until it is answered."""

    shop: Shop
    seed: str
    number: int = 4
    codes: tuple[str, ...] = ()
    """Coupon codes that one sale in three names."""
    sales: list[Sale] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    def __enter__(self) -> Tills:
        """Start to sell."""
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._sell, args=(random.Random(f"{self.seed}/{place}"),))
            for place in range(self.number)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Begin no further sale; those under way are still posted until they are answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def sell_some(self, number: int = 10, *, within_s: float = 60) -> None:
        """Return when so many more sales were answered."""
        wanted = self.answered + number
        eventually(lambda: self.answered >= wanted, within_s=within_s)

    @property
    def answered(self) -> int:
        """How many sales were answered 201."""
        return sum(sale.answer is not None for sale in list(self.sales))

    def between(self, begin: float, end: float) -> list[Attempt]:
        """Return the attempts that began in this time and have ended."""
        return [attempt for attempt in list(self.attempts) if begin <= attempt.began <= end]

    def _sell(self, chance: random.Random) -> None:
        while not self._stop.is_set():
            # Whole currency units, so that every sale's worth is its price, whatever is taken off.
            sale = Sale.of(chance.choice(self.shop.members), chance.randint(10, 400) * 100)
            if self.codes and chance.randrange(3) == 0:
                sale.body["coupons"] = list(self.codes)
            self.sales.append(sale)
            until = time.monotonic() + 120
            while not self._post(sale):
                assert time.monotonic() < until, self.attempts[-1]
                time.sleep(0.05)

    def _post(self, sale: Sale) -> bool:
        """Post once; return whether the sale is settled."""
        began = time.monotonic()
        try:
            answer = sale.post(self.shop.till)
        except httpx.TransportError:
            self.attempts.append(Attempt(began, time.monotonic() - began, GONE))
            return False
        seconds = time.monotonic() - began
        kind = answer.headers["Content-Type"]
        code = answer.json()["code"] if kind == PROBLEM else ""
        self.attempts.append(Attempt(began, seconds, answer.status_code, kind, code))
        return answer.status_code not in TRY_AGAIN


def discount_of(sale: Sale) -> int:
    """Return what coupons took off an answered sale."""
    assert sale.answer is not None
    discount: int = sale.answer["totals"]["discount_minor"]
    return discount


@dataclass(frozen=True)
class Before:
    """What members had before a test sold them more."""

    available: dict[str, int]
    progress: dict[str, int]

    @classmethod
    def of(cls, shop: Shop) -> Before:
        """Look now."""
        ids = [member["member_id"] for member in shop.members]
        return cls(
            {each: balance(shop, each)["balances"]["available"] for each in ids},
            {each: progress(shop, each) for each in ids},
        )


def assert_all_happened_once(stack: Stack, tills: Tills, before: Before) -> None:
    """Each sale is answered, and its points and events were counted exactly once."""
    shop = tills.shop
    assert {attempt.status for attempt in tills.attempts} <= {201, GONE, *TRY_AGAIN}
    assert all(sale.answer is not None for sale in tills.sales)
    available, have = dict(before.available), dict(before.progress)
    ids = {member["phone"]: member["member_id"] for member in shop.members}
    for sale in tills.sales:
        assert sale.answer is not None
        member_id = ids[sale.body["member"]["value"]]
        available[member_id] += sale.answer["points"]["earned"]
        have[member_id] += (sale.net_minor - discount_of(sale)) // 100
    assert {each: balance(shop, each)["balances"]["available"] for each in available} == available
    verified = shop.auditor.post("/v1/points/verify", {})
    assert (verified["ok"], verified["drift"]) == (True, [])
    eventually(lambda: {each: progress(shop, each) for each in have} == have)
    assert_coupons_add_up(stack, tills)
    assert stack.dead_letters() == []


def assert_coupons_add_up(stack: Stack, tills: Tills) -> None:
    """Each sale that got a discount has used its coupon once, and no other sale has."""
    discounted = {sale.body["sale_id"]: discount_of(sale) for sale in tills.sales}
    expected = {order: minor for order, minor in discounted.items() if minor}
    posted = list(discounted)
    statement = (
        "SELECT order_id, status, discount_minor FROM redemptions"
        " WHERE order_id = ANY(:posted) AND status <> 'released'"
    )

    def redeemed() -> bool:
        rows = stack.query("coupons", statement, posted=posted)
        assert len(rows) == len({row.order_id for row in rows})
        settled = all(row.status == "redeemed" for row in rows)
        return settled and {row.order_id: row.discount_minor for row in rows} == expected

    eventually(redeemed)


def balance(shop: Shop, member_id: str) -> Json:
    return shop.auditor.get(f"/v1/members/{member_id}/points")


def progress(shop: Shop, member_id: str) -> int:
    """Return the qualifying points of a member: what tiers has heard of its sales."""
    have: int = shop.auditor.get(f"/v1/members/{member_id}/tier")["progress"]["have"]
    return have
