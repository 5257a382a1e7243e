"""What can be done with a job from outside: cancel it, and forget old ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.contracts.jobs import ENDED
from shared.db.tables import PLATFORM
from shared.db.units import UnitOfWork
from shared.errors.jobs import JobEnded, JobGoesOn, JobNotYours
from shared.jobs import queries, repository
from shared.jobs.kinds import Step

KEPT = timedelta(days=30)
"""From a job's end on, files included."""
INPUT_AWAITED = timedelta(days=1)
CHUNKS_AT_ONCE = 40
JOBS_AT_ONCE = 1_000
_CANCELLERS = frozenset({"manager", "admin"})
_jobs, _chunks = PLATFORM.work.jobs, PLATFORM.work.chunks


def cancel(
    uow: UnitOfWork, *, job_id: UUID, steps: Mapping[str, Step] | None = None
) -> Mapping[str, Any]:
    """End a job: at once when nobody works on it, otherwise after the slice under way.

    What its slices have done stays done.

    Raises:
        NotFound: there is no such job that the caller may see.
        JobNotYours: somebody else started it, and the caller is neither manager nor admin.
        JobEnded: it has succeeded or failed.
        JobGoesOn: it is of one of ``steps``' kinds that cannot be cancelled.
    """
    seen = queries.job(uow, job_id=job_id)
    own = uow.actor.key == f"{seen['created_by']['kind']}:{seen['created_by']['id']}"
    if not own and not _CANCELLERS.intersection(uow.actor.roles):
        raise JobNotYours
    if seen["status"] in ("succeeded", "failed"):
        raise JobEnded
    step = (steps or {}).get(seen["kind"])
    if step is not None and not step.job_kind.cancellable:
        raise JobGoesOn
    repository.request_cancel(uow, job_id)
    row = repository.lock(uow, job_id, wait=False)
    if row is not None and row.status not in ENDED:
        repository.end(uow, job_id, "cancelled")
    return queries.job(uow, job_id=job_id)


def give_up_waiting(uow: UnitOfWork) -> int:
    """End jobs whose input never came to its end."""
    waiting = (
        sa.select(_jobs.c.job_id)
        .where(
            _jobs.c.status == "queued",
            _jobs.c.due_at.is_(None),
            _jobs.c.touched_at < sa.func.now() - INPUT_AWAITED,
        )
        .limit(JOBS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    found = uow.connection.execute(waiting).scalars().all()
    error = {"code": "upload_incomplete", "message": "The file was not uploaded to its end."}
    for job_id in found:
        repository.end(uow, job_id, "failed", error=error)
    return len(found)


def purge_chunks(uow: UnitOfWork) -> int:
    """Delete inputs of jobs that have ended, and files of old ones, some at a time."""
    ended = _jobs.c.status.in_(ENDED)
    old = _jobs.c.touched_at < sa.func.now() - KEPT
    key = (_chunks.c.job_id, _chunks.c.side, _chunks.c.seq)
    doomed = (
        sa.select(*key)
        .join(_jobs, _jobs.c.job_id == _chunks.c.job_id)
        .where(ended, sa.or_(_chunks.c.side == "input", old))
        .limit(CHUNKS_AT_ONCE)
    )
    return uow.connection.execute(sa.delete(_chunks).where(sa.tuple_(*key).in_(doomed))).rowcount


def purge_jobs(uow: UnitOfWork) -> int:
    """Delete jobs that ended long ago; their chunks are gone already."""
    old = (
        sa.select(_jobs.c.job_id)
        .where(_jobs.c.status.in_(ENDED), _jobs.c.touched_at < sa.func.now() - KEPT)
        .order_by(_jobs.c.touched_at)
        .limit(JOBS_AT_ONCE)
    )
    return uow.connection.execute(sa.delete(_jobs).where(_jobs.c.job_id.in_(old))).rowcount
