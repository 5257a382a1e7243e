"""Who is calling, for which request, until when: what travels beside the payload of each RPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever causes a change.

    ``kind`` is ``member``, ``terminal``, ``shop``, ``staff``, ``anonymous`` or ``system``; ``id``
    is theirs within that kind.
    """

    kind: str
    id: str
    roles: tuple[str, ...] = ()
    store_id: str | None = None

    @property
    def key(self) -> str:
        """Return ``kind:id``, the scope of idempotency keys and of rate limits."""
        return f"{self.kind}:{self.id}"


SYSTEM = Actor("system", "system")
"""Timers, event consumers and command lines act as this."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key for one request (A3).

    ``route`` is method and path; ``fingerprint`` is a digest of the canonical body.
    """

    key: str
    route: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CallContext:
    """Everything about a call that is not its payload."""

    request_id: str
    actor: Actor = SYSTEM
    idempotency: Idempotency | None = None
    deadline_ms: int | None = None
    """Unix time in milliseconds after which nobody waits for the answer."""
    traceparent: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form."""
        idempotency = self.idempotency
        return {
            "request_id": self.request_id,
            "actor": {
                "kind": self.actor.kind,
                "id": self.actor.id,
                "roles": list(self.actor.roles),
                "store_id": self.actor.store_id,
            },
            "idempotency": idempotency
            and {
                "key": idempotency.key,
                "route": idempotency.route,
                "fingerprint": idempotency.fingerprint,
            },
            "deadline_ms": self.deadline_ms,
            "traceparent": self.traceparent,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> CallContext:
        """Rebuild the context on the service's side."""
        actor = wire["actor"]
        idempotency = wire.get("idempotency")
        return cls(
            request_id=wire["request_id"],
            actor=Actor(
                actor["kind"], actor["id"], tuple(actor.get("roles", ())), actor.get("store_id")
            ),
            idempotency=Idempotency(**idempotency) if idempotency else None,
            deadline_ms=wire.get("deadline_ms"),
            traceparent=wire.get("traceparent"),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in wire form: HTTP status, JSON body, and whether it is a stored one (A3)."""

    status: int
    body: dict[str, Any]
    replayed: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"status": self.status, "body": self.body, "replayed": self.replayed}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Reply:
        """Rebuild the reply on the caller's side."""
        return cls(wire["status"], wire["body"], wire["replayed"])
