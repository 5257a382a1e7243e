"""Rate limits per caller (A5); when their store is away, requests pass."""

from __future__ import annotations

import time

import structlog
from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import Counter

from gateway.context import RequestContext
from shared.errors import LoyaltyError
from shared.settings import GatewaySettings

_log = structlog.get_logger(__name__)
_FAILED_OPEN = Counter("loyalty_rate_limit_failed_open", "Requests let pass without a limit store")

ADDRESS = "address"
"""Kind of the limit on what needs no token; others are kinds of actors."""


class RateLimited(LoyaltyError):
    """Too many requests; wait as long as Retry-After says."""

    code = "rate_limited"
    status = 429
    retryable = True


class RateLimits:
    """Counts requests per actor in a sliding minute, in memory or in a Redis-compatible store."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Connect lazily to ``settings.limits_url``."""
        self._limiter = SlidingWindowCounterRateLimiter(storage_from_string(settings.limits_url))
        self._items = {
            kind: RateLimitItemPerMinute(count)
            for kind, count in settings.limits_per_minute.items()
        }
        self._enabled = settings.rate_limits

    def hit(self, context: RequestContext) -> None:
        """Count one request of the context's actor and note the headers to answer with.

        Raises:
            RateLimited: the actor's limit is used up.
        """
        self._hit(context, context.actor.kind, context.actor.key)

    def hit_address(self, context: RequestContext, address: str) -> None:
        """Count one request of somebody who has shown no token yet, by network address.

        Raises:
            RateLimited: the address's limit is used up.
        """
        self._hit(context, ADDRESS, f"{ADDRESS}:{address}")

    def _hit(self, context: RequestContext, kind: str, key: str) -> None:
        item = self._items.get(kind)
        if not self._enabled or item is None:
            return
        try:
            allowed = self._limiter.hit(item, key)
            stats = self._limiter.get_window_stats(item, key)
        except Exception as error:
            # A shop must go on selling when the counter's store is down.
            _FAILED_OPEN.inc()
            _log.warning("rate_limit_store_unavailable", error=repr(error))
            return
        reset_s = max(0, int(stats.reset_time - time.time()) + 1)
        context.headers.update(
            {
                "RateLimit-Limit": str(item.amount),
                "RateLimit-Remaining": str(stats.remaining),
                "RateLimit-Reset": str(reset_s),
            }
        )
        if not allowed:
            raise RateLimited(retry_after_s=reset_s)
