"""``python -m services.points``: serve, relay, migrate, …; see `shared.cli`.

Its own: ``verify`` and ``rebuild``, which prove the ledger and set right what it caches (L2).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.cli import main

if TYPE_CHECKING:
    from shared.db import Transactions

# Imported in the commands, because `serve` has to patch the standard library before all else.
# ruff: noqa: PLC0415


def verify(_service: str, _arguments: argparse.Namespace) -> int:
    """Prove that every balance is the sum of its postings and of its lots; fail if not."""
    from services.points import verification
    from shared.calls import CallContext
    from shared.contracts.points.schemas import VerificationSchema
    from shared.db import Snapshot

    with _database("verify") as db, db.engine.connect() as connection:
        reading = Snapshot(connection, db.now(connection), CallContext("verify"))
        found = VerificationSchema().dump(verification.verify(reading))
    print(json.dumps(found))
    return 0 if found["ok"] else 1


def rebuild(_service: str, _arguments: argparse.Namespace) -> int:
    """Set every balance and lot to what the journal says; fail if it contradicts itself."""
    from services.points.use_cases.proofs import rebuild_next

    state: dict[str, object] = {}
    with _database("rebuild") as db:
        last = None
        while True:
            before = {**state, **({} if last is None else {"after": str(last)})}
            state, last = db.run(rebuild_next, before=before)
            if last is None:
                break
    print(json.dumps({"ok": not state["drift"], **state}))
    return 1 if state["drift"] else 0


@contextmanager
def _database(purpose: str) -> Iterator[Transactions]:
    from shared.db import Transactions, create_engine

    url = os.environ.get("LOYALTY_POINTS_DATABASE_URL")
    if not url:
        sys.exit("Settings are missing or wrong:\n  LOYALTY_POINTS_DATABASE_URL: not set")
    engine = create_engine(url, pool_size=1, application=f"loyalty-points-{purpose}")
    try:
        # A sandbox clock that nobody has moved is the machine's.
        yield Transactions(engine, sandbox=True)
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main("points", commands={"verify": verify, "rebuild": rebuild}))
