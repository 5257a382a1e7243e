from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.points.domain.lateness import is_offline, judge_time
from services.points.domain.programme import Programme
from shared.errors.points import SaleInFuture, SaleTooOld

NOW = datetime(2026, 3, 10, tzinfo=UTC)
PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY")
TICK = timedelta(microseconds=1)


@pytest.mark.rule("S5")
@pytest.mark.parametrize("at", [NOW + timedelta(minutes=5), NOW, NOW - timedelta(hours=72)])
def test_report_passes_within_its_limits(at: datetime) -> None:
    judge_time(at, PROGRAMME, NOW)


@pytest.mark.rule("S5")
def test_report_is_refused_beyond_its_limits() -> None:
    with pytest.raises(SaleInFuture):
        judge_time(NOW + timedelta(minutes=5) + TICK, PROGRAMME, NOW)
    with pytest.raises(SaleTooOld):
        judge_time(NOW - timedelta(hours=72) - TICK, PROGRAMME, NOW)


@pytest.mark.rule("S5")
def test_till_that_reports_late_was_offline() -> None:
    within = PROGRAMME.online_within
    assert not is_offline(NOW - within, PROGRAMME, NOW)
    assert is_offline(NOW - within - TICK, PROGRAMME, NOW)
    assert not is_offline(NOW + timedelta(minutes=5), PROGRAMME, NOW)
