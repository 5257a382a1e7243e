"""Does the slices that are due; any number of processes may at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import structlog
from prometheus_client import Counter

from shared.db.transactions import Transactions
from shared.db.units import UnitOfWork
from shared.errors import LoyaltyError
from shared.jobs import repository
from shared.jobs.kinds import JobState, Progress, Step
from shared.jobs.repository import Claim

ATTEMPTS = 6
"""How often a slice is begun without coming to its end before its job fails."""
FIRST_PAUSE_S = 1.0
_log = structlog.get_logger(__name__)
_slices = Counter("loyalty_job_slices", "Slices of long work", ["service", "kind", "outcome"])


def run_due(db: Transactions, steps: Mapping[str, Step], *, for_s: float) -> int:
    """Do slices until none is due or ``for_s`` has passed; return how many were begun."""
    until, begun = time.monotonic() + for_s, 0
    while steps and time.monotonic() < until and run_one(db, steps):
        begun += 1
        time.sleep(0)  # whatever else the process has to do goes first
    return begun


def run_one(db: Transactions, steps: Mapping[str, Step]) -> bool:
    """Do the next slice, if one is due; a failing one leaves its trace in the job."""
    found = db.run(_claim, kinds=tuple(steps))
    if found is None:
        return False
    if isinstance(found, Claim):
        _attempt(db, found, steps[found.kind])
    return True


def _claim(uow: UnitOfWork, *, kinds: Iterable[str]) -> Claim | bool | None:
    """Return the right to the next slice, True for a job that was ended, None when none is due."""
    row = repository.next_due(uow, kinds)
    if row is None:
        return None
    if row.cancelled is not None:
        repository.end(uow, row.job_id, "cancelled")
        return True
    if row.attempts >= ATTEMPTS:
        repository.end(uow, row.job_id, "failed", error=_GIVEN_UP)
        _log.error("job_given_up", job_id=str(row.job_id), kind=row.kind)
        return True
    return repository.claim(uow, row)


def _attempt(db: Transactions, claimed: Claim, step: Step) -> None:
    """Do a slice, and note a failure in a transaction of its own."""
    with structlog.contextvars.bound_contextvars(job_id=str(claimed.job_id), kind=claimed.kind):
        try:
            outcome = db.run(_work, context=claimed.context, claimed=claimed, step=step)
        except LoyaltyError as refusal:
            outcome = _failed(db, claimed, refusal)
        except Exception as error:
            outcome = _failed(db, claimed, error)
        _slices.labels(step.job_kind.service, claimed.kind, outcome).inc()


def _work(uow: UnitOfWork, *, claimed: Claim, step: Step) -> str:
    row = repository.lock_claimed(uow, claimed)
    if row is None:
        return "lost"
    request = step.job_kind.request().load(row.request)
    work = JobState(
        row.job_id, row.kind, request, row.state, row.done, row.total, claimed.context.actor
    )
    progress: Progress = step(uow, work)
    repository.advance(uow, row, progress)
    return "done"


def _failed(db: Transactions, claimed: Claim, error: Exception) -> str:
    if isinstance(error, LoyaltyError) and not error.retryable:
        _log.warning("job_refused", code=error.code)
        db.run(repository.fail, claimed=claimed, code=error.code, message=error.detail)
        return "refused"
    if claimed.attempt >= ATTEMPTS:
        _log.error("job_failed", exc_info=error)
        code, message = _GIVEN_UP["code"], _GIVEN_UP["message"]
        db.run(repository.fail, claimed=claimed, code=code, message=message)
        return "failed"
    _log.warning("slice_failed", attempt=claimed.attempt, error=type(error).__name__)
    pause_s = FIRST_PAUSE_S * 2 ** (claimed.attempt - 1)
    db.run(repository.put_off, claimed=claimed, pause_s=pause_s)
    return "put_off"


_GIVEN_UP = {
    "code": "job_failed",
    "message": "The same part of the work failed again and again; the log says why, by job_id.",
}
