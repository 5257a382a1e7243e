"""Refusals of the sandbox clock (A8)."""

from __future__ import annotations

from shared.errors import LoyaltyError


class ClockMovesForwardOnly(LoyaltyError):
    """The sandbox clock only moves forward."""

    code = "clock_moves_forward_only"
    status = 409
