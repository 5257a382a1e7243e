"""Each service migrates its database and serves from a tree with only ``shared`` and itself."""

from __future__ import annotations

import base64
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.calls import CallContext
from shared.contracts import platform
from shared.errors.backend import BackendTimeout, BackendUnavailable
from shared.rpc.client import RpcClient
from tests.architecture.isolation import build_tree, run, running
from tests.architecture.repository import SERVICES
from tests.support.postgres import ServiceDatabase
from tests.support.rabbitmq import Rabbit, shared_rabbit

READY_WITHIN_S = 30
STOPPED_WITHIN_S = 30


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    with shared_rabbit(tmp_path_factory.mktemp("broker")) as node:
        yield node


@pytest.fixture
def client(rabbit: Rabbit) -> Iterator[RpcClient]:
    client = RpcClient(rabbit.uri)
    yield client
    client.close()


def settings_of(database: ServiceDatabase, rabbit: Rabbit) -> dict[str, str]:
    prefix = f"LOYALTY_{database.service.upper()}"
    return {
        f"{prefix}_DATABASE_URL": database.url,
        f"{prefix}_MIGRATION_URL": database.owner_url,
        "LOYALTY_AMQP_URL": rabbit.uri,
        "LOYALTY_MASTER_KEY": base64.b64encode(b"m" * 32).decode(),
        "LOYALTY_LOOKUP_KEY": base64.b64encode(b"l" * 32).decode(),
    }


def ping_until_ready(
    client: RpcClient, service: str, process: subprocess.Popen[bytes]
) -> dict[str, object]:
    """Ask the service for a sign of life until it gives one or its process ends."""
    context = CallContext("isolated-start")
    until = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            return dict(client.call(platform.of(service, platform.PING), {}, context).body)
        except (BackendUnavailable, BackendTimeout):
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("service", SERVICES)
def test_service_migrates_and_serves_from_tree_of_its_own(
    service: str,
    tmp_path: Path,
    rabbit: Rabbit,
    client: RpcClient,
    empty_database: Callable[[str], ServiceDatabase],
) -> None:
    tree = build_tree(tmp_path, "shared", f"services/{service}")
    database = empty_database(service)
    settings = settings_of(database, rabbit)

    migrated = run(tree, service, "-m", f"services.{service}", "migrate", settings=settings)
    assert migrated.returncode == 0, migrated.stderr

    with running(tree, service, "-m", f"services.{service}", "serve", settings=settings) as process:
        try:
            pong = ping_until_ready(client, service, process)
        except (BackendUnavailable, BackendTimeout):
            pytest.fail((tree / "log").read_text())
        assert pong["service"] == service
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPPED_WITHIN_S) == 0, (tree / "log").read_text()
