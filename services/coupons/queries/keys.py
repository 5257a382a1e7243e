"""Keys that lists go on after (A4): the gateway signs them, and nobody trusts it blindly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import parse_rfc3339
from shared.errors import FieldError, Invalid


def uuid_of(after: Mapping[str, Any], key: str) -> UUID:
    """Return an id of the key a list goes on after."""
    try:
        return UUID(str(after[key]))
    except (KeyError, ValueError):
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")]) from None


def instant_of(text: str) -> datetime:
    """Return a time of the key a list goes on after."""
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise Invalid(errors=[FieldError("after", "invalid", "Not a key of this list.")]) from None
