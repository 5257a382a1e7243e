from datetime import date

import pytest

from services.members import domain
from services.members.domain import Profile
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+8613800138000", "+86*******8000"),
        ("+14155550123", "********0123"),
        ("+2901234", "******34"),
    ],
)
@pytest.mark.rule("M7")
def test_phone_mask_keeps_country_and_last_four(phone: str, masked: str) -> None:
    assert domain.mask_phone(phone) == masked


@pytest.mark.rule("M7")
@pytest.mark.parametrize(
    ("name", "masked"), [("Li Lei", "L**"), ("李雷", "李**"), ("Q", "**"), (None, None)]
)
def test_name_mask_hides_length(name: str | None, masked: str | None) -> None:
    assert domain.mask_name(name) == masked


@pytest.mark.rule("M7")
def test_email_mask_keeps_first_letter_and_domain() -> None:
    assert domain.mask_email("li.lei@example.com") == "l***@example.com"
    assert domain.mask_email(None) is None


@pytest.mark.rule("M7")
@pytest.mark.parametrize(
    ("value", "masked"), [("620000001234", "********1234"), ("ABC123", "****23"), ("7", "*")]
)
def test_value_mask_shows_at_most_four_and_never_half(value: str, masked: str) -> None:
    assert domain.mask_value(value) == masked


@pytest.mark.rule("M1")
def test_spellings_of_one_identifier_compare_equal() -> None:
    assert domain.comparable_email(" Li.Lei@Example.COM ") == "li.lei@example.com"
    assert domain.comparable_card("6200-0000 ab12") == "62000000AB12"
    # full-width letters and doubled blanks come from Chinese input methods
    assert domain.comparable_name("\uff2c\uff29  Lei") == domain.comparable_name("li lei")


def test_birthday_today_is_accepted_tomorrow_refused() -> None:
    today = date(2026, 3, 1)
    domain.check_birthday(today, today=today)
    domain.check_birthday(None, today=today)
    for impossible in (date(2026, 3, 2), date(1895, 3, 1)):
        with pytest.raises(Invalid) as refusal:
            domain.check_birthday(impossible, today=today)
        assert refusal.value.errors[0].field == "birthday"


def test_changes_touch_only_named_profile_fields() -> None:
    before = Profile("Li Lei", date(1990, 5, 17), "male")
    after = domain.changed_profile(before, {"name": None, "locale": "zh-CN"})
    assert after == Profile(None, date(1990, 5, 17), "male")
