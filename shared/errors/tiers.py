"""Refusals of the tiers service."""

from __future__ import annotations

from shared.errors import LoyaltyError


class UnknownTier(LoyaltyError):
    """The programme in force has no tier of this code."""

    code = "unknown_tier"
    status = 422


class OverrideExpiryPast(LoyaltyError):
    """An override must end in the future."""

    code = "override_expiry_past"
    status = 422


class OverrideBelowEarned(LoyaltyError):
    """An override is a floor: it cannot be below the tier that the member has earned."""

    code = "override_below_earned"
    status = 422


class OverrideAlreadyOpen(LoyaltyError):
    """The member has a request that waits for approval; decide about that one first."""

    code = "override_already_open"
    status = 409


class OverrideSelfApproval(LoyaltyError):
    """Nobody approves their own request; ask another manager."""

    code = "override_self_approval"
    status = 422


class OverrideStateConflict(LoyaltyError):
    """The override's status does not allow this."""

    code = "override_state_conflict"
    status = 409


class ProgrammePublished(LoyaltyError):
    """A published version never changes; write a new draft."""

    code = "programme_published"
    status = 409


class EffectiveFromPast(LoyaltyError):
    """A version cannot come into force in the past."""

    code = "effective_from_past"
    status = 422


class EffectiveFromTaken(LoyaltyError):
    """Another version comes into force then or later; versions follow one another."""

    code = "effective_from_taken"
    status = 409


class BenefitNotAvailable(LoyaltyError):
    """The member's tier does not give this benefit."""

    code = "benefit_not_available"
    status = 422


class BenefitExhausted(LoyaltyError):
    """The benefit has been used as often as its period allows."""

    code = "benefit_exhausted"
    status = 422


class BenefitUseConflict(LoyaltyError):
    """This use_id stands for another use."""

    code = "benefit_use_conflict"
    status = 409


class BenefitOrderCancelled(LoyaltyError):
    """The order it is for has been cancelled."""

    code = "benefit_order_cancelled"
    status = 409


class PlanTaken(LoyaltyError):
    """Another plan has this code."""

    code = "plan_taken"
    status = 409


class PlanNotOnSale(LoyaltyError):
    """There is no such plan for sale."""

    code = "plan_not_on_sale"
    status = 422


class SubscriptionConflict(LoyaltyError):
    """This order bought another membership."""

    code = "subscription_conflict"
    status = 409
