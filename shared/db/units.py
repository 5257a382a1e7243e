"""What a use case is given: a connection inside a transaction, the time, and who calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.calls import Actor, CallContext
from shared.contracts.base import instance_of
from shared.contracts.event import EventType
from shared.contracts.method import Method
from shared.security.crypto import MasterKey


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC as the service sees it: its context and the method called."""

    context: CallContext
    method: Method

    @property
    def actor(self) -> Actor:
        """Return who calls."""
        return self.context.actor


@dataclass(frozen=True, slots=True)
class Outcome:
    """A use case's result where the method's plain success status does not fit."""

    body: Mapping[str, Any]
    status: int | None = None
    """HTTP status instead of the method's own, such as 202."""
    replayed: bool = False
    """True when the effect had happened before under another key (L7, S5)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A read: nothing written, each statement at its own moment."""

    connection: sa.Connection
    now: datetime
    context: CallContext
    vault: MasterKey | None = None
    """Seals what must not lie about in plain where the service has no key of its own for it."""

    @property
    def actor(self) -> Actor:
        """Return who calls."""
        return self.context.actor


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event that the transaction will write to the outbox when it commits."""

    type: EventType
    subject: str
    occurred_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PendingAudit:
    """A row that the transaction will append to the audit trail when it commits."""

    action: str
    target_kind: str
    target_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class UnitOfWork(Snapshot):
    """A write: one transaction that commits all of it, events included, or nothing."""

    events: list[PendingEvent] = field(default_factory=list)
    audits: list[PendingAudit] = field(default_factory=list)

    def emit(
        self,
        event_type: EventType,
        *,
        subject: object,
        data: Mapping[str, Any],
        occurred_at: datetime | None = None,
    ) -> None:
        """Publish a fact with this transaction; ``data`` holds Python values.

        ``subject`` is the member's id, or the id of the thing the event is about where there is no
        member. ``occurred_at`` defaults to now.
        """
        dumped: Mapping[str, Any] = instance_of(event_type.schema).dump(data)
        self.events.append(PendingEvent(event_type, str(subject), occurred_at or self.now, dumped))

    def emit_each(
        self,
        event_type: EventType,
        data: Mapping[str, Any],
        own: Iterable[tuple[str, Mapping[str, Any]]],
    ) -> None:
        """Publish the same of many subjects; ``data`` is as for `emit`.

        ``own`` names each subject with what is its own of that, in wire primitives.
        """
        common: Mapping[str, Any] = instance_of(event_type.schema).dump(data)
        self.events.extend(
            PendingEvent(event_type, subject, self.now, {**common, **fields})
            for subject, fields in own
        )

    def audit(
        self,
        action: str,
        target: tuple[str, object],
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """Note a privileged action with this transaction, for good (I4).

        ``action`` is ``<noun>.<verb>``, such as ``staff.update``; ``target`` is kind and id.
        ``before`` and ``after`` hold what differs (`shared.audit.difference`). Neither may hold
        personal values or secrets: name the field instead, or mask its value. ``reason`` is what
        the actor gave; it is sealed.
        """
        kind, target_id = target
        self.audits.append(PendingAudit(action, kind, str(target_id), before, after, reason))
