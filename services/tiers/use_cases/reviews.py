"""What time alone makes due: notices, reviews, the end of grace, of overrides, a new version (T3).

Batches of members are judged by a few statements each and commit on their own, so the work takes
bounded memory, goes on where it stopped, and several processes may share it. Reads take no locks.
"""

from __future__ import annotations

from datetime import tzinfo

from services.tiers.domain.programme import in_force
from services.tiers.queries.passing import pass_time
from services.tiers.repository import programmes, states
from services.tiers.use_cases.moving import move_of, record
from shared.db import UnitOfWork

BATCH = 1_000


def review(uow: UnitOfWork, *, time_zone: tzinfo, limit: int = BATCH) -> int:
    """Do what is due for some members; return how many there were."""
    rows = states.lock_due(uow.connection, uow.now, limit)
    moves = [move_of(uow.connection, row, time_zone) for row in rows]
    pass_time(uow.connection, moves, uow.now)
    record(uow, moves)
    return len(moves)


def adopt_version(uow: UnitOfWork, *, time_zone: tzinfo, limit: int = BATCH) -> int:
    """Judge some members by the version in force, if another one still holds; return how many."""
    versions = programmes.published(uow.connection)
    current = in_force(versions, uow.now)
    older = [each.version for each in versions if each.effective_from < current.effective_from]
    if not older:
        return 0
    rows = states.lock_older(uow.connection, older, limit)
    moves = [move_of(uow.connection, row, time_zone) for row in rows]
    pass_time(uow.connection, moves, uow.now)
    record(uow, moves)
    return len(moves)
