"""Nobody finds codes by trying (C8): members' and strangers' failures are counted and bounded.

A till and a shop answer for their shoppers and are not counted here.
"""

from __future__ import annotations

import time

import structlog
from flask import current_app, request
from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from gateway.context import current
from gateway.limits import RateLimited
from shared.settings import GatewaySettings

FAILURES = 10
WINDOW_MINUTES = 10
CALLERS_PER_ADDRESS = 10
"""Many members share an address, such as a store's; so many of them may use up their failures."""

_log = structlog.get_logger(__name__)
_COUNTED = ("member", "anonymous")
_CALLER = RateLimitItemPerMinute(FAILURES, WINDOW_MINUTES, namespace="guesses")
_ADDRESS = RateLimitItemPerMinute(
    FAILURES * CALLERS_PER_ADDRESS, WINDOW_MINUTES, namespace="guesses-address"
)


class GuessLimits:
    """Counts failures per caller and per address, where `gateway.limits` counts requests."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Connect lazily to ``settings.limits_url``."""
        self._limiter = MovingWindowRateLimiter(storage_from_string(settings.limits_url))
        self._enabled = settings.rate_limits

    def check(self) -> None:
        """Let the caller of this request try a code.

        Raises:
            RateLimited: it has failed too often of late.
        """
        for item, name in self._counters():
            try:
                allowed = self._limiter.test(item, name)
                resets_at = self._limiter.get_window_stats(item, name).reset_time
            except Exception as error:
                self._away(error)
                return
            if not allowed:
                raise RateLimited(
                    "Too many codes that cannot be used; wait as long as Retry-After says.",
                    retry_after_s=max(1, int(resets_at - time.time()) + 1),
                )

    def failed(self, times: int = 1) -> None:
        """Count codes that the caller of this request could not use."""
        for item, name in self._counters():
            for _ in range(times):
                try:
                    self._limiter.hit(item, name)
                except Exception as error:
                    self._away(error)
                    return

    def _counters(self) -> list[tuple[RateLimitItemPerMinute, str]]:
        actor = current().actor
        if not self._enabled or actor.kind not in _COUNTED:
            return []
        return [(_CALLER, actor.key), (_ADDRESS, request.remote_addr or "unknown")]

    def _away(self, error: Exception) -> None:
        # Shoppers must be able to use their coupons when the counter's store is down.
        _log.warning("guess_limit_store_unavailable", error=repr(error))


def guesses() -> GuessLimits:
    """Return the application's guess limits."""
    limits: GuessLimits = current_app.extensions["loyalty"].guesses
    return limits
