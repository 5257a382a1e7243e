"""The commands of a service, as processes."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.support.postgres import ServiceDatabase
from tests.support.rabbitmq import Rabbit, free_port
from tests.support.waiting import eventually

SERVICE = "members"
KEY = base64.b64encode(bytes(32)).decode()
Start = Callable[..., subprocess.Popen[bytes]]


def command(*arguments: str) -> list[str]:
    code = f"from shared.cli import main; raise SystemExit(main({SERVICE!r}))"
    return [sys.executable, "-c", code, *arguments]


@pytest.fixture
def database(service_database: Callable[[str], ServiceDatabase]) -> ServiceDatabase:
    return service_database(SERVICE)


@pytest.fixture
def environment(rabbit: Rabbit, database: ServiceDatabase) -> dict[str, str]:
    """What the operator sets."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LOYALTY_")},
        "LOYALTY_MEMBERS_DATABASE_URL": database.url,
        "LOYALTY_MEMBERS_MIGRATION_URL": database.owner_url,
        "LOYALTY_AMQP_URL": rabbit.uri,
        "LOYALTY_MASTER_KEY": KEY,
        "LOYALTY_LOOKUP_KEY": KEY,
        "LOYALTY_METRICS_PORT": str(free_port()),
    }


@pytest.fixture
def start(environment: Mapping[str, str]) -> Iterator[Start]:
    """Start a command that runs until it is stopped."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, **changed: str) -> subprocess.Popen[bytes]:
        running.append(subprocess.Popen(command(*arguments), env={**environment, **changed}))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def probe(environment: Mapping[str, str], path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{environment['LOYALTY_METRICS_PORT']}{path}"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def test_serve_tells_when_it_is_ready_and_drains_on_sigterm(
    start: Start, environment: Mapping[str, str]
) -> None:
    process = start("serve")

    eventually(lambda: probe(environment, "/readyz")[0] == 200)
    assert probe(environment, "/healthz")[0] == 200
    assert "python_info" in probe(environment, "/metrics")[1]
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=15) == 0


def test_serve_waits_for_a_broker_that_is_not_there_and_still_stops(
    start: Start, environment: Mapping[str, str]
) -> None:
    process = start("serve", LOYALTY_AMQP_URL=f"amqp://guest:guest@127.0.0.1:{free_port()}//")

    eventually(lambda: probe(environment, "/healthz")[0] == 200)
    assert probe(environment, "/readyz")[0] == 503
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=15) == 0


def test_relay_serves_its_metrics_and_stops_on_sigterm(
    start: Start, environment: Mapping[str, str]
) -> None:
    process = start("relay")

    eventually(
        lambda: 'loyalty_outbox_leader{service="members"} 1.0' in probe(environment, "/metrics")[1],
    )
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=15) == 0


def test_prepare_makes_database_and_tables_from_nothing(
    environment: dict[str, str], empty_database: Callable[[str], ServiceDatabase]
) -> None:
    fresh = empty_database(SERVICE)
    settings = {
        **environment,
        "LOYALTY_ADMIN_DATABASE_URL": fresh.admin_url,
        "LOYALTY_MEMBERS_DATABASE_URL": fresh.url,
        "LOYALTY_MEMBERS_MIGRATION_URL": fresh.owner_url,
    }

    for _ in range(2):  # a second time changes nothing
        assert subprocess.run(command("prepare"), env=settings, check=False).returncode == 0

    assert fresh.query("SELECT count(*) FROM outbox")[0][0] == 0


def test_dead_letters_are_listed_from_the_command_line(environment: dict[str, str]) -> None:
    done = subprocess.run(
        command("dead-letters", "list"), env=environment, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["relay"], ["migrate"], ["dead-letters", "list"]])
def test_command_without_its_settings_names_what_is_missing(arguments: list[str]) -> None:
    bare = {name: value for name, value in os.environ.items() if "LOYALTY" not in name}

    done = subprocess.run(command(*arguments), env=bare, capture_output=True, check=False)

    assert done.returncode == 1
    assert b"LOYALTY_" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["relay"], ["migrate"], ["dead-letters", "list"]])
def test_only_serve_loads_eventlet(environment: dict[str, str], arguments: list[str]) -> None:
    code = (
        "import sys, threading; from unittest import mock; from shared.cli import main\n"
        "import shared.outbox.relay, shared.db.migrations, shared.events.dead_letters\n"
        "with mock.patch('shared.outbox.relay.Relay.run'),"
        " mock.patch('shared.db.migrations.upgrade'):\n"
        f"    main('members', {arguments!r})\n"
        "sys.exit('eventlet' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)

    assert done.returncode == 0
