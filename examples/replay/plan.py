"""The timeline of a replay: who does what on which day.

Pure: the same slice gives the same timeline. The data set's dates are moved 17 years ahead, to
the next year with the same calendar: dates, weekdays and daylight saving stay as they were, and
a sandbox clock of today can still reach them. A day is played at its close: the clock moves to
local midnight, every till posts what it sold, then the campaigns of the next day start.

Ids depend on the data set alone (``cj-<basket>``), and a longer window with the same seed and
the same number of households and tills continues a shorter one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from examples.replay.campaigns import Redemption
from examples.replay.coupons import Offer, match_redemptions, offer_key, offers_of
from examples.replay.data import Basket, Household, Line, Slice
from examples.replay.dates import SHIFT, midnight

SPEND_POINTS = 500
"""What a shopper pays with points at a time; 1 point is worth 1 minor unit (H3)."""

SPEND_FROM_NET_MINOR = 2_000
"""Smallest basket that is paid with points: far above what `SPEND_POINTS` may pay of it (H3)."""

# Area codes of the United States. With 555-0100 to 555-0199 behind them, numbers that nobody
# has: they are reserved for fiction.
_AREA_CODES = (
    *("201", "202", "203", "205", "206", "207", "208", "209", "210", "212"),
    *("213", "214", "215", "216", "217", "218", "219", "220", "223", "224"),
    *("225", "227", "228", "229", "231", "234"),
)


@dataclass(frozen=True, slots=True)
class Shopper:
    """A household as a member of the programme."""

    household_id: int
    phone: str
    birthday: date | None
    home_till: int


@dataclass(frozen=True, slots=True)
class Till:
    """A terminal and the store it is bound to."""

    number: int
    terminal_id: str
    store_id: str


@dataclass(frozen=True, slots=True)
class Sale:
    """A basket on its way to the platform; ``offers`` has the keys of those it redeems."""

    sale_id: str
    household_id: int
    occurred_at: datetime
    terminal_counter: int
    lines: tuple[Line, ...]
    offers: tuple[str, ...] = ()
    points_to_redeem: int = 0

    @property
    def alone(self) -> bool:
        """Whether it has to be posted by itself: it takes coupons or points, a batch can't."""
        return bool(self.offers or self.points_to_redeem)


@dataclass(frozen=True, slots=True)
class Posting:
    """One request of a till: a batch, or a single sale that takes coupons or points."""

    sales: tuple[Sale, ...]

    @property
    def alone(self) -> bool:
        """Whether this is a single sale and not a batch."""
        return self.sales[0].alone


@dataclass(frozen=True, slots=True)
class Day:
    """A trading day: offers that start in its morning, and what each till posts at its close."""

    on: date
    closes_at: datetime
    offers: tuple[Offer, ...]
    postings: Mapping[Till, tuple[Posting, ...]]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole replay.

    Attributes:
        opens_at: Start of the first day.
        shoppers: Whom to enrol before it.
        tills: Every terminal.
        days: The days in order, none missing.
        left_out: Redemptions of the data set that can't be played, by reason.
    """

    opens_at: datetime
    shoppers: tuple[Shopper, ...]
    tills: tuple[Till, ...]
    days: tuple[Day, ...]
    left_out: Mapping[str, int]

    @property
    def sales(self) -> int:
        """How many sales will be posted."""
        return sum(len(posting.sales) for day in self.days for posting in _postings(day))


def plan(part: Slice, tills: int, batch: int) -> Timeline:
    """Lay out a slice as a timeline.

    Args:
        part: What to play.
        tills: Number of tills; the data set's stores are folded into that many, one till each,
            since a till is bound to a store and signs in anew each sandbox day.
        batch: Sales per batch at most.
    """
    registered = _tills(part, tills)
    redeemed, left_out = match_redemptions(part)
    offers = offers_of(part, redeemed)
    sales = _sales(part, registered, redeemed)
    first = part.selection.first_day
    dates = [first + timedelta(days=offset) for offset in range(part.selection.days)]
    return Timeline(
        opens_at=midnight(first),
        shoppers=_shoppers(part, registered),
        tills=registered,
        days=tuple(
            Day(
                on=day + SHIFT,
                closes_at=midnight(day + timedelta(days=1)),
                offers=offers.get(day, ()),
                postings={till: cut(sold, batch) for till, sold in sales.get(day, {}).items()},
            )
            for day in dates
        ),
        left_out=left_out,
    )


def phone_of(household_id: int) -> str:
    """A household's number, E.164, from the range reserved for fiction.

    Raises:
        IndexError: From household 2,600 on; the data set ends at 2,500.
    """
    return f"+1{_AREA_CODES[household_id // 100]}55501{household_id % 100:02d}"


def birthday_of(household: Household, year: int) -> date | None:
    """A birthday in the middle of the household's age band, if that is known."""
    if household.age is None:
        return None
    youngest = int(household.age[:2])
    age = youngest + (2 if youngest == 19 else 5)  # noqa: PLR2004 - the band 19-24 is the short one
    return date(year - age, 1, 1) + timedelta(days=household.household_id % 365)


