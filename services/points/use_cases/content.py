"""Whether a second report of something says the same as the first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any


def digest_of(report: Any, *, without: Collection[str] = ()) -> str:
    """Return a digest of a dataclass or plain value, fields named in ``without`` left out."""
    plain = (
        asdict(report, dict_factory=lambda items: _kept(items, without))
        if hasattr(report, "__dataclass_fields__")
        else report
    )
    canonical = json.dumps(plain, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _kept(items: list[tuple[str, Any]], without: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in items if name not in without}
