"""Where the gateway's verifier gets the public signing keys from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import structlog

from gateway.backend import Backend
from shared.calls import CallContext
from shared.contracts.identity import rpc
from shared.errors.backend import BackendUnavailable
from shared.ids import new_id

FETCH_TIMEOUT_S = 5
_log = structlog.get_logger(__name__)


def signing_keys(backend: Backend) -> Callable[[], dict[str, Any]]:
    """Return a function that fetches identity's JWKS as a JSON object."""

    def fetch() -> dict[str, Any]:
        return backend.call(rpc.JWKS, {}, CallContext(request_id=str(new_id()))).body

    return fetch


def outside_keys(url: str) -> Callable[[], dict[str, Any]]:
    """Return a function that fetches another issuer's JWKS, trusted instead of identity's (I1).

    What is fetched is kept by `gateway.auth.KeySet`, as identity's keys are.
    """
    client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_S)

    def fetch() -> dict[str, Any]:
        try:
            found = client.fetch_data()
        except (jwt.PyJWTError, ValueError, OSError) as error:
            _log.warning("outside_keys_not_fetched", error=repr(error))
            raise BackendUnavailable from None
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            _log.warning("outside_keys_not_fetched", error="not a JWK set")
            raise BackendUnavailable
        return found

    return fetch
