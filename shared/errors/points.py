"""Refusals of the points service."""

from __future__ import annotations

from shared.errors import LoyaltyError


class CurrencyMismatch(LoyaltyError):
    """The sale is in another currency than the programme."""

    code = "currency_mismatch"
    status = 422


class SaleInFuture(LoyaltyError):
    """The sale or return is dated more than five minutes ahead."""

    code = "sale_in_future"
    status = 422


class SaleTooOld(LoyaltyError):
    """The sale or return happened longer ago than it may be reported."""

    code = "sale_too_old"
    status = 422


class UnknownMember(LoyaltyError):
    """No member answers to this identifier."""

    code = "unknown_member"
    status = 422


class MemberNotActive(LoyaltyError):
    """The member's account is not active."""

    code = "member_not_active"
    status = 422


class AccountFrozen(MemberNotActive):
    """The member's account is frozen; staff can say why."""

    code = "account_frozen"


class AccountClosed(MemberNotActive):
    """The member's account is closed."""

    code = "account_closed"


class MemberErased(MemberNotActive):
    """This member was erased: nobody is behind this id any more."""

    code = "member_erased"


NOT_ACTIVE = (MemberNotActive, AccountFrozen, AccountClosed, MemberErased)
_BY_STATUS = {"frozen": AccountFrozen, "closed": AccountClosed, "erased": MemberErased}


def not_active(status: str | None) -> MemberNotActive:
    """Return the refusal that tells a till how an account stands."""
    return _BY_STATUS.get(status or "", MemberNotActive)()


class StoreMismatch(LoyaltyError):
    """A terminal posts sales of its own store only."""

    code = "store_mismatch"
    status = 422


class MemberRequired(LoyaltyError):
    """This takes a member; none is named."""

    code = "member_required"
    status = 422


class InsufficientPoints(LoyaltyError):
    """The member has fewer points available than that."""

    code = "insufficient_points"
    status = 422


class CardSpendingLimit(LoyaltyError):
    """A card alone spends only `left` more points today; the code in the app spends any."""

    code = "card_spending_limit"
    status = 422


class HoldConflict(LoyaltyError):
    """This order holds points of another member, or another number of them."""

    code = "hold_conflict"
    status = 409


class HoldAlreadyCaptured(LoyaltyError):
    """The hold was captured; what was left of it is back with the member."""

    code = "hold_already_captured"
    status = 409


class HoldAlreadyReleased(LoyaltyError):
    """The hold was released; its points are back with the member."""

    code = "hold_already_released"
    status = 409


class HoldExpired(LoyaltyError):
    """The hold's time was over; its points are back with the member."""

    code = "hold_expired"
    status = 409


class CaptureExceedsHold(LoyaltyError):
    """More would be captured than is held."""

    code = "capture_exceeds_hold"
    status = 422


class AdjustmentAboveRole(LoyaltyError):
    """Your roles let you give or take up to `maximum` points at once."""

    code = "adjustment_above_role"
    status = 403


class OwnAdjustment(LoyaltyError):
    """Nobody approves what they asked for themselves."""

    code = "own_adjustment"
    status = 403


class AdjustmentDecided(LoyaltyError):
    """The adjustment has been carried out or rejected already."""

    code = "adjustment_decided"
    status = 409


class TransferLimitExceeded(LoyaltyError):
    """The giver may make `transfers_left` more transfers of `points_left` points in all today."""

    code = "transfer_limit_exceeded"
    status = 422


class RedemptionOutOfRange(LoyaltyError):
    """Points pay from `minimum` up to `maximum` of this order, or nothing."""

    code = "redemption_out_of_range"
    status = 422


class SaleIdConflict(LoyaltyError):
    """This sale_id is known with other content."""

    code = "sale_id_conflict"
    status = 409


class TerminalCounterConflict(LoyaltyError):
    """This terminal has used this counter for another sale."""

    code = "terminal_counter_conflict"
    status = 409


class ReturnIdConflict(LoyaltyError):
    """This return_id is known for the sale with other content."""

    code = "return_id_conflict"
    status = 409


class UnknownLine(LoyaltyError):
    """The sale has no such line; the errors name it."""

    code = "unknown_line"
    status = 422


class ReturnExceedsSale(LoyaltyError):
    """More would come back of a line than is left of it; the errors name the lines."""

    code = "return_exceeds_sale"
    status = 422


class SaleCancelled(LoyaltyError):
    """The sale was cancelled as a whole."""

    code = "sale_cancelled"
    status = 409


class OfflineAllowanceExceeded(LoyaltyError):
    """Offline, points can only be spent within an allowance fetched beforehand."""

    code = "offline_allowance_exceeded"
    status = 422


class SaleAlreadyClaimed(LoyaltyError):
    """Somebody else has claimed the sale."""

    code = "sale_already_claimed"
    status = 409


class ClaimTooLate(LoyaltyError):
    """The sale happened longer ago than sales can be claimed."""

    code = "claim_too_late"
    status = 422


class PosExceptionSettled(LoyaltyError):
    """The exception has been resolved, or has settled itself."""

    code = "exception_settled"
    status = 409


class CheckoutNotOpen(LoyaltyError):
    """The order's checkout is no longer open; the sale has to be composed afresh."""

    code = "checkout_not_open"
    status = 409
    retryable = True


class CheckoutCompleted(LoyaltyError):
    """The order has become a sale; cancel or return the sale instead."""

    code = "checkout_completed"
    status = 409


class ActivityIdConflict(LoyaltyError):
    """This activity_id is known with other content."""

    code = "activity_id_conflict"
    status = 409


class ActivityInFuture(LoyaltyError):
    """The activity is dated more than five minutes ahead."""

    code = "activity_in_future"
    status = 422


class ActivityTooOld(LoyaltyError):
    """The activity happened longer ago than it may be reported."""

    code = "activity_too_old"
    status = 422


class RuleStateConflict(LoyaltyError):
    """The earning rule's state does not allow this."""

    code = "rule_state_conflict"
    status = 409


class RuleNotValid(LoyaltyError):
    """The earning rule contradicts itself or another one; the errors name what."""

    code = "rule_not_valid"
    status = 422


class ExpiryChangeInPast(LoyaltyError):
    """The terms of points cannot be changed for a time that has passed."""

    code = "expiry_change_in_past"
    status = 422


class ExpiryChangeOutOfOrder(LoyaltyError):
    """A change of expiry is known that takes effect later than this one would."""

    code = "expiry_change_out_of_order"
    status = 409


class ExpiryUnchanged(LoyaltyError):
    """These are the terms that will be in force by then anyway."""

    code = "expiry_unchanged"
    status = 409


class ExpiryForceRequired(LoyaltyError):
    """Points would lapse sooner than they do now; such a change needs `force`."""

    code = "expiry_force_required"
    status = 422


class ExpiryReasonRequired(LoyaltyError):
    """Points would lapse sooner than they do now; such a change needs a reason."""

    code = "expiry_reason_required"
    status = 422


class ExpiryNoticeTooShort(LoyaltyError):
    """Points would lapse sooner than they do now; such a change needs 30 days' notice."""

    code = "expiry_notice_too_short"
    status = 422


class AsOfInFuture(LoyaltyError):
    """Nobody knows yet what will be outstanding then."""

    code = "as_of_in_future"
    status = 422


class StatementTooLong(LoyaltyError):
    """The month has too many entries for a document; ask for CSV instead."""

    code = "statement_too_long"
    status = 422
