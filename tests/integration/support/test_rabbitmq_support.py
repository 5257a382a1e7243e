"""Nodes of a test run that was killed do not stay."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support.rabbitmq import OWNER, end_leftovers

Start = Callable[[int], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give what starts a process, such as a node is, on behalf of a test run."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(owner: int) -> subprocess.Popen[bytes]:
        waits = [sys.executable, "-c", "input()"]
        process = subprocess.Popen(
            waits,
            stdin=subprocess.PIPE,
            env={**os.environ, OWNER: str(owner)},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def _gone() -> int:
    """Return the id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_node_of_a_killed_run_is_ended_at_the_next_start(start: Start) -> None:
    orphan = start(_gone())
    end_leftovers()
    assert orphan.wait(timeout=10) < 0


def test_node_of_a_living_run_goes_on(start: Start) -> None:
    node = start(os.getpid())
    end_leftovers()
    assert node.poll() is None
