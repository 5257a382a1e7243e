"""Pact without telemetry; the files live as long as the session."""

from __future__ import annotations

import builtins
import os
from importlib import import_module
from pathlib import Path

import pytest

from shared.contracts.platform import SERVICES
from tests.contracts.stage import Stage
from tests.support.postgres import TestServer

os.environ["PACT_DO_NOT_TRACK"] = "true"

# Pact hooks every import of the process, only to warn of one way of importing Pact itself.
_import = builtins.__import__
import_module("pact")
builtins.__import__ = _import


@pytest.fixture
def pacts(tmp_path: Path) -> Path:
    """Give the directory in which a test files and verifies pacts."""
    return tmp_path


@pytest.fixture(scope="session")
def stage(postgres_server: TestServer) -> Stage:
    """Give the platform that all states are made in, one after the other."""
    return Stage({name: postgres_server.own_database(name) for name in SERVICES})


@pytest.fixture
def provider(stage: Stage) -> Stage:
    """Give the stage as nothing has happened on it."""
    stage.renew()
    return stage
