"""Pact without telemetry; the files live as long as the session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.platform import Platform, build
from tests.support.postgres import ServiceDatabase

os.environ["PACT_DO_NOT_TRACK"] = "true"

STATE_TIMEOUT_MS = 100_000
"""Pact gives a provider's state 5 s, and then asks for it again while it is still being made."""


@pytest.fixture
def pacts(tmp_path: Path) -> Path:
    """Give the directory in which a test files and verifies pacts."""
    return tmp_path


@pytest.fixture
def provider(service_database: Callable[[str], ServiceDatabase]) -> Platform:
    """Give the platform a provider's states are made in."""
    return build(service_database)
