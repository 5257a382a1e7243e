"""The other side of `benchmarks.member_import`: points takes in the members that were imported.

It hears the very events that the import has left in the outbox of members, one transaction each,
as its event handler does; the broker between them is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import cpu
from benchmarks.jobs import bench
from services.points.service import PointsService
from shared.calls import SYSTEM
from shared.contracts.event import Envelope
from shared.db.tables import PLATFORM

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Intake:
    """How points took the members in."""

    seconds: float
    cpu_s: float
    """Of Python and PostgreSQL together."""
    again_s: float
    points: int


def measure(members: sa.Engine, directory: Path) -> Intake:
    """Let a points service of its own hear all that the import has told, and all of it again."""
    with bench(PointsService, directory, SYSTEM) as on:
        service = on.service
        before, begun = sum(cpu.seconds()), time.monotonic()
        for event in _told(members):
            _hear(service, event)
        seconds, spent = time.monotonic() - begun, sum(cpu.seconds()) - before
        begun = time.monotonic()
        for event in _told(members):
            _hear(service, event)
        again_s = time.monotonic() - begun
        with service.db.engine.connect() as connection:
            total = sa.text("SELECT sum(available) FROM accounts")
            points: int = connection.execute(total).scalar_one()
    return Intake(seconds, spent, again_s, points)


def _hear(service: PointsService, event: Envelope) -> None:
    if event.type == "member.imported":
        service.on_member_imported(event)
    else:
        service.on_member_enrolled(event)


def _told(members: sa.Engine) -> Iterator[Envelope]:
    outbox, last = PLATFORM.outbox, 0
    heard = outbox.c.type.in_(["member.imported", "member.enrolled"])
    while True:
        page = sa.select(outbox).where(outbox.c.id > last, heard).order_by(outbox.c.id)
        with members.connect() as connection:
            rows = connection.execute(page.limit(_PAGE)).all()
        if not rows:
            return
        last = rows[-1].id
        yield from map(_envelope, rows)


def _envelope(row: Any) -> Envelope:
    return Envelope(
        id=row.event_id,
        type=row.type,
        version=row.version,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        producer="members",
        subject=row.subject,
        sequence=row.sequence,
        data=row.data,
    )
