"""Refusals of the coupons service."""

from __future__ import annotations

from shared.errors import LoyaltyError


class CampaignNotPublishable(LoyaltyError):
    """The campaign is not complete enough to be published; the errors name what is missing."""

    code = "campaign_not_publishable"
    status = 422


class CampaignStateConflict(LoyaltyError):
    """The campaign's status does not allow this."""

    code = "campaign_state_conflict"
    status = 409


class CodeTaken(LoyaltyError):
    """Another running campaign has this public code."""

    code = "code_taken"
    status = 409


class NotClaimable(LoyaltyError):
    """This campaign has no coupon for you; ``reason`` says why."""

    code = "not_claimable"
    status = 422


class BudgetExhausted(LoyaltyError):
    """The campaign's total or budget is used up."""

    code = "budget_exhausted"
    status = 422


class LimitReached(LoyaltyError):
    """A limit of the campaign, such as coupons per member, is reached."""

    code = "limit_reached"
    status = 422


class OrderClosed(LoyaltyError):
    """The order has ended; nothing can be reserved for it any more."""

    code = "order_closed"
    status = 409


class OrderConflict(LoyaltyError):
    """Coupons are reserved for this order with another basket."""

    code = "order_conflict"
    status = 409


class ReservationExpired(LoyaltyError):
    """The reservation was not confirmed in time; its coupons are free again."""

    code = "reservation_expired"
    status = 409


class CouponStateConflict(LoyaltyError):
    """The coupon's status does not allow this."""

    code = "coupon_state_conflict"
    status = 409


class NotGiftable(LoyaltyError):
    """This coupon cannot be given away; ``reason`` says why."""

    code = "not_giftable"
    status = 422


class GiftRefused(LoyaltyError):
    """The coupon cannot be given to that person."""

    code = "gift_refused"
    status = 422


class OutOfStock(LoyaltyError):
    """There are not so many left of this reward."""

    code = "out_of_stock"
    status = 422


class RewardNotAvailable(LoyaltyError):
    """This reward cannot be ordered; ``reason`` says why."""

    code = "reward_not_available"
    status = 422


class RewardOrderStateConflict(LoyaltyError):
    """The reward order's status does not allow this."""

    code = "reward_order_state_conflict"
    status = 409


class RewardCouponUsed(LoyaltyError):
    """A coupon of this order was used, given away or has lapsed; the order stands."""

    code = "reward_coupon_used"
    status = 409
