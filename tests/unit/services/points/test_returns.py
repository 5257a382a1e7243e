from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.points.domain.lots import Draw, Lot, draw, home_expiry, homes
from services.points.domain.programme import Programme
from services.points.domain.returns import SoldLine, Taken, claim, claim_rest, restorable
from shared.errors.points import ReturnExceedsSale, UnknownLine

NOW = datetime(2026, 3, 10, tzinfo=UTC)
PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY")


def take_back(line: SoldLine, *refunds: int) -> list[int]:
    claws = []
    for refund in refunds:
        found = claim([line], {line.line_id: Taken(0, refund)})
        claws.append(found.claw)
        (line,) = found.lines
    return claws


@pytest.mark.rule("S1")
@pytest.mark.parametrize(
    ("points", "value", "refunds", "claws"),
    [
        (7, 100, (33, 33, 34), [2, 2, 3]),
        (7, 100, (100,), [7]),
        (7, 100, (99, 1), [6, 1]),
        (1, 3, (1, 1, 1), [0, 0, 1]),
        (10, 3, (1, 1, 1), [3, 3, 4]),
        (0, 100, (50, 50), [0, 0]),
        (5, 0, (0,), [0]),
    ],
)
def test_claw_is_proportional_cumulative_and_complete(
    points: int, value: int, refunds: tuple[int, ...], claws: list[int]
) -> None:
    line = SoldLine("1", 5, value, points if value else 0)
    assert take_back(line, *refunds) == claws


@pytest.mark.rule("S1")
def test_other_lines_are_untouched() -> None:
    lines = [SoldLine("1", 1, 4000, 40), SoldLine("2", 1, 1000, 10)]
    found = claim(lines, {"2": Taken(1, 1000)})
    assert found.claw == 10
    assert [line.line_id for line in found.lines] == ["2"]
    assert not found.is_full


@pytest.mark.rule("C3")
def test_sale_is_gone_when_every_line_is() -> None:
    gift = SoldLine("gift", 1, 0, 0)
    bought = SoldLine("1", 2, 1000, 10)
    assert not claim([bought, gift], {"1": Taken(2, 1000)}).is_full
    assert claim([bought, gift], {"1": Taken(2, 900), "gift": Taken(1, 0)}).is_full
    assert claim([bought], {"1": Taken(0, 1000)}).is_full
    assert claim_rest([bought, gift]).is_full


def test_rest_is_what_returns_have_left() -> None:
    line = SoldLine("1", 3, 100, 7, returned_quantity=1, refunded_minor=33, clawed_back=2)
    rest = claim_rest([line])
    assert (rest.claw, rest.refund_minor) == (5, 67)
    assert (rest.lines[0].returned_quantity, rest.lines[0].refunded_minor) == (3, 100)


def test_excess_names_each_line() -> None:
    excess = [("lines.1.quantity", "too_many"), ("lines.1.net_minor", "too_much")]
    with pytest.raises(ReturnExceedsSale) as caught:
        claim([SoldLine("1", 1, 100, 1)], {"1": Taken(2, 101)})
    assert [(error.field, error.code) for error in caught.value.errors] == excess
    with pytest.raises(UnknownLine) as unknown:
        claim([SoldLine("1", 1, 100, 1)], {"1": Taken(2, 101), "x": Taken(1, 1)})
    assert [(error.field, error.code) for error in unknown.value.errors] == [
        *excess,
        ("lines.x", "unknown_line"),
    ]
    assert all(error.message for error in unknown.value.errors)


@pytest.mark.rule("S1")
def test_no_more_comes_back_than_earlier_returns_have_left() -> None:
    line = SoldLine("1", 3, 100, 7, returned_quantity=1, refunded_minor=40, clawed_back=2)
    (rest,) = claim([line], {"1": Taken(2, 60)}).lines
    assert (rest.returned_quantity, rest.refunded_minor, rest.clawed_back) == (3, 100, 7)
    with pytest.raises(ReturnExceedsSale) as caught:
        claim([line], {"1": Taken(3, 61)})
    assert [error.message for error in caught.value.errors] == ["2 left.", "60 left."]


@pytest.mark.rule("S4")
def test_restored_points_add_up_to_what_was_spent() -> None:
    restored = 0
    parts = []
    for refunded in (100, 200, 300):
        parts.append(restorable(101, 300, refunded, restored))
        restored += parts[-1]
    assert parts == [33, 34, 34]
    assert restorable(0, 0, 0, 0) == 0


def lots(*points: int) -> list[Draw]:
    return [Draw(UUID(int=place), amount) for place, amount in enumerate(points, start=1)]


@pytest.mark.rule("L3")
def test_draw_empties_lots_in_order() -> None:
    assert draw(lots(5, 5, 5), 7) == [*lots(5), Draw(UUID(int=2), 2)]
    assert draw(lots(5), 7) == lots(5)
    assert draw(lots(5), 0) == []


@pytest.mark.rule("S4")
def test_points_go_home_last_given_first() -> None:
    spent = lots(5, 5, 5)
    assert homes(spent, 0, 7) == [spent[2], Draw(UUID(int=2), 2)]
    assert homes(spent, 7, 8) == [Draw(UUID(int=2), 3), spent[0]]
    assert homes(spent, 15, 0) == []


@pytest.mark.rule("L3", "S4")
def test_points_remember_when_their_lot_lapses_on_the_way_out_and_home() -> None:
    lot = Draw(UUID(int=1), 5, NOW)
    assert draw([lot], 3) == [Draw(UUID(int=1), 3, NOW)]
    assert homes([lot], 0, 2) == [Draw(UUID(int=1), 2, NOW)]


@pytest.mark.rule("L4")
@pytest.mark.parametrize(
    ("expires_at", "is_gone"),
    [(NOW, True), (NOW + timedelta(microseconds=1), False), (None, False)],
)
def test_lot_is_gone_from_its_instant_on(expires_at: datetime | None, is_gone: bool) -> None:
    assert Lot(UUID(int=1), 5, NOW, expires_at).lapses_by(NOW) is is_gone


@pytest.mark.rule("S4", "C4")
@pytest.mark.parametrize(
    ("left", "fault", "lasts"),
    [
        (timedelta(days=100), False, timedelta(days=100)),
        (timedelta(microseconds=1), False, timedelta(microseconds=1)),
        (timedelta(0), False, timedelta(days=30)),
        (timedelta(days=-400), False, timedelta(days=30)),
        (timedelta(days=100), True, timedelta(days=100)),
        (timedelta(days=6), True, timedelta(days=7)),
        (timedelta(days=-1), True, timedelta(days=30)),
    ],
)
def test_points_that_come_home_last_long_enough(
    left: timedelta, fault: bool, lasts: timedelta
) -> None:
    assert home_expiry(NOW + left, NOW, PROGRAMME, merchant_fault=fault) == NOW + lasts


def test_points_that_never_lapse_come_home_so() -> None:
    assert home_expiry(None, NOW, PROGRAMME, merchant_fault=True) is None
