from __future__ import annotations

import pytest

from shared.errors import Busy, FieldError, Invalid, LoyaltyError, RemoteError, from_wire


def test_error_survives_the_wire_with_its_class() -> None:
    sent = Invalid("Look again.", errors=[FieldError("a.b", "required", "Missing.")], hint=1)
    got = from_wire(sent.to_wire())
    assert type(got) is Invalid
    assert got.to_wire() == sent.to_wire()


def test_error_of_a_newer_service_keeps_code_and_status() -> None:
    wire = {"code": "born_tomorrow", "status": 409, "retryable": True, "detail": "x", "errors": []}
    got = from_wire(wire)
    assert isinstance(got, RemoteError)
    assert (got.code, got.status, got.retryable) == ("born_tomorrow", 409, True)


def test_default_message_is_the_docstring() -> None:
    assert Busy().detail.startswith("Too many requests touch the same records")


def test_one_code_cannot_stand_for_two_classes() -> None:
    with pytest.raises(TypeError, match="busy"):
        type("Other", (LoyaltyError,), {"code": "busy"})
