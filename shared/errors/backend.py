"""What the gateway says when a service or the broker does not answer (A2: safe to retry)."""

from __future__ import annotations

from shared.errors import LoyaltyError


class BackendUnavailable(LoyaltyError):
    """A part of the platform is away; the same request may be sent again with the same key."""

    code = "backend_unavailable"
    status = 503
    retryable = True


class BackendTimeout(LoyaltyError):
    """A part of the platform did not answer in time; retry with the same key."""

    code = "backend_timeout"
    status = 504
    retryable = True


class DeadlineExceeded(LoyaltyError):
    """The caller had stopped waiting before the work began; nothing was done."""

    code = "deadline_exceeded"
    status = 504
    retryable = True
