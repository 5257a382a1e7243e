"""A remote procedure as data: both sides of a call read the same `Method`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from shared.contracts.base import instance_of, load
from shared.errors import LoyaltyError


@dataclass(frozen=True, slots=True)
class Method:
    """What a service offers: its name, the schema in, the schema out, and its refusals."""

    service: str
    name: str
    request: type[Schema]
    response: type[Schema]
    success: int = 200
    """HTTP status of the plain answer: 200, 201 or 202."""
    timeout_s: float = 5.0
    errors: tuple[type[LoyaltyError], ...] = ()

    @property
    def routing_key(self) -> str:
        """Return ``service.name``."""
        return f"{self.service}.{self.name}"

    def load(self, payload: Any) -> dict[str, Any]:
        """Turn a wire payload into Python values; raises `Invalid`."""
        return load(self.request, payload)

    def dump(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Turn a use case's result into wire primitives."""
        body: dict[str, Any] = instance_of(self.response).dump(result)
        return body
