"""A kind of job for tests: counts up to a number, a bounded number of steps in each slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from marshmallow import fields

from shared.calls import CallContext
from shared.contracts.base import WireSchema
from shared.db import Transactions, UnitOfWork
from shared.jobs import JobKind, JobState, Progress, files, finished, job, more, start

A_SLICE = 10


class CountSchema(WireSchema):
    """How far to count."""

    upto = fields.Integer(required=True)


COUNT = JobKind("points", "count_up", CountSchema, content_type="text/csv")


def count_slice(uow: UnitOfWork, work: JobState) -> Progress:
    """Write the next numbers to the job's file."""
    first, upto = work.state.get("next", 1), work.request["upto"]
    numbers = range(first, min(first + A_SLICE, upto + 1))
    files.append_output(uow, work.job_id, "".join(f"{number}\n" for number in numbers).encode())
    if numbers.stop > upto:
        return finished(work, done=upto, result={"counted": upto})
    return more(work, done=numbers.stop - 1, state={"next": numbers.stop})


class Counter:
    """Stands for a service that has this kind of job."""

    def __init__(self, before: Callable[[JobState], object] = lambda _work: None) -> None:
        self.before = before
        self.began: list[int] = []

    @job(COUNT)
    def count_up(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Do one slice; what ``before`` raises comes after the slice's effects."""
        self.began.append(work.done)
        progress = count_slice(uow, work)
        self.before(work)
        return progress


def begin(db: Transactions, context: CallContext, *, upto: int = 25, kind: JobKind = COUNT) -> UUID:
    """Start a job; returns its id."""

    def use_case(uow: UnitOfWork) -> Mapping[str, Any]:
        return start(uow, kind, {"upto": upto}, total=upto)

    job_id: UUID = db.run(use_case, context=context)["job_id"]
    return job_id
