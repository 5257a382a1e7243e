from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import logging
import structlog
from shared.observability import configure_logging

def enrol(phone):
    raise RuntimeError("broken")

configure_logging(process="test")
for log in (structlog.get_logger("own"), logging.getLogger("foreign")):
    try:
        enrol("+86" + "13800138000")
    except RuntimeError:
        log.exception("call_failed")
structlog.get_logger("own").info("seen", phone="+8613800138000", password="hunter2")
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


@pytest.mark.rule("M4")
def test_logged_failures_show_no_local_variables(lines: list[str]) -> None:
    for line in lines[:2]:
        assert "13800138000" not in line
        logged = json.loads(line)
        assert (logged["process"], logged["event"]) == ("test", "call_failed")
        assert logged["exception"][0]["exc_value"] == "broken"


@pytest.mark.rule("M4")
def test_values_under_personal_names_are_blanked(lines: list[str]) -> None:
    logged = json.loads(lines[2])
    assert (logged["phone"], logged["password"]) == ("****", "****")
