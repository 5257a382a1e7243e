"""Reading JSON from strangers: strict, bounded, and with the same meaning for everyone."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, NoReturn

from flask import request

from gateway.problems import UnsupportedMediaType
from shared.errors import Malformed
from shared.settings import Secret

MAX_DEPTH = 32


def read_json() -> Any:
    """Return the request's JSON value; an empty body reads as ``{}``.

    Raises:
        Malformed: no JSON, JSON that Python reads but the standard forbids, or nesting too deep.
        UnsupportedMediaType: the body says it is something else.
    """
    raw = request.get_data(cache=True)
    if not raw:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Malformed("The request body is not valid JSON.") from None
    if _deeper_than(value, MAX_DEPTH):
        raise Malformed("The request body is nested too deeply.")
    return value


def fingerprint(body: Any, secret: Secret) -> str:
    """Return a digest of what the body means: key order and white space do not count (A3).

    Keyed, since services store it: a phone in a body could be guessed from a plain digest (M4).
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    key = f"fingerprint:{secret.reveal()}".encode()
    return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _deeper_than(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if depth == 0:
        return True
    children = value.values() if isinstance(value, dict) else value
    return any(_deeper_than(child, depth - 1) for child in children)
