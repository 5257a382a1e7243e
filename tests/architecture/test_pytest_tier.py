"""``make test`` turns red when part of a tier did not run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

WORKERS = ("-p", "xdist.plugin", "-n", "1")
GREEN = "def test_ok(): pass\n"
LEFT_OUT = {
    "skipped": "import pytest\n\n@pytest.mark.skip\ndef test_x(): pass\n",
    "skipped while running": "import pytest\n\ndef test_x(): pytest.skip('later')\n",
    "expected to fail": "import pytest\n\n@pytest.mark.xfail\ndef test_x(): assert False\n",
    "module skipped": "import pytest\n\npytest.skip('later', allow_module_level=True)\n",
}


def run_tier(directory: Path, *arguments: str) -> int:
    """Run pytest with the plugin as ``make test`` does and return its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "scripts.pytest_tier", *arguments],
        cwd=directory,
        # Without the plugins of the installed packages, which take longer to load than the run.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    ).returncode


@pytest.fixture
def tier(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name in ("full", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "test_full.py").write_text(GREEN)
    return tmp_path


def test_tier_is_green_when_everything_ran(tier: Path) -> None:
    assert run_tier(tier, "full") == pytest.ExitCode.OK
    assert run_tier(tier, *WORKERS, "full") == pytest.ExitCode.OK


@pytest.mark.parametrize("source", LEFT_OUT.values(), ids=LEFT_OUT)
def test_tier_is_red_when_test_was_left_out(tier: Path, source: str) -> None:
    (tier / "full" / "test_left_out.py").write_text(source)
    assert run_tier(tier, "full") == pytest.ExitCode.TESTS_FAILED


def test_tier_is_red_when_worker_left_test_out(tier: Path) -> None:
    (tier / "full" / "test_left_out.py").write_text(LEFT_OUT["skipped"])
    assert run_tier(tier, *WORKERS, "full") == pytest.ExitCode.TESTS_FAILED


def test_tier_is_red_when_test_was_deselected(tier: Path) -> None:
    (tier / "full" / "test_more.py").write_text("def test_other(): pass\n")
    assert run_tier(tier, "-k", "test_ok", "full") == pytest.ExitCode.TESTS_FAILED


def test_tier_is_red_when_one_directory_is_empty(tier: Path) -> None:
    assert run_tier(tier, "full", "empty") == pytest.ExitCode.TESTS_FAILED
