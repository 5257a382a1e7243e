"""Two members become one: the source's sessions are the survivor's (M3).

Nothing is rewritten. Whoever comes with a refresh token gets an access token of who its member is
by then, so a person stays signed in through a merge and its undoing. An access token lives for 15
minutes at most; until then one of the source's shows an empty, merged account.
"""

from __future__ import annotations

from shared import merging as saga
from shared.contracts.event import Envelope
from shared.db import UnitOfWork
from shared.merging import Step

SERVICE = "identity"


def follow_merge(uow: UnitOfWork, event: Envelope) -> None:
    """Take a step of a merge, in its order, once (``member.merged``, ``member.unmerged``)."""
    saga.follow(uow, event, service=SERVICE, move=_move_nothing)


def _move_nothing(_uow: UnitOfWork, _step: Step) -> None:
    """Leave sessions as they are: the redirect is all it takes."""
