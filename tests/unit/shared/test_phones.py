from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.phones import normalise


@pytest.mark.rule("M1")
@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+8613800138000",
        "008613800138000",
        "138 0013 8000",
        "+86 138-0013-8000",
        "１３８００１３８０００",  # noqa: RUF001 - full-width digits, as Chinese keyboards write them
    ],
)
def test_spellings_of_one_phone_are_one_phone(written: str) -> None:
    assert normalise(written) == "+8613800138000"


@pytest.mark.rule("M1")
@settings(max_examples=150, deadline=None)
@given(st.from_regex(r"(\+86)?1[3-9][0-9]{9}", fullmatch=True))
def test_mobile_is_what_the_library_makes_of_it(written: str) -> None:
    number = phonenumbers.parse(written, "CN")
    assert normalise(written) == phonenumbers.format_number(
        number, phonenumbers.PhoneNumberFormat.E164
    )


def test_foreign_number_keeps_its_country() -> None:
    assert normalise("+1 202 555 0123") == "+12025550123"


def test_number_without_country_is_of_the_region_given() -> None:
    assert normalise("(202) 555-0123", region="US") == "+12025550123"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "abc",
        "110",
        "12345",
        "+861380013800012345",
        "+99912345678",
        "13800138000;ext=5",
        "1" * 41,
    ],
)
def test_what_cannot_be_dialled_is_refused_by_name_of_field(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise(written, field="to.phone")
    assert refused.value.errors[0].field == "to.phone"
    assert refused.value.errors[0].code == "invalid_phone"
