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
