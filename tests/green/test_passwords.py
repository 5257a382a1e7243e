"""Under eventlet all calls of a process share one thread: long computing must not hold it."""

from __future__ import annotations

import eventlet
import pytest

from services.identity import passwords
from services.identity.service import _beside


@pytest.mark.rule("I2")
def test_hashing_a_password_lets_other_calls_go_on() -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            eventlet.sleep(0.002)
            ticks += 1

    ticker = eventlet.spawn(tick)
    hashed = [_beside(passwords.hash_password, "correct horse") for _ in range(5)]
    ticker.kill()
    assert all(passwords.matches(one, "correct horse") for one in hashed)
    # Done in the hub's own thread, five hashes in a row would not let the ticker run at all.
    assert ticks >= 5
