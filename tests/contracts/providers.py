"""Holding a provider to pacts, so that what goes wrong in making a state is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pact import Verifier

STATE_TIMEOUT_MS = 100_000
"""Pact gives a provider's state 5 s, and then asks for it again while it is still being made."""


def hold(
    provider: str,
    pacts: Iterable[Path],
    states: Mapping[str, Callable[[], object]],
    tell: Callable[[str], Any],
) -> None:
    """Hold ``provider`` to all pacts in these directories.

    Args:
        provider: its name.
        pacts: where the pacts are.
        states: what makes each state that they name.
        tell: returns what the provider says, by the description of what is asked of it.

    Raises:
        RuntimeError: it does not keep to one.
        Exception: what a state or ``tell`` raised. To Pact that would be a provider away for a
            moment: it would ask again, ever more rarely, and not say why.
    """
    failed: list[Exception] = []

    def arrange(state: str) -> None:
        try:
            if not failed:
                states[state]()
        except Exception as error:  # Raised again below.
            failed.append(error)

    def answer(name: str) -> Any:
        contents = b"null"
        try:
            if not failed:
                contents = json.dumps(tell(name)).encode()
        except Exception as error:  # Raised again below.
            failed.append(error)
        return {"contents": contents, "metadata": None, "content_type": "application/json"}

    verifier = Verifier(provider).set_request_timeout(STATE_TIMEOUT_MS)
    for directory in pacts:
        verifier.add_source(directory)
    verifier.state_handler({name: partial(arrange, name) for name in states}, teardown=False)
    try:
        verifier.message_handler(answer).verify()
    except RuntimeError:
        if failed:
            raise failed[0] from None
        raise
