"""Why a code does not count: one stable word each, and the sentence for people (C7)."""

from __future__ import annotations

_MESSAGES = {
    "unknown": "There is no such code.",
    "void": "This coupon was withdrawn.",
    "gifted": "This coupon was given to somebody else.",
    "used": "This coupon has been used.",
    "reserved": "This coupon is held for another order.",
    "lapsed": "This coupon is past its last day.",
    "not_yet_valid": "This coupon is not good yet.",
    "paused": "This campaign is paused.",
    "archived": "This campaign has ended.",
    "foreign": "This coupon belongs to another member.",
    "member_required": "This coupon needs the member it is for.",
    "member_not_active": "The membership is not active.",
    "unknown_member": "There is no such member.",
    "wrong_scope": "Nothing in this basket, or not this shopper, shop or channel, is covered.",
    "wrong_tier": "This campaign is for other tiers.",
    "public_code": "This campaign has a public code; nobody needs a coupon of their own.",
    "below_minimum": "The covered goods cost less than the coupon's minimum.",
    "currency_mismatch": "The coupons of this programme are in another currency.",
    "limit_reached": "A limit of this campaign is reached.",
    "budget_exhausted": "The campaign's total or budget is used up.",
    "duplicate": "This code was given twice.",
    "code_missing": "There is no code in this row.",
    "code_malformed": "A code has 8 to 40 letters and digits; blanks and hyphens do not count.",
    "code_mistyped": "The code's last character does not fit the others.",
    "too_many": "An order takes five coupons at most.",
    "category_taken": "Another coupon of the same category is applied.",
    "not_combinable": "This coupon does not combine with one that is applied.",
    "not_usable": "This code cannot be used.",
    "not_giftable": "Coupons of this campaign are not given away.",
    "gifted_before": "This coupon was a gift; it is not given away again.",
    "reward_not_begun": "This reward cannot be ordered yet.",
    "reward_ended": "This reward cannot be ordered any more.",
    "reward_wrong_tier": "This reward is for other tiers.",
    "no_discount": "The coupons before it left nothing to take off.",
}


STRANGER = "not_usable"
_ABOUT_THE_CODE = frozenset(
    {
        "unknown",
        "void",
        "gifted",
        "used",
        "reserved",
        "lapsed",
        "not_yet_valid",
        "paused",
        "archived",
        "foreign",
    }
)
"""Reasons that tell whether there is such a code, whose it is, or what became of it."""


def told_to_stranger(reason: str) -> str:
    """Return the reason as somebody hears it who may be guessing codes (C8)."""
    return STRANGER if reason in _ABOUT_THE_CODE else reason


def message_for(reason: str) -> str:
    """Return the sentence of a reason code."""
    return _MESSAGES[reason]
