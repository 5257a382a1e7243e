"""Long work (A9): done in slices, each of them one transaction, so that it survives any crash.

A service declares a kind and the step that does one slice of it:

    EXPORT = JobKind("coupons", "export_codes", ExportSchema, content_type="text/csv")

    class CouponsService(BaseService):
        @job(EXPORT)
        def export_codes(self, uow: UnitOfWork, work: JobState) -> Progress:
            return use_cases.export_slice(uow, work)

and starts it in the use case that answers 202:

    return start(uow, EXPORT, {"campaign_id": campaign_id}, total=count)

The step reads ``work.request`` and ``work.state`` (what its last slice left), does a bounded part,
and returns `more` or `finished`. All it writes, events and file chunks included, commits together
with its progress, or not at all: a slice is done exactly once, whoever is killed when.

Where ``reads_input`` is set the job waits for a file, which `gateway.uploads` passes on; a step
reads it with `shared.jobs.csv_input.records`, keeping the position in its state.
`shared.jobs.files` appends to the file that a job makes.

- A slice is small: at most some thousand rows, well below the statement timeout, and at most some
  50 ms of computing between two statements, since calls of the same process wait meanwhile.
- A step that has to wait for something elsewhere returns `waiting`; whoever hears of that calls
  `wake`, with its own transaction.
- A refusal (`LoyaltyError` that is not retryable) fails the job with its code. Anything else is
  tried again with growing pauses, and fails the job after `runner.ATTEMPTS` times.
- ``request``, ``state``, ``result`` and errors lie about in plain: ids and counts, no personal
  values (M4). Files (`shared.jobs.files`) are sealed.
"""

from __future__ import annotations

from shared.jobs.kinds import JobKind, JobState, Progress, finished, job, more, waiting
from shared.jobs.repository import start, wake

__all__ = [
    "JobKind",
    "JobState",
    "Progress",
    "finished",
    "job",
    "more",
    "start",
    "waiting",
    "wake",
]
