"""The very first thing a serving process does."""

from __future__ import annotations

import warnings


def patch_standard_library() -> None:
    """Let eventlet replace blocking calls, psycopg2's included, by cooperative ones.

    Call it before anything else is imported: a module that has already taken a lock or a socket
    from the standard library keeps the blocking one.
    """
    with warnings.catch_warnings():
        # Its notice that it is in bug-fix mode; why we use it is told in docs/adr.
        warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
        import eventlet  # noqa: PLC0415 - only processes that serve may load it

    eventlet.monkey_patch()
