"""PostgreSQL for every service: engine, unit of work, idempotency, inbox, outbox, migrations."""

from __future__ import annotations

from shared.db.engine import create_engine
from shared.db.transactions import Transactions
from shared.db.units import Call, Outcome, Snapshot, UnitOfWork

__all__ = ["Call", "Outcome", "Snapshot", "Transactions", "UnitOfWork", "create_engine"]
