"""Where the gateway's verifier gets the public signing keys from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.backend import Backend
from shared.calls import CallContext
from shared.contracts.identity import rpc
from shared.ids import new_id


def signing_keys(backend: Backend) -> Callable[[], dict[str, Any]]:
    """Return a function that fetches identity's JWKS as a JSON object."""

    def fetch() -> dict[str, Any]:
        return backend.call(rpc.JWKS, {}, CallContext(request_id=str(new_id()))).body

    return fetch
