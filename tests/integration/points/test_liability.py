"""What is outstanding, by when it lapses, now and as of then (L11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from shared.contracts.points import liability as contract
from tests.integration.points.desk import Desk, line, refusal_of

GIFT = [line("1", 1_000_000, kind="gift_card")]
LAPSE = datetime(2027, 3, 31, 16, tzinfo=UTC)


def report(desk: Desk, as_of: datetime | None = None) -> dict[str, Any]:
    query = {} if as_of is None else {"as_of": rfc3339(as_of)}
    return desk.call(contract.LIABILITY, query).body


def months(found: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(each["month"], each["points"], each["cost_minor"]) for each in found["by_month"]]


@pytest.mark.rule("L11")
def test_outstanding_points_are_listed_by_the_month_they_lapse(desk: Desk) -> None:
    members = [uuid4(), uuid4()]
    for member in members:
        desk.sell(30_000, member=member)
    desk.clock.advance(days=31)
    desk.sell(10_000, member=members[0])
    desk.sell(lines=GIFT, member=members[1], points_to_redeem=120)
    found = report(desk)
    assert months(found) == [("2027-03", 480, 480), ("2027-04", 100, 100)]
    assert (found["outstanding"], found["cost_minor"]) == (580, 580)
    assert found["outstanding"] == sum(desk.available(member) for member in members)


@pytest.mark.rule("L11")
def test_report_of_the_past_says_what_one_made_then_did(desk: Desk) -> None:
    member = uuid4()
    desk.sell(30_000, member=member, sale_id="first")
    desk.sell(lines=GIFT, member=member, points_to_redeem=100, sale_id="spent")
    then = desk.clock.now()
    made_then = report(desk)
    desk.clock.advance(days=40)
    desk.sell(50_000, member=member)
    desk.cancel("spent")
    desk.give_back("first", {"1": (1, 30_000)})
    desk.clock.move_to(LAPSE + timedelta(days=40))
    desk.service.expire_lots()
    assert report(desk, then) == made_then
    assert months(made_then) == [("2027-03", 200, 200)]
    assert report(desk)["outstanding"] == 0


@pytest.mark.rule("L11", "L4")
def test_lapsed_points_are_not_owed_before_any_sweep(desk: Desk) -> None:
    desk.sell(30_000, member=uuid4())
    desk.clock.move_to(LAPSE)
    assert report(desk)["by_month"] == []


@pytest.mark.rule("L11")
def test_forecast_follows_what_became_of_past_lots(desk: Desk) -> None:
    member = uuid4()
    desk.sell(100_000, member=member)
    desk.clock.advance(days=45)
    desk.sell(lines=GIFT, member=member, points_to_redeem=600)
    assert report(desk)["forecast_breakage"] == 0
    desk.clock.move_to(LAPSE)
    desk.service.expire_lots()
    desk.sell(200_000, member=member)
    found = report(desk)
    assert found["by_month"][0]["forecast_breakage"] == 800  # 400 of 1000 lapsed
    basis = found["basis"]
    assert (basis["past_lots"], basis["past_points"]) == (1, 1000)
    assert [(age["age_months"], age["outstanding"], age["share"]) for age in basis["by_age"]] == [
        (0, 1000, "0.4000"), (1, 1000, "0.4000"), *((age, 400, "1.0000") for age in range(2, 13)),
    ]  # fmt: skip
    desk.clock.advance(days=70)
    assert report(desk)["forecast_breakage"] == 2000


@pytest.mark.rule("L11")
def test_report_of_the_future_is_refused(desk: Desk) -> None:
    later = desk.clock.now() + timedelta(seconds=1)
    assert refusal_of(lambda: report(desk, later)).code == "as_of_in_future"