def cut(sales: Iterable[Sale], batch: int) -> tuple[Posting, ...]:
    """Cut a till's day into requests without changing the order of its sales."""
    postings: list[Posting] = []
    waiting: list[Sale] = []
    for sale in sales:
        if waiting and (sale.alone or len(waiting) == batch):
            postings.append(Posting(tuple(waiting)))
            waiting = []
        if sale.alone:
            postings.append(Posting((sale,)))
        else:
            waiting.append(sale)
    if waiting:
        postings.append(Posting(tuple(waiting)))
    return tuple(postings)


def _tills(part: Slice, tills: int) -> tuple[Till, ...]:
    """The tills; their ids name the draw, whose baskets their counters number."""
    draw = f"{part.selection.seed}-{part.selection.households}"
    return tuple(
        Till(number, f"cj-{draw}-till-{number + 1}-of-{tills}", f"cj-store-{number + 1}-of-{tills}")
        for number in range(tills)
    )


def _till_of(basket: Basket, tills: tuple[Till, ...]) -> Till:
    return tills[basket.store_id % len(tills)]


def _shoppers(part: Slice, tills: tuple[Till, ...]) -> tuple[Shopper, ...]:
    home: dict[int, int] = {}
    for basket in part.baskets:
        home.setdefault(basket.household_id, _till_of(basket, tills).number)
    year = (part.selection.first_day + SHIFT).year
    return tuple(
        Shopper(
            household_id=household.household_id,
            phone=phone_of(household.household_id),
            birthday=birthday_of(household, year),
            home_till=home[household.household_id],
        )
        for household in part.households
    )


def _sales(
    part: Slice, tills: tuple[Till, ...], redeemed: Mapping[int, tuple[Redemption, ...]]
) -> dict[date, dict[Till, list[Sale]]]:
    """Every basket as a sale, by local date and till, in time order with rising counters."""
    counters: Counter[Till] = Counter()
    purses = _Purses()
    sales: dict[date, dict[Till, list[Sale]]] = defaultdict(lambda: defaultdict(list))
    for basket in part.baskets:
        till = _till_of(basket, tills)
        counters[till] += 1
        redemptions = redeemed.get(basket.basket_id, ())
        points = purses.pay(basket) if not redemptions else 0
        sale = Sale(
            sale_id=f"cj-{basket.basket_id}",
            household_id=basket.household_id,
            occurred_at=_at_close(basket.sold_on) if points else basket.sold_at + SHIFT,
            terminal_counter=counters[till],
            lines=basket.lines,
            offers=tuple(offer_key(each.campaign_id, each.coupon_upc) for each in redemptions),
            points_to_redeem=points,
        )
        sales[basket.sold_on][till].append(sale)
    return sales


def _at_close(day: date) -> datetime:
    """When a sale is dated that points pay a part of.

    Tills post at the day's close, and points spent longer before it would be points spent offline,
    which takes an allowance (S5).
    """
    return midnight(day + timedelta(days=1)) - timedelta(seconds=1)


class _Purses:
    """What each household owns at least, so that a plan can spend points it has not seen.

    A sale earns a point per 100 minor units or more (a tier multiplies), so the floor of that, less
    what was spent, is a lower bound; sales with coupons count as earning nothing. Only points of
    earlier days count: tills of one day post side by side.
    """

    def __init__(self) -> None:
        self._bound: Counter[int] = Counter()
        self._today: dict[int, tuple[date, int]] = {}

    def pay(self, basket: Basket) -> int:
        """Decide how many points the basket is paid with, and book what it earns."""
        household = basket.household_id
        day, earned = self._today.get(household, (basket.sold_on, 0))
        if day != basket.sold_on:
            self._bound[household] += earned
            earned = 0
        points = 0
        if self._bound[household] >= SPEND_POINTS and basket.net_minor >= SPEND_FROM_NET_MINOR:
            points = SPEND_POINTS
            self._bound[household] -= points
        eligible = sum(line.net_minor for line in basket.lines if not line.gift_card)
        self._today[household] = (basket.sold_on, earned + max(0, eligible - points) // 100)
        return points


def _postings(day: Day) -> Iterable[Posting]:
    return (posting for postings in day.postings.values() for posting in postings)
