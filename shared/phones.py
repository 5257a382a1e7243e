"""Phone numbers in one spelling, so that one phone is one person (M1)."""

from __future__ import annotations

import re

import phonenumbers

from shared.errors import FieldError, Invalid

DEFAULT_REGION = "CN"
PURPOSE = "phone"
"""Purpose of `shared.security.crypto.LookupKey.digest` for the normalised number, everywhere."""

_LONGEST = 40
_MOBILE = re.compile(r"(?:\+86)?(1(?:[3-68-9][0-9]|7[0-8])[0-9]{8})")
"""Most of what comes: mobiles of the default region, whose E.164 needs no looking up."""
# Of a length that can be dialled from anywhere. Number ranges change too often to judge by them.
_DIALLABLE = phonenumbers.ValidationResult.IS_POSSIBLE


def normalise(phone: str, *, region: str = DEFAULT_REGION, field: str = "phone") -> str:
    """Return the number as E.164 (``+8613800138000``).

    ``region`` (ISO 3166) is assumed for numbers written without a country code; ``field`` is the
    name the refusal cites.

    Raises:
        Invalid: no number that could be dialled.
    """
    mobile = _MOBILE.fullmatch(phone)
    if mobile is not None and (phone[0] == "+" or region == DEFAULT_REGION):
        return f"+86{mobile[1]}"
    try:
        if len(phone) > _LONGEST:
            raise ValueError
        number = phonenumbers.parse(phone, region)
        if phonenumbers.is_possible_number_with_reason(number) != _DIALLABLE or number.extension:
            raise ValueError
    except (ValueError, phonenumbers.NumberParseException):
        wrong = FieldError(field, "invalid_phone", "Not a phone number.")
        raise Invalid("The phone number is not valid.", errors=[wrong]) from None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
