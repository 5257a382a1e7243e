"""The nameko class every service extends: a sign of life, the sandbox clock, housekeeping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from shared.calls import Reply
from shared.contracts import platform
from shared.db import Call, Outcome, Snapshot, Transactions, UnitOfWork, idempotency, sandbox
from shared.errors import NotFound
from shared.errors.sandbox import ClockMovesForwardOnly
from shared.outbox.purge import purge_inbox, purge_outbox
from shared.rpc.server import Database, every, rpc

HOUSEKEEPING_S = 3600


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
        return reply

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
