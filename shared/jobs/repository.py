"""Writes of jobs: starting, claiming, and what becomes of each slice.

Two things keep a slice from being done twice. While it runs, its transaction has the job's row
locked, which PostgreSQL undoes by itself when the process dies. And before it runs, a claim moves
``due_at`` on by `LEASE_S` and counts the attempt, so that the runners of other processes look
elsewhere, and so that a slice that kills its process is not begun for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.calls import Actor, CallContext
from shared.contracts.base import instance_of
from shared.contracts.jobs import new_job_id
from shared.db.tables import PLATFORM
from shared.db.units import UnitOfWork
from shared.errors.jobs import TooManyJobs
from shared.jobs.kinds import JobKind, Progress

LEASE_S = 5
"""How long a claimed slice may take to begin; as long does a killed runner's job stand still."""
MAX_OPEN = 50
"""Jobs of one creator that have not ended."""
_OPEN = ("queued", "running")
_jobs, _cancellations = PLATFORM.work.jobs, PLATFORM.work.cancellations
_clock = sa.func.clock_timestamp()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one slice of a job."""

    job_id: UUID
    kind: str
    slices: int
    attempt: int
    context: CallContext


def start(
    uow: UnitOfWork, kind: JobKind, request: Mapping[str, Any], *, total: int | None = None
) -> dict[str, Any]:
    """Start a job with this transaction; return the body of the 202 answer.

    ``request`` holds Python values. The slices act as whoever starts the job.

    Raises:
        TooManyJobs: the caller has `MAX_OPEN` that have not ended.
    """
    _check_room(uow)
    actor, job_id = uow.actor, new_job_id(kind.service)
    uow.connection.execute(
        sa.insert(_jobs).values(
            job_id=job_id,
            kind=kind.name,
            status="queued",
            creator=actor.key,
            actor=uow.context.to_wire()["actor"],
            request_id=uow.context.request_id,
            request=instance_of(kind.request).dump(request),
            state={},
            done=0,
            total=total,
            content_type=kind.content_type,
            attempts=0,
            slices=0,
            due_at=None if kind.reads_input else _clock,
            touched_at=_clock,
            created_at=uow.now,
        )
    )
    return {"job_id": job_id}


def _check_room(uow: UnitOfWork) -> None:
    mine = (_jobs.c.creator == uow.actor.key, _jobs.c.status.in_(_OPEN))
    number = uow.connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one()
    if number >= MAX_OPEN and uow.actor.kind != "system":
        raise TooManyJobs


def next_due(uow: UnitOfWork, kinds: Iterable[str]) -> sa.Row[Any] | None:
    """Lock and return the job that has waited longest, of kinds this process can do.

    Rows that a running slice has locked are passed over.
    """
    due = (
        sa.select(_jobs, _cancellations.c.job_id.label("cancelled"))
        .join_from(_jobs, _cancellations, isouter=True)
        .where(_jobs.c.status.in_(_OPEN), _jobs.c.due_at <= _clock, _jobs.c.kind.in_(list(kinds)))
        .order_by(_jobs.c.due_at, _jobs.c.job_id)
        .limit(1)
    )
    locking = due.with_for_update(of=_jobs, key_share=True, skip_locked=True)
    return uow.connection.execute(locking).one_or_none()


def claim(uow: UnitOfWork, row: sa.Row[Any]) -> Claim:
    """Note on a locked job that an attempt at its next slice begins."""
    _change(
        uow,
        row.job_id,
        status="running",
        attempts=row.attempts + 1,
        due_at=_clock + timedelta(seconds=LEASE_S),
        started_at=row.started_at or uow.now,
    )
    actor = row.actor
    creator = Actor(actor["kind"], actor["id"], tuple(actor["roles"]), actor["store_id"])
    context = CallContext(request_id=row.request_id, actor=creator)
    return Claim(row.job_id, row.kind, row.slices, row.attempts + 1, context)


def lock_claimed(uow: UnitOfWork, claimed: Claim) -> sa.Row[Any] | None:
    """Lock the claimed job; None when the claim no longer holds, or somebody is at work."""
    held = sa.select(_jobs).where(
        _jobs.c.job_id == claimed.job_id,
        _jobs.c.slices == claimed.slices,
        _jobs.c.attempts == claimed.attempt,
        _jobs.c.status == "running",
    )
    locking = held.with_for_update(key_share=True, skip_locked=True)
    return uow.connection.execute(locking).one_or_none()


def advance(uow: UnitOfWork, row: sa.Row[Any], progress: Progress) -> None:
    """Store what a slice achieved, in the slice's own transaction."""
    _change(
        uow,
        row.job_id,
        done=progress.done,
        total=progress.total,
        state=dict(progress.state),
        attempts=0,
        slices=row.slices + 1,
        due_at=_clock + timedelta(seconds=progress.pause_s),
    )
    if progress.result is not None:
        end(uow, row.job_id, "succeeded", result=dict(progress.result))


def wake(uow: UnitOfWork, job_id: UUID) -> None:
    """Let a resting job go on; one that has ended stays as it is."""
    mine = (_jobs.c.job_id == job_id, _jobs.c.status.in_(_OPEN))
    uow.connection.execute(sa.update(_jobs).where(*mine).values(due_at=_clock))


def put_off(uow: UnitOfWork, claimed: Claim, *, pause_s: float) -> None:
    """Let a slice that failed be tried again later."""
    row = lock_claimed(uow, claimed)
    if row is not None:
        _change(uow, row.job_id, due_at=_clock + timedelta(seconds=pause_s))


def fail(uow: UnitOfWork, claimed: Claim, *, code: str, message: str) -> None:
    """End a claimed job as failed."""
    row = lock_claimed(uow, claimed)
    if row is not None:
        end(uow, row.job_id, "failed", error={"code": code, "message": message})


def end(uow: UnitOfWork, job_id: UUID, status: str, **outcome: Any) -> None:
    """End a locked job."""
    _change(uow, job_id, status=status, finished_at=uow.now, due_at=None, **outcome)


def lock(uow: UnitOfWork, job_id: UUID, *, wait: bool = True) -> sa.Row[Any] | None:
    """Lock and return a job; None when there is none, or without ``wait`` when it is at work."""
    wanted = sa.select(_jobs).where(_jobs.c.job_id == job_id)
    locking = wanted.with_for_update(key_share=True, skip_locked=not wait)
    return uow.connection.execute(locking).one_or_none()


def request_cancel(uow: UnitOfWork, job_id: UUID) -> None:
    """Leave word that a job shall end; whoever does its next slice finds it."""
    word = {"job_id": job_id, "requested_by": uow.actor.key, "requested_at": uow.now}
    uow.connection.execute(insert(_cancellations).values(word).on_conflict_do_nothing())


def open_input(uow: UnitOfWork, job_id: UUID, digest: str) -> None:
    """Let a job begin whose input is complete."""
    _change(uow, job_id, input_digest=digest, due_at=_clock)


def _change(uow: UnitOfWork, job_id: UUID, **values: Any) -> None:
    statement = sa.update(_jobs).where(_jobs.c.job_id == job_id)
    uow.connection.execute(statement.values(touched_at=_clock, **values))
