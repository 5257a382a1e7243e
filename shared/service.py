"""The nameko class every service extends: a sign of life, the clock, jobs, housekeeping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from shared import audit
from shared.calls import Reply
from shared.contracts import audit as audit_contract
from shared.contracts import jobs as job_contract
from shared.contracts import platform
from shared.db import Call, Outcome, Snapshot, Transactions, UnitOfWork, idempotency, sandbox
from shared.errors import NotFound
from shared.errors.sandbox import ClockMovesForwardOnly
from shared.jobs import files, queries, runner
from shared.jobs import use_cases as job_use_cases
from shared.jobs.kinds import steps_of
from shared.outbox.purge import purge_inbox, purge_outbox
from shared.rpc.server import Database, every, rpc

HOUSEKEEPING_S = 3600
JOBS_S = 1.0
JOBS_TICK_S = 5.0
"""How long jobs are worked on before the timer comes round again, and before a drain ends."""
JOBS_AT_CLOCK_MOVE_S = 60.0


class BaseService:
    """What all services have in common; a subclass sets ``name`` and adds its calls."""

    name: ClassVar[str]
    db: Transactions = Database()

    def due_work(self) -> None:
        """Do whatever the present time makes due: expiry, sweeps, reviews (A8)."""

    @rpc(platform.PING)
    def ping(self, call: Call) -> Reply:
        """Answer from the database."""
        return self.db.read(call, _pong, service=self.name, is_sandbox=self.db.sandbox)

    @rpc(platform.ADVANCE_CLOCK)
    def advance_clock(self, call: Call, *, now: datetime) -> Reply:
        """Move the sandbox clock on and do all that became due (A8)."""
        if not self.db.sandbox:
            raise NotFound
        reply = self.db.write(call, self._move, target=now)
        self.due_work()
        runner.run_due(self.db, steps_of(self), for_s=JOBS_AT_CLOCK_MOVE_S)
        return reply

    # --- audit (I4)

    @rpc(audit_contract.LIST_AUDIT)
    def list_audit(self, call: Call, **query: Any) -> Reply:
        """Return a page of this service's audit trail."""
        return self.db.read(call, audit.trail, service=self.name, **query)

    @rpc(audit_contract.VERIFY_AUDIT)
    def verify_audit(self, call: Call, **query: Any) -> Reply:
        """Prove the next part of this service's audit trail."""
        return self.db.read(call, audit.verify_page, service=self.name, **query)

    # --- jobs (A9)

    @rpc(job_contract.GET_JOB)
    def get_job(self, call: Call, **query: Any) -> Reply:
        """Return a job of this service."""
        return self.db.read(call, queries.job, **query)

    @rpc(job_contract.LIST_JOBS)
    def list_jobs(self, call: Call, **query: Any) -> Reply:
        """Return a page of this service's jobs."""
        return self.db.read(call, queries.jobs, **query)

    @rpc(job_contract.CANCEL_JOB)
    def cancel_job(self, call: Call, **command: Any) -> Reply:
        """End a job between two of its slices."""
        return self.db.write(call, job_use_cases.cancel, steps=steps_of(self), **command)

    @rpc(job_contract.READ_JOB_FILE)
    def read_job_file(self, call: Call, **query: Any) -> Reply:
        """Return a chunk of what a job made."""
        return self.db.read(call, files.read_output, **query)

    @rpc(job_contract.ADD_JOB_INPUT)
    def add_job_input(self, call: Call, **command: Any) -> Reply:
        """Take a chunk of what a job shall read."""
        return self.db.write(call, files.add_input, **command)

    @rpc(job_contract.END_JOB_INPUT)
    def end_job_input(self, call: Call, **command: Any) -> Reply:
        """Let a job begin that has its input."""
        return self.db.write(call, files.end_input, **command)

    @every(JOBS_S)
    def work_on_jobs(self) -> None:
        """Do slices of jobs that are due."""
        runner.run_due(self.db, steps_of(self), for_s=JOBS_TICK_S)

    @every(HOUSEKEEPING_S)
    def forget_old_jobs(self) -> None:
        """Delete jobs and files past their time."""
        self.db.sweep("job_inputs", job_use_cases.give_up_waiting)
        self.db.sweep("job_chunks", job_use_cases.purge_chunks)
        self.db.sweep("jobs", job_use_cases.purge_jobs)

    # --- housekeeping

    @every(HOUSEKEEPING_S)
    def forget_old_keys(self) -> None:
        """Delete idempotency records past their time (A3)."""
        self.db.sweep("idempotency", lambda uow: idempotency.purge(uow.connection, uow.now))

    @every(HOUSEKEEPING_S)
    def forget_old_events(self) -> None:
        """Delete events that were published and consumed long ago."""
        self.db.sweep("outbox", purge_outbox)
        self.db.sweep("inbox", purge_inbox)

    def _move(self, uow: UnitOfWork, *, target: datetime) -> Outcome:
        # The keyed call is the request itself; the others are its fan-out, which may come again.
        if uow.context.idempotency is not None and target < uow.now:
            raise ClockMovesForwardOnly
        sandbox.advance(uow.connection, machine_now=self.db.clock.now(), target=target)
        return Outcome({"now": self.db.now(uow.connection)})


def _pong(snapshot: Snapshot, *, service: str, is_sandbox: bool) -> Mapping[str, Any]:
    snapshot.connection.execute(sa.text("SELECT 1 FROM outbox LIMIT 1"))
    return {"service": service, "now": snapshot.now, "sandbox": is_sandbox}
