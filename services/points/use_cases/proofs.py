"""The nightly proof of the ledger, and the rebuild of what it caches (L2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.dialects.postgresql import insert

from services.points import tables, verification
from services.points.domain.programme import Programme
from services.points.repository import accounts, mending
from services.points.verification import MOST_DRIFT, Difference
from shared.contracts.base import EmptySchema
from shared.contracts.points.schemas import DriftSchema
from shared.db import UnitOfWork
from shared.ids import NIL
from shared.jobs import JobKind, JobState, Progress, finished, more, start

NIGHTLY = JobKind("points", "nightly_proof", EmptySchema)
REBUILD = JobKind("points", "rebuild", EmptySchema)
NOT_BEFORE = time(3)
"""Local time of the nightly proof."""
ACCOUNTS_AT_ONCE = 500
"""Accounts that a rebuild locks together."""
_log = structlog.get_logger(__name__)
_drift = Counter("loyalty_points_drift", "Figures found at night that the journal does not say")


def start_nightly_proof(uow: UnitOfWork, *, programme: Programme) -> bool:
    """Start the proof of a local day, once; return whether it was started now."""
    local: datetime = uow.now.astimezone(programme.time_zone)
    if local.time() < NOT_BEFORE:
        return False
    marker = insert(tables.nightly_proofs).values(day=local.date(), started_at=uow.now)
    taken = uow.connection.execute(marker.on_conflict_do_nothing()).rowcount
    if taken:
        start(uow, NIGHTLY, {})
    return bool(taken)


def prove_slice(uow: UnitOfWork, work: JobState) -> Progress:
    """Judge some more accounts; the last slice gives the alarm, if there is reason to."""
    known = {"accounts_checked": 0, "postings_checked": 0, "drift_found": 0, "drift": []}
    state: dict[str, Any] = {**known, **work.state}
    part = verification.check_after(uow.connection, UUID(state.pop("after", str(NIL))))
    state["accounts_checked"] += part.accounts
    state["postings_checked"] += part.postings
    state["drift_found"] += len(part.drift)
    state["drift"] = _first([*state["drift"], *_wire(part.drift)])
    done = state["accounts_checked"]
    if part.last is not None:
        return more(work, done=done, state={**state, "after": str(part.last)})
    if state["drift_found"]:
        _drift.inc(state["drift_found"])
        _log.error("ledger_drift", found=state["drift_found"], first=state["drift"][0])
    return finished(work, done=done, result={"ok": not state["drift_found"], **state})


def start_rebuild(uow: UnitOfWork) -> Mapping[str, Any]:
    """Start to set all caches to what the journal says.

    Raises:
        TooManyJobs: the caller has too many that have not ended.
    """
    started = start(uow, REBUILD, {})
    uow.audit("ledger.rebuild", ("job", started["job_id"]))
    return started


def rebuild_slice(uow: UnitOfWork, work: JobState) -> Progress:
    """Set right what is wrong on some more accounts, each under its lock."""
    state, last = rebuild_next(uow, work.state)
    done = state["accounts_checked"]
    if last is not None:
        return more(work, done=done, state={**state, "after": str(last)})
    return finished(work, done=done, result={"ok": not state["drift"], **state})


def rebuild_next(uow: UnitOfWork, before: Mapping[str, Any]) -> tuple[dict[str, Any], UUID | None]:
    """Return what has been checked and changed by now, and after which account to go on.

    ``changes`` are the first 100 differences that are gone, ``drift`` those that remain, since the
    journal contradicts itself.
    """
    known = {"accounts_checked": 0, "accounts_changed": 0, "changes": [], "drift": []}
    state: dict[str, Any] = {**known, **before}
    after = UUID(state.pop("after", str(NIL)))
    members = accounts.lock_next(uow.connection, after, ACCOUNTS_AT_ONCE)
    found = verification.check(uow.connection, members).drift if members else ()
    wrong = sorted({difference["member_id"] for difference in found})
    left: tuple[Difference, ...] = ()
    if wrong:
        mending.mend(uow.connection, wrong, uow.now)
        left = verification.check(uow.connection, wrong).drift
    changed = [difference for difference in found if difference not in left]
    state["accounts_checked"] += len(members)
    state["accounts_changed"] += len({difference["member_id"] for difference in changed})
    state["changes"] = _first([*state["changes"], *_wire(changed)])
    state["drift"] = _first([*state["drift"], *_wire(left)])
    return state, members[-1] if len(members) == ACCOUNTS_AT_ONCE else None


def _first(differences: list[Any]) -> list[Any]:
    return differences[:MOST_DRIFT]


def _wire(differences: Any) -> list[Any]:
    dumped: list[Any] = DriftSchema(many=True).dump(differences)
    return dumped
