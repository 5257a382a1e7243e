"""Reads of jobs: whoever started a job sees it, and so do staff; to others it does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shared.contracts.jobs import service_of
from shared.db.pages import page
from shared.db.tables import PLATFORM
from shared.db.units import Snapshot
from shared.errors import NotFound
from shared.jobs.kinds import WAITING_FOR

MAX_LIMIT = 200
_OPEN = ("queued", "running")
_jobs, _cancellations = PLATFORM.work.jobs, PLATFORM.work.cancellations


def job(snapshot: Snapshot, *, job_id: UUID) -> Mapping[str, Any]:
    """Return a job; raises `NotFound`."""
    row = snapshot.connection.execute(
        _visible(snapshot).where(_jobs.c.job_id == job_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return _view(row)


def jobs(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None, **wanted: str
) -> Mapping[str, Any]:
    """Return a page of jobs, newest first; ``wanted`` are values of columns."""
    statement = _visible(snapshot).filter(*(_jobs.c[name] == wanted[name] for name in wanted))
    if after is not None:
        statement = statement.where(_jobs.c.job_id < UUID(after["job_id"]))
    limit = min(limit, MAX_LIMIT)
    ordered = statement.order_by(_jobs.c.job_id.desc()).limit(limit + 1)
    rows = snapshot.connection.execute(ordered).all()
    return page(rows, limit, key="job_id", view=_view)


def _visible(snapshot: Snapshot) -> sa.Select[Any]:
    statement = sa.select(_jobs, _cancellations.c.job_id.label("cancelled")).join_from(
        _jobs, _cancellations, isouter=True
    )
    if snapshot.actor.kind == "staff":
        return statement
    return statement.where(_jobs.c.creator == snapshot.actor.key)


def _view(row: sa.Row[Any]) -> dict[str, Any]:
    names = ("job_id", "kind", "status", "done", "total", "result", "error",
             "created_at", "started_at", "finished_at")  # fmt: skip
    has_file = row.status == "succeeded" and row.content_type is not None
    return {
        **{name: row._mapping[name] for name in names},
        "service": service_of(row.job_id),
        "result_url": f"/v1/jobs/{row.job_id}/result" if has_file else None,
        "waiting_for": row.state.get(WAITING_FOR, []) if row.status in _OPEN else [],
        "cancel_requested": row.cancelled is not None,
        "created_by": {"kind": row.actor["kind"], "id": row.actor["id"]},
    }
