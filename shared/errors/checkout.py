"""Refusals of quotes and checkouts, by whichever part of the platform finds the reason."""

from __future__ import annotations

from shared.errors import LoyaltyError


class QuoteTokenInvalid(LoyaltyError):
    """This is no quote that was made for you."""

    code = "quote_token_invalid"
    status = 422


class QuoteExpired(LoyaltyError):
    """The quote's 15 minutes are over; `quote` is a fresh one, null where none can be made."""

    code = "quote_expired"
    status = 409


class QuoteNotCovered(LoyaltyError):
    """What the quote promised is gone meanwhile; `missing` names it, and nothing is reserved."""

    code = "quote_not_covered"
    status = 409
