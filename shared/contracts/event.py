"""Events as data: their type, their schema, and the envelope all of them travel in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields

from shared.clock import parse_rfc3339, rfc3339
from shared.contracts.base import WireSchema, load
from shared.contracts.fields import Id, Instant, StrictInteger, Text


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of fact a service publishes; ``version`` rises with each incompatible change."""

    name: str
    version: int
    producer: str
    schema: type[Schema]

    @property
    def routing_key(self) -> str:
        """Return ``name.vN``, the topic it is published under."""
        return f"{self.name}.v{self.version}"

    @property
    def exchange(self) -> str:
        """Return the producer's durable topic exchange."""
        return f"{self.producer}.events"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it travels. ``data`` holds wire primitives; `read` turns them into values."""

    id: UUID
    type: str
    version: int
    occurred_at: datetime
    recorded_at: datetime
    producer: str
    subject: str
    sequence: int
    data: Mapping[str, Any]
    traceparent: str | None = None
    request_id: str | None = None

    @property
    def routing_key(self) -> str:
        """Return ``type.vN``."""
        return f"{self.type}.v{self.version}"

    def read(self, event_type: EventType) -> dict[str, Any]:
        """Return the data as Python values; raises `Invalid` on a breach of contract."""
        return load(event_type.schema, self.data)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": str(self.id),
            "type": self.type,
            "version": self.version,
            "occurred_at": rfc3339(self.occurred_at),
            "recorded_at": rfc3339(self.recorded_at),
            "producer": self.producer,
            "subject": self.subject,
            "sequence": self.sequence,
            "traceparent": self.traceparent,
            "request_id": self.request_id,
            "data": dict(self.data),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Envelope:
        """Rebuild an envelope; fields that a newer producer added are ignored."""
        return cls(
            id=UUID(wire["id"]),
            type=wire["type"],
            version=wire["version"],
            occurred_at=parse_rfc3339(wire["occurred_at"]),
            recorded_at=parse_rfc3339(wire["recorded_at"]),
            producer=wire["producer"],
            subject=wire["subject"],
            sequence=wire["sequence"],
            data=wire["data"],
            traceparent=wire.get("traceparent"),
            request_id=wire.get("request_id"),
        )


class EnvelopeSchema(WireSchema):
    """The envelope for documents and contract tests."""

    id = Id(required=True)
    type = Text(required=True)
    version = StrictInteger(required=True)
    occurred_at = Instant(required=True)
    recorded_at = Instant(required=True)
    producer = Text(required=True)
    subject = Text(required=True)
    sequence = StrictInteger(required=True)
    traceparent = Text(allow_none=True, load_default=None)
    request_id = Text(allow_none=True, load_default=None)
    data = fields.Dict(keys=fields.String(), required=True)
