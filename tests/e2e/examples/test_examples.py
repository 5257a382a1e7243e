"""The shipped examples against a server of their own, as their reader runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an example to its end."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.timeout(300)
def test_demo_tells_ten_calls_and_ends_well() -> None:
    done = run("examples.demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10. " in done.stdout
    assert '"ok": true' in done.stdout


@pytest.mark.timeout(300)
@pytest.mark.rule("L2")
def test_replay_of_real_baskets_ends_with_a_clean_ledger() -> None:
    done = run("examples.replay", "--households", "20", "--days", "4")
    assert done.returncode == 0, done.stdout + done.stderr
