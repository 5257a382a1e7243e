from __future__ import annotations

import base64
import hmac

import pytest
from cryptography.exceptions import InvalidTag

from shared.security.crypto import LookupKey, MasterKey, new_key


@pytest.mark.rule("M4")
def test_sealed_field_opens_only_with_its_key_and_context() -> None:
    master = MasterKey(new_key())
    key, wrapped = master.new_data_key()
    sealed = key.seal(b"13800000000", context=b"members.phone")
    assert b"13800000000" not in sealed
    assert master.unwrap(wrapped).open(sealed, context=b"members.phone") == b"13800000000"
    with pytest.raises(InvalidTag):
        key.open(sealed, context=b"members.email")
    with pytest.raises(InvalidTag):
        MasterKey(new_key()).unwrap(wrapped)


@pytest.mark.rule("M4")
def test_digest_is_stable_per_key_and_purpose() -> None:
    lookup = LookupKey(new_key())
    assert lookup.digest("phone", "x") == lookup.digest("phone", "x")
    assert lookup.digest("phone", "x") != lookup.digest("email", "x")
    assert lookup.digest("phone", "x") != LookupKey(new_key()).digest("phone", "x")


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey("c2hvcnQ=")


@pytest.mark.rule("M4")
def test_digest_is_hmac_sha256_of_purpose_and_value() -> None:
    key = new_key()
    reference = hmac.digest(base64.b64decode(key), b"phone\x1fx", "sha256")
    assert LookupKey(key).digest("phone", "x") == reference
