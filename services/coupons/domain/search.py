"""The sequence of coupons that is best for the member (C7).

What a coupon takes off depends on those before it: 10 % of what 5.00 off left is less than 10 % of
the whole. So it is sequences that are compared, not sets. Up to `EXHAUSTIVE_OPTIONS` coupons every
sequence the rules allow is looked at, save those that cannot reach the best one found. Beyond that
the search is bounded: it grows the `BEAM_WIDTH` best sequences by one coupon at a time, with one
sequence for each set of coupons.

The best one takes off most; then gives most gifts; then uses what expires sooner, then the lower
id; and among orders of the same coupons, the one that keeps to priority. Nothing of it depends on
the order in which the coupons were given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.coupons.domain.campaign import Terms
from services.coupons.domain.discounts import discounts_at, total_at
from services.coupons.domain.stacking import MAX_APPLIED, stacking_refusal

EXHAUSTIVE_OPTIONS = 8
BEAM_WIDTH = 32

_NEVER = datetime.max.replace(tzinfo=UTC)
_Tie = tuple[datetime, str]
_Rank = tuple[int, datetime, str]
Prices = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """A coupon that may be applied by itself."""

    key: int
    """Its number among the options."""
    terms: Terms
    quantities: tuple[int, ...]
    """Pieces of each line."""
    places: tuple[int, ...]
    """Lines that it takes something off."""
    expires_at: datetime | None
    identity: str
    room_minor: int | None = None
    """What is left of its budget; None is no budget."""

    @property
    def tie(self) -> _Tie:
        """Return what decides between coupons that are worth the same."""
        return (self.expires_at or _NEVER, self.identity)

    @property
    def rank(self) -> _Rank:
        """Return its place among coupons where their order makes no difference."""
        return (self.terms.priority, *self.tie)

    def most_at(self, prices: Sequence[int]) -> int:
        """Return what it takes off at these prices or lower ones, or more."""
        total = total_at(self.terms, self.places, self.quantities, prices)
        return total if self.room_minor is None else min(total, self.room_minor)

    def worth(self, prices: Sequence[int]) -> int | None:
        """Return what it takes off at these prices; None if it cannot be applied to them."""
        total = total_at(self.terms, self.places, self.quantities, prices)
        if total == 0 and self.terms.kind != "gift":
            return None
        if self.room_minor is not None and max(total, 1) > self.room_minor:
            return None
        return total


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Coupons applied one after another, and what they left of the prices."""

    options: tuple[Option, ...]
    prices: Prices
    total: int = 0
    key: tuple[object, ...] = (0, 0, (), ())
    """Orders sequences from the best one on."""

    @property
    def full(self) -> bool:
        """Whether no further coupon may follow."""
        return len(self.options) >= MAX_APPLIED

    def longer(self, option: Option, worth: int) -> _Sequence:
        """Return this with one coupon more, at the prices before it."""
        options, total = (*self.options, option), self.total + worth
        gifts = sum(each.terms.kind == "gift" for each in options)
        ties = tuple(sorted(each.tie for each in options))
        key = (-total, -gifts, ties, tuple(each.rank for each in options))
        return _Sequence(options, self.prices, total, key)

    def discounted(self) -> _Sequence:
        """Return this at the prices that its last coupon leaves."""
        option, prices = self.options[-1], list(self.prices)
        shares = discounts_at(option.terms, option.places, option.quantities, prices)
        for place, off in zip(option.places, shares, strict=True):
            prices[place] -= off
        return _Sequence(self.options, tuple(prices), self.total, self.key)

    def joining(self, options: Iterable[Option]) -> list[Option]:
        """Return the coupons that combine with these."""
        stackings = [each.terms.stacking for each in self.options]
        return [
            each
            for each in options
            if each not in self.options and not stacking_refusal(each.terms.stacking, stackings)
        ]


