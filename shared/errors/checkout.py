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


class OrderIdConflict(LoyaltyError):
    """This order_id is another's, or belongs to a sale already."""

    code = "order_id_conflict"
    status = 409


class CheckoutClosed(LoyaltyError):
    """The order's checkout has ended, as `order_status` says; a fresh quote opens it anew."""

    code = "checkout_closed"
    status = 409


class CheckoutNotReady(LoyaltyError):
    """The order was opened half-way only; send the request that opens it once more."""

    code = "checkout_not_ready"
    status = 409


class PaidBeforeOpened(LoyaltyError):
    """The order is said to have been paid before it was opened."""

    code = "paid_before_opened"
    status = 422


class HoldOfCheckout(LoyaltyError):
    """This hold belongs to an order's checkout; complete or cancel that."""

    code = "hold_of_checkout"
    status = 409
