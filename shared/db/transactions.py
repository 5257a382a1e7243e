"""One function, one use case, one transaction: the only place that begins and commits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import psycopg2.errors
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from shared.calls import SYSTEM, CallContext, Reply
from shared.clock import Clock, SystemClock
from shared.contracts.event import Envelope
from shared.db import idempotency, sandbox
from shared.db.audit import write_audit
from shared.db.outbox import write_events
from shared.db.tables import PLATFORM
from shared.db.units import Call, Outcome, Snapshot, UnitOfWork
from shared.errors import Busy, RequestInProgress
from shared.ids import new_id
from shared.security.crypto import MasterKey

ATTEMPTS = 8
_RETRYABLE = (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected)
_log = structlog.get_logger(__name__)

T = TypeVar("T")
UseCase = Callable[..., Mapping[str, Any] | Outcome]


@dataclass(frozen=True, slots=True)
class Transactions:
    """Runs use cases against one service's database."""

    engine: sa.Engine
    clock: Clock = field(default_factory=SystemClock)
    sandbox: bool = False
    vault: MasterKey | None = None
    """Seals the answers kept under idempotency keys."""

    def write(self, call: Call, use_case: UseCase, **command: Any) -> Reply:
        """Run ``use_case(uow, **command)`` once per idempotency key and return its answer.

        Serialization failures, deadlocks and connections that break before the commit are retried;
        the use case must therefore have no effect outside the transaction.

        Raises:
            LoyaltyError: the use case's refusal; nothing was written.
            RequestInProgress: the same key is still being worked on.
            Busy: retries are used up, or a lock was not free in time.
        """

        def attempt() -> Reply:
            with self._begin(call.context) as uow:
                stored = self._claim(uow)
                if stored is not None:
                    return stored
                reply = _reply(call, use_case(uow, **command))
                _write_collected(uow)
                idempotency.store(uow.connection, call.context, reply, self.vault)
                return reply

        return _retrying(attempt)

    def read(self, call: Call, query: Callable[..., Mapping[str, Any]], **args: Any) -> Reply:
        """Run ``query(snapshot, **args)`` and return its answer.

        Each statement sees its own moment, as it would in a transaction too; without one, neither
        BEGIN nor ROLLBACK goes over the wire.
        """

        def attempt() -> Reply:
            with self.engine.connect() as pooled:
                connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
                snapshot = Snapshot(connection, self.now(connection), call.context, self.vault)
                return Reply(call.method.success, call.method.dump(query(snapshot, **args)))

        return _retrying(attempt)

    def run(
        self, use_case: Callable[..., T], *, context: CallContext | None = None, **command: Any
    ) -> T:
        """Run a use case for the system itself: command line, first start, timers."""

        def attempt() -> T:
            with self._begin(context or _system_context()) as uow:
                result = use_case(uow, **command)
                _write_collected(uow)
                return result

        return _retrying(attempt)

    def consume(self, event: Envelope, use_case: Callable[[UnitOfWork, Envelope], object]) -> bool:
        """Apply an event once; return False when this service has applied it before."""
        context = CallContext(
            request_id=event.request_id or str(event.id), traceparent=event.traceparent
        )

        def attempt() -> bool:
            with self._begin(context) as uow:
                entered = uow.connection.execute(
                    insert(PLATFORM.inbox)
                    .values(producer=event.producer, event_id=event.id, consumed_at=uow.now)
                    .on_conflict_do_nothing()
                )
                if not entered.rowcount:
                    return False
                use_case(uow, event)
                _write_collected(uow)
                return True

        return _retrying(attempt)

    def sweep(self, name: str, batch: Callable[[UnitOfWork], int]) -> int:
        """Run ``batch`` until it reports 0 done, each in a transaction; return the total.

        Several replicas may call at once: an advisory lock lets one of them work.
        """
        total = 0
        while done := self.run(lambda uow: batch(uow) if _lead(uow, name) else 0):
            total += done
        return total

    def now(self, connection: sa.Connection) -> datetime:
        """Return the platform's time as this service's database has it."""
        machine_now = self.clock.now()
        return machine_now + sandbox.offset(connection) if self.sandbox else machine_now

    def _begin(self, context: CallContext) -> _Unit:
        return _Unit(self, context)

    def _claim(self, uow: UnitOfWork) -> Reply | None:
        try:
            return idempotency.claim(uow.connection, uow.context, uow.now, self.vault)
        except sa.exc.OperationalError as error:
            if isinstance(error.orig, psycopg2.errors.LockNotAvailable):
                raise RequestInProgress(retry_after_s=1) from None
            raise


class _Unit:
    """Context manager around one transaction that yields its unit of work."""

    def __init__(self, transactions: Transactions, context: CallContext) -> None:
        self._transactions = transactions
        self._context = context
        self._begun = transactions.engine.begin()

    def __enter__(self) -> UnitOfWork:
        connection = self._begun.__enter__()
        try:
            now = self._transactions.now(connection)
            return UnitOfWork(connection, now, self._context, self._transactions.vault)
        except BaseException as error:
            self._begun.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(self, *failure: Any) -> None:
        self._begun.__exit__(*failure)


def _reply(call: Call, result: Mapping[str, Any] | Outcome) -> Reply:
    outcome = result if isinstance(result, Outcome) else Outcome(result)
    status = outcome.status or call.method.success
    return Reply(status, call.method.dump(outcome.body), outcome.replayed)


def _write_collected(uow: UnitOfWork) -> None:
    """Write what the use case has collected; the audit trail's lock is the last one taken."""
    write_events(uow)
    write_audit(uow)


def _system_context() -> CallContext:
    return CallContext(request_id=str(new_id()), actor=SYSTEM)


def _lead(uow: UnitOfWork, name: str) -> bool:
    got: bool = uow.connection.execute(
        sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
    ).scalar_one()
    return got


def _retrying(attempt: Callable[[], T]) -> T:
    """Call ``attempt`` until nothing that passes disturbs it, with growing random pauses."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except sa.exc.DBAPIError as error:
            if isinstance(error.orig, psycopg2.errors.LockNotAvailable):
                raise Busy from error
            is_victim = isinstance(error.orig, _RETRYABLE)
            if is_victim and number == ATTEMPTS:
                raise Busy from error
            if not is_victim and (number == ATTEMPTS or not _broke_before_commit(error)):
                raise
            _log.info("transaction_retried", attempt=number, cause=type(error.orig).__name__)
            time.sleep(random.uniform(0, 0.01 * 2**number))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


def _broke_before_commit(error: sa.exc.DBAPIError) -> bool:
    """Return whether the connection is gone and the transaction with it, for certain.

    A commit has no statement; whether a broken one took effect is unknown.
    """
    return error.connection_invalidated and error.statement is not None