def best_sequence(options: Sequence[Option], prices: Sequence[int]) -> tuple[Option, ...]:
    """Return the coupons to apply, in this order."""
    ordered = sorted(options, key=lambda each: each.rank)
    shorter, left = _condensed(ordered, prices)
    start = _Sequence((), left)
    if len(shorter) <= EXHAUSTIVE_OPTIONS:
        found = _Exhaustive(shorter, start).best
    else:
        found = _beam(shorter, start, BEAM_WIDTH)
    by_key = {each.key: each for each in options}
    return tuple(by_key[each.key] for each in found.options)


class _Exhaustive:
    """Looks at every sequence, save those that cannot reach the best one found."""

    def __init__(self, options: Sequence[Option], start: _Sequence) -> None:
        self.best = _beam(options, start, 1)
        self._seen: set[tuple[frozenset[int], Prices]] = set()
        self._explore(start, options)

    def _explore(self, sequence: _Sequence, left: Sequence[Option]) -> None:
        joining = sequence.joining(left)
        # Prices only fall, and no kind of coupon takes more off a lower price.
        most = {each.key: each.most_at(sequence.prices) for each in joining}
        places_after = MAX_APPLIED - len(sequence.options) - 1
        for option in joining:
            worth = option.worth(sequence.prices)
            if worth is None:
                continue
            after = sorted((most[each.key] for each in joining if each is not option), reverse=True)
            if sequence.total + worth + sum(after[:places_after]) < self.best.total:
                continue
            longer = sequence.longer(option, worth)
            if longer.key < self.best.key:
                self.best = longer
            if not longer.full:
                self._follow(longer.discounted(), joining)

    def _follow(self, sequence: _Sequence, left: Sequence[Option]) -> None:
        # Coupons come by rank: of several ways to one state the first is the best.
        state = frozenset(each.key for each in sequence.options), sequence.prices
        if state not in self._seen:
            self._seen.add(state)
            self._explore(sequence, left)


def _beam(options: Sequence[Option], start: _Sequence, width: int) -> _Sequence:
    """Grow the ``width`` best sequences by one coupon at a time, one sequence for each set."""
    best, kept = start, [start]
    while kept:
        grown: dict[frozenset[int], _Sequence] = {}
        for sequence in kept:
            for option in sequence.joining(options):
                worth = option.worth(sequence.prices)
                if worth is None:
                    continue
                longer = sequence.longer(option, worth)
                of_set = frozenset(each.key for each in longer.options)
                if of_set not in grown or longer.key < grown[of_set].key:
                    grown[of_set] = longer
        ahead = sorted(grown.values(), key=lambda each: each.key)[:width]
        best = min([best, *ahead], key=lambda each: each.key)
        kept = [each.discounted() for each in ahead if not each.full]
    return best


def _condensed(
    options: Sequence[Option], prices: Sequence[int]
) -> tuple[tuple[Option, ...], Prices]:
    """Put lines together that no coupon tells apart, so that long baskets cost no more.

    Lines may become one if each coupon that covers them covers nothing else, and its discount
    depends on their sum only: how it is shared between them then changes no total.
    """
    signatures = _signatures(options)
    apart = {
        signature
        for option in options
        for signature in {signatures[place] for place in option.places}
        if option.terms.kind == "fixed_price"
        or any(signatures[place] != signature for place in option.places)
    }
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, signature in signatures.items():
        groups[(-1 - place,) if signature in apart else signature].append(place)
    at = {place: new for new, places in enumerate(groups.values()) for place in places}
    merged = tuple(sum(prices[place] for place in places) for places in groups.values())
    shorter = tuple(
        Option(
            option.key,
            option.terms,
            tuple(option.quantities[places[0]] for places in groups.values()),
            tuple(sorted({at[place] for place in option.places})),
            option.expires_at,
            option.identity,
            option.room_minor,
        )
        for option in options
    )
    return shorter, merged


def _signatures(options: Iterable[Option]) -> dict[int, tuple[int, ...]]:
    """Return for each line that is covered at all the coupons that cover it."""
    covering: dict[int, list[int]] = defaultdict(list)
    for option in options:
        for place in option.places:
            covering[place].append(option.key)
    return {place: tuple(keys) for place, keys in covering.items()}
