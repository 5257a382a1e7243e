"""What a process does once all it serves with is loaded."""

from __future__ import annotations

import gc


def set_aside() -> None:
    """Exempt all that is loaded so far from garbage collection: it is needed to the end.

    A full collection goes through every object there is while all threads wait. With a service's
    modules, schemas and statements that stopped it for some 60 ms, sales with it.
    """
    gc.collect()
    gc.freeze()
