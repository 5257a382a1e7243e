from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.domain.expiry import ExpiryChange, ExpiryHistory, shortens
from services.points.domain.programme import LotTerms, Programme
from shared.errors import LoyaltyError
from shared.errors.points import (
    ExpiryChangeInPast,
    ExpiryChangeOutOfOrder,
    ExpiryForceRequired,
    ExpiryNoticeTooShort,
    ExpiryReasonRequired,
    ExpiryUnchanged,
)

PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY")
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
SUMMER = datetime(2026, 6, 30, 16, tzinfo=UTC)
TERMS = st.builds(LotTerms, st.integers(0, 40), st.sampled_from(["day", "month_end", "year_end"]))
INSTANTS = st.integers(-400, 1000).map(lambda days: SUMMER + timedelta(days=days, hours=days % 24))


def history(*changes: tuple[LotTerms, datetime]) -> ExpiryHistory:
    return ExpiryHistory(PROGRAMME, tuple(ExpiryChange(*change) for change in changes))


@pytest.mark.rule("L12")
@pytest.mark.parametrize(
    ("before", "after", "sooner"),
    [
        (LotTerms(12, "month_end"), LotTerms(12, "day"), True),
        (LotTerms(12, "day"), LotTerms(12, "month_end"), False),
        (LotTerms(12, "month_end"), LotTerms(12, "year_end"), False),
        (LotTerms(12, "month_end"), LotTerms(24, "month_end"), False),
        (LotTerms(12, "month_end"), LotTerms(11, "month_end"), True),
        # Points of January last longer under the year's end than for 18 months.
        (LotTerms(12, "year_end"), LotTerms(18, "day"), True),
        (LotTerms(12, "year_end"), LotTerms(24, "day"), False),
        (LotTerms(12, "day"), LotTerms(12, "day"), False),
        # What is earned on the 1st of January lasts to the same day, all else longer.
        (LotTerms(0, "year_end"), LotTerms(11, "month_end"), False),
        # A month later by the day may be the same month's end, but never before it.
        (LotTerms(12, "month_end"), LotTerms(13, "day"), False),
    ],
)
def test_terms_are_shorter_if_points_of_any_day_lapse_sooner(
    before: LotTerms, after: LotTerms, sooner: bool
) -> None:
    assert shortens(before, after) is sooner


@pytest.mark.rule("L12")
def test_terms_of_the_instant_of_the_earn_count() -> None:
    changed = history((LotTerms(6), SUMMER))
    before, after = SUMMER - timedelta(microseconds=1), SUMMER
    assert changed.expiry_of(before) == PROGRAMME.expiry_of(before)
    assert changed.expiry_of(after) == PROGRAMME.expiry_of(after, LotTerms(6))


@pytest.mark.rule("L12")
def test_what_was_earned_before_keeps_the_later_expiry() -> None:
    longer = history((LotTerms(24), SUMMER))
    assert longer.expiry_of(NOW) == PROGRAMME.expiry_of(NOW, LotTerms(24))
    then_shorter = history((LotTerms(24), SUMMER), (LotTerms(1), SUMMER + timedelta(days=90)))
    assert then_shorter.expiry_of(NOW) == PROGRAMME.expiry_of(NOW, LotTerms(24))


@pytest.mark.rule("L12")
def test_points_that_lapsed_by_then_stay_lapsed() -> None:
    earned_at = datetime(2025, 6, 1, tzinfo=UTC)
    assert PROGRAMME.expiry_of(earned_at) == SUMMER
    assert history((LotTerms(24), SUMMER)).expiry_of(earned_at) == SUMMER


@pytest.mark.rule("L12")
def test_of_two_changes_from_one_instant_the_later_word_counts() -> None:
    mended = history((LotTerms(240), SUMMER), (LotTerms(24), SUMMER))
    assert mended.terms_at(SUMMER) == LotTerms(24)


@pytest.mark.rule("L12")
@given(TERMS, TERMS, INSTANTS)
def test_change_never_makes_points_lapse_sooner(
    first: LotTerms, second: LotTerms, earned_at: datetime
) -> None:
    changes = [(first, SUMMER), (second, SUMMER + timedelta(days=200))]
    earlier = [change for change in changes if change[1] <= earned_at]
    assert history(*changes).expiry_of(earned_at) >= history(*earlier).expiry_of(earned_at)


@pytest.mark.rule("L12")
@given(TERMS, TERMS, INSTANTS)
def test_periods_say_of_existing_lots_what_awards_would(
    first: LotTerms, second: LotTerms, earned_at: datetime
) -> None:
    before = history((first, datetime(2025, 6, 1, tzinfo=UTC)))
    change = ExpiryChange(second, SUMMER)
    after = ExpiryHistory(PROGRAMME, (*before.changes, change))
    lot = before.expiry_of(earned_at)
    if earned_at < SUMMER < lot:
        lot = max(
            lot,
            *(
                period.expires_at
                for period in before.periods(change)
                if period.earned_from <= earned_at < period.earned_until
            ),
        )
    if earned_at < SUMMER:
        assert lot == after.expiry_of(earned_at)


SHORTER = LotTerms(6)
SOON, LATER = NOW + timedelta(days=29), NOW + timedelta(days=30)


@pytest.mark.rule("L12")
@pytest.mark.parametrize(
    ("terms", "effective_from", "force", "reason", "refusal"),
    [
        (LotTerms(24), NOW - timedelta(microseconds=1), False, None, ExpiryChangeInPast),
        (LotTerms(12), NOW, False, None, ExpiryUnchanged),
        (SHORTER, LATER, False, "costs", ExpiryForceRequired),
        (SHORTER, LATER, True, None, ExpiryReasonRequired),
        (SHORTER, SOON, True, "costs", ExpiryNoticeTooShort),
    ],
)
def test_change_is_refused(
    terms: LotTerms,
    effective_from: datetime,
    force: bool,
    reason: str | None,
    refusal: type[LoyaltyError],
) -> None:
    change = ExpiryChange(terms, effective_from)
    with pytest.raises(refusal):
        history().judge(change, NOW, force=force, reason=reason)


@pytest.mark.rule("L12")
def test_refusal_for_short_notice_says_from_when_the_change_may_hold() -> None:
    with pytest.raises(ExpiryNoticeTooShort) as caught:
        history().judge(ExpiryChange(SHORTER, SOON), NOW, force=True, reason="costs")
    assert caught.value.extra == {"not_before": "2026-04-09T04:00:00Z"}


@pytest.mark.rule("L12")
def test_change_is_judged_by_the_terms_it_would_replace() -> None:
    known = history((LotTerms(24), SUMMER))
    with pytest.raises(ExpiryUnchanged):
        known.judge(ExpiryChange(LotTerms(24), SUMMER), NOW, force=False, reason=None)
    assert known.judge(ExpiryChange(LotTerms(12), SUMMER), NOW, force=True, reason="costs")


@pytest.mark.rule("L12")
def test_change_before_one_that_is_known_is_refused() -> None:
    known = history((LotTerms(24), SUMMER))
    with pytest.raises(ExpiryChangeOutOfOrder) as caught:
        known.judge(ExpiryChange(LotTerms(36), NOW), NOW, force=False, reason=None)
    assert caught.value.extra == {"not_before": "2026-06-30T16:00:00Z"}


@pytest.mark.rule("L12")
def test_shortening_with_force_reason_and_notice_is_taken() -> None:
    assert history().judge(ExpiryChange(SHORTER, LATER), NOW, force=True, reason="costs")
    assert not history().judge(ExpiryChange(LotTerms(24), NOW), NOW, force=False, reason=None)
