"""Who holds this token: verification of access tokens against the issuer's key set (I1).

The module knows neither Flask nor RPC: keys and time are given to it, so that another issuer's key
set or a test's clock fit in.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import structlog

from shared.calls import Actor
from shared.errors import LoyaltyError, Unauthenticated
from shared.security import tokens

KEYS_FRESH_S = 300.0
KEYS_USABLE_S = 3_600.0
"""Keys once fetched verify for this long while their source is away; a retired key no longer."""
REFETCH_PAUSE_S = 5.0
"""Tokens with invented key ids make the gateway ask for keys at most this often."""
FAILURE_PAUSE_S = 1.0
MAX_REMEMBERED = 8_192
"""Verified tokens kept in memory; a till sends the same one for 15 minutes."""

KeysSource = Callable[[], Mapping[str, Any]]
"""Returns a JWK set, ``{"keys": [...]}``; may raise a `LoyaltyError` when the issuer is away."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    values: Mapping[str, Any]
    scopes: frozenset[str]
    actor: Actor

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Claims:
        """Read verified claims.

        Raises:
            Unauthenticated: the issuer signed something that is no access token of this platform.
        """
        role, subject, scope = values["role"], values["sub"], values["scope"]
        roles, store_id = values.get("roles", []), values.get("store_id")
        if not isinstance(role, str) or not isinstance(scope, str) or not isinstance(roles, list):
            raise Unauthenticated
        if subject:
            actor = Actor(role, subject, tuple(map(str, roles)), store_id)
        else:
            # A verified phone that belongs to no member yet: idempotency keys are scoped to it.
            actor = Actor("anonymous", str(values.get("phone_digest", "")))
        return cls(values, frozenset(scope.split()), actor)


class KeySet:
    """The issuer's public keys, fetched when needed and kept for a while; thread-safe."""

    def __init__(self, source: KeysSource, *, monotonic: Callable[[], float]) -> None:
        """Fetch from ``source``; ``monotonic`` measures ages in seconds of real time."""
        self._source = source
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = -KEYS_USABLE_S
        self._failed_at = -KEYS_USABLE_S
        self._failure: LoyaltyError | None = None

    def get(self, kid: str) -> jwt.PyJWK | None:
        """Return the key named ``kid``, or None when the issuer has no such key.

        Raises:
            LoyaltyError: there are no usable keys and the source is away.
        """
        key = self._keys.get(kid)
        age_s = self._age_s()
        if key is not None and age_s < KEYS_FRESH_S:
            return key
        if key is not None and age_s < KEYS_USABLE_S:
            # Still good: whoever is first refreshes, nobody else waits for it.
            if self._lock.acquire(blocking=False):
                try:
                    self._refresh(pause_s=0.0)
                finally:
                    self._lock.release()
            return self._keys.get(kid)
        with self._lock:
            if kid not in self._keys or self._age_s() >= KEYS_USABLE_S:
                self._refresh(pause_s=REFETCH_PAUSE_S)
            if self._age_s() >= KEYS_USABLE_S and self._failure is not None:
                raise self._failure
            return self._keys.get(kid)

    def _age_s(self) -> float:
        return self._monotonic() - self._fetched_at

    def _refresh(self, *, pause_s: float) -> None:
        """Ask the source unless it was asked a moment ago; a failure changes no key."""
        if self._age_s() < pause_s or self._monotonic() - self._failed_at < FAILURE_PAUSE_S:
            return
        try:
            self._keys = tokens.verification_keys(self._source()["keys"])
        except LoyaltyError as error:
            self._failed_at, self._failure = self._monotonic(), error
            _log.warning("signing_keys_not_fetched", error=error.code)
        else:
            self._fetched_at, self._failure = self._monotonic(), None


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token whose signature has been checked with ``key``."""

    kid: str
    key: jwt.PyJWK
    claims: Claims


class TokenVerifier:
    """Turns a bearer token into `Claims`, or refuses it.

    A signature is checked once per token and fetched key set; its times are judged at each use.
    """

    def __init__(
        self,
        source: KeysSource,
        *,
        issuer: str,
        audience: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Trust the keys of ``source``.

        ``now`` is the platform's time, which the sandbox may have moved ahead (A8); ``monotonic``
        measures the age of keys in seconds of real time.
        """
        self._keys = KeySet(source, monotonic=monotonic)
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._verified: dict[bytes, _Verified] = {}

    def verify(self, token: str) -> Claims:
        """Return the claims of a valid access token.

        Raises:
            TokenExpired: it is past its time; ask for a new one.
            Unauthenticated: it is no valid access token.
            BackendUnavailable: there are no keys to verify it with right now.
        """
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        known = self._verified.get(digest)
        if known is not None and self._keys.get(known.kid) is known.key:
            tokens.judge_times(known.claims.values, self._now())
            return known.claims
        verified = self._check(token)
        if len(self._verified) >= MAX_REMEMBERED:
            self._verified.clear()
        self._verified[digest] = verified
        return verified.claims

    def _check(self, token: str) -> _Verified:
        kid = tokens.kid_of(token)
        key = self._keys.get(kid)
        if key is None:
            raise Unauthenticated
        values = tokens.verify(
            token,
            key_of=lambda _: key,
            issuer=self._issuer,
            audience=self._audience,
            now=self._now(),
        )
        return _Verified(kid, key, Claims.of(values))
