"""The compose file, the image and the commands that they start fit together."""

from __future__ import annotations

import os
import re
import socketserver
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from gateway.__main__ import main as gateway_main
from services.identity.__main__ import bootstrap_admin
from shared import cli
from shared.contracts.platform import SERVICES
from shared.health import serve_health
from shared.settings import gateway_settings, service_settings
from tests.support.compose import (
    COMPOSE_FILE,
    ROOT,
    Container,
    VariableMissing,
    containers,
    interpolate,
    variables,
    write_secrets,
)
from tests.support.rabbitmq import free_port

ALL = containers()
OURS = {name: each for name, each in ALL.items() if each.part}
JOBS = {name: each for name, each in OURS.items() if each.command == ["prepare"]}
PROCESSES = {name: each for name, each in OURS.items() if name not in JOBS}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
HEALTH_CHECK = ROOT / "deploy" / "healthcheck.py"


def test_every_service_has_its_job_its_process_and_its_relay() -> None:
    expected = {"gateway": ["serve"]}
    for service in SERVICES:
        expected |= {
            f"{service}-migrate": ["prepare"],
            service: ["serve"],
            f"{service}-relay": ["relay"],
        }
    assert {name: each.command for name, each in OURS.items()} == expected
    for name, each in OURS.items():
        assert each.part == name.removesuffix("-migrate").removesuffix("-relay")
        assert each.definition["image"] == f"loyalty-{each.part}"


def test_nothing_starts_before_what_it_needs() -> None:
    for service in SERVICES:
        for name in (service, f"{service}-relay"):
            assert OURS[name].waits_for == {
                "postgres": "service_healthy",
                "rabbitmq": "service_healthy",
                f"{service}-migrate": "service_completed_successfully",
            }
        assert OURS[f"{service}-migrate"].waits_for == {"postgres": "service_healthy"}
    others = {name for name in PROCESSES if name != "gateway"} | {"rabbitmq", "limits"}
    assert OURS["gateway"].waits_for == dict.fromkeys(others, "service_healthy")


@pytest.mark.rule("A7")
def test_every_process_is_checked_for_health() -> None:
    assert "HEALTHCHECK" in DOCKERFILE
    for name, each in ALL.items():
        own = each.definition.get("healthcheck")
        if name in JOBS:
            assert own == {"disable": True}  # it ends, and that is its health
        elif name in PROCESSES:
            assert own is None  # the image's
        else:
            assert own is not None
            assert own["test"][0] == "CMD"


def test_processes_are_confined() -> None:
    assert re.search(r"^USER loyalty\n(?s:.)*^ENTRYPOINT", DOCKERFILE, re.MULTILINE)
    assert "useradd --system --uid 10001" in DOCKERFILE
    for each in OURS.values():
        assert each.definition["read_only"] is True
        assert "no-new-privileges:true" in each.definition["security_opt"]
        assert "user" not in each.definition
    published = {
        name: each.definition["ports"] for name, each in ALL.items() if "ports" in each.definition
    }
    assert list(published) == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


def test_no_secret_has_a_default(tmp_path: Path) -> None:
    text = COMPOSE_FILE.read_text()
    secret = {name for name in variables(text) if re.search("PASSWORD|KEY|SECRET", name)}
    assert {name: variables(text)[name] for name in secret} == dict.fromkeys(secret)
    made = write_secrets(tmp_path)
    assert secret <= made.keys()
    for name in secret:
        incomplete = {other: value for other, value in made.items() if other != name}
        with pytest.raises(VariableMissing, match=name):
            interpolate(text, incomplete)
    for url in re.findall(r"\w+://\S*@\S+", text):
        assert re.match(r"[\w+]+://\w+:\$\{LOYALTY_\w+_PASSWORD", url), url
    assert re.findall(r"(?i)(?:PASSWORD|PASS|KEY|SECRET): +(?!\$\{).+", text) == []


def test_secrets_are_fresh_private_and_kept(tmp_path: Path) -> None:
    first, second = write_secrets(tmp_path / "a"), write_secrets(tmp_path / "b")
    assert set(first.values()).isdisjoint(second.values())
    assert stat.S_IMODE((tmp_path / "a" / ".env").stat().st_mode) == 0o600
    assert write_secrets(tmp_path / "a") == first
    assert len(set(first.values())) == len(first)


class Recording(dict[str, str]):
    """An environment that remembers what was looked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)


def start(container: Container) -> None:
    """Read the environment as the container's command does, without its effects."""
    part = str(container.part)
    if container.name == "gateway":
        gateway_settings()
    elif container.name not in JOBS:
        service_settings(part)
    else:
        with (
            mock.patch("shared.db.bootstrap.bootstrap_service"),
            mock.patch("shared.db.migrations.upgrade"),
            mock.patch("services.identity.bootstrap.ensure_admin", return_value=None),
            mock.patch("shared.observability.configure_logging"),
        ):
            commands = {"bootstrap-admin": bootstrap_admin}
            cli.main(part, ["prepare"], commands=commands)
            if part == "identity":  # what its own ``prepare`` ends with
                cli.main(part, ["bootstrap-admin"], commands=commands)


@pytest.mark.parametrize("name", OURS)
def test_environment_holds_what_the_process_reads_and_nothing_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = write_secrets(tmp_path)
    written = {
        key: interpolate(str(value), secrets) for key, value in OURS[name].environment.items()
    }
    recording = Recording(written)
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", recording)
        start(OURS[name])
    assert set(written) - recording.read == set()


READERS = ("shared/settings.py", "shared/cli.py", "gateway/__main__.py")
RUNBOOK = (ROOT / "docs" / "operations" / "README.md").read_text()


def test_runbook_names_every_variable_and_no_other() -> None:
    read = {
        re.sub(r"\{(\w+)\.upper\(\)\}", lambda found: f"<{found[1].upper()}>", name)
        for path in READERS
        for name in re.findall(r'"(LOYALTY_(?:[A-Z_]|\{[^}]*\})+)"', (ROOT / path).read_text())
    } - {"LOYALTY_<SERVICE>"}  # the beginning of a name
    read |= {"LOYALTY_<SERVICE>_MIGRATION_URL", "LOYALTY_ADMIN_PASSWORD"}
    table = [line.split("|")[1] for line in RUNBOOK.splitlines() if line.startswith("| `LOYALTY_")]
    assert sorted(re.findall(r"`(LOYALTY_[\w<>]+)`", "".join(table))) == sorted(read)


def test_runbook_names_metrics_that_exist() -> None:
    sources = [
        path.read_text()
        for part in ("shared", "gateway", "services")
        for path in (ROOT / part).rglob("*.py")
    ]
    made = {
        name.removesuffix("_total")
        for text in sources
        for name in re.findall(r'(?:Gauge|Counter|Histogram)\(\s*"(\w+)"', text)
    }
    named = set(re.findall(r"`(loyalty_[a-z_]+)`", RUNBOOK))
    databases = {f"loyalty_{service}" for service in SERVICES}
    assert {name.removesuffix("_total") for name in named - databases} <= made


@pytest.mark.parametrize("name", OURS)
def test_command_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    container = OURS[name]
    if name == "gateway":
        assert callable(gateway_main)
        return
    with pytest.raises(SystemExit) as ended:
        cli.main(str(container.part), [*container.command, "--help"])
    assert ended.value.code == 0
    assert container.command[0] in capsys.readouterr().out


def test_image_is_built_from_files_that_are_there() -> None:
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for path in source.split():
            for part in {str(each.part) for each in OURS.values()}:
                assert (ROOT / path.replace("${SERVICE}", part)).exists(), path
            assert f"!{path.partition('/')[0]}" in {line.partition("/")[0] for line in let_through}
    for script in ("entrypoint.sh", "healthcheck.py"):
        assert script in DOCKERFILE
    assert os.access(ROOT / "deploy" / "entrypoint.sh", os.X_OK)


def test_ports_of_image_health_check_and_compose_agree() -> None:
    environment = dict(re.findall(r"(LOYALTY_\w+)=(\S+)", DOCKERFILE))
    ports = {environment["LOYALTY_METRICS_PORT"], "8080"}
    assert set(re.findall(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)[0].split()) == ports
    assert set(re.findall(r'"(\d{4})"', HEALTH_CHECK.read_text())) == ports
    (published,) = OURS["gateway"].definition["ports"]
    assert published.endswith(":8080")


@pytest.fixture
def serving() -> Iterator[Callable[[bool], int]]:
    """Serve health on a port; the argument is whether the process is alive."""
    stops = []

    def serve(alive: bool) -> int:
        port = free_port()
        stops.append(serve_health(port, alive=lambda: alive, ready=lambda: False, host="127.0.0.1"))
        return port

    yield serve
    for stop in stops:
        stop()


def health_check(**environment: str) -> int:
    return subprocess.run(
        [sys.executable, str(HEALTH_CHECK)], env=environment, check=False
    ).returncode


@pytest.mark.rule("A7")
def test_health_check_asks_the_port_of_its_part(serving: Callable[[bool], int]) -> None:
    alive, stuck, nobody = str(serving(True)), str(serving(False)), str(free_port())
    assert health_check(LOYALTY_PART="points", LOYALTY_METRICS_PORT=alive) == 0
    assert health_check(LOYALTY_PART="points", LOYALTY_METRICS_PORT=stuck) == 1
    assert health_check(LOYALTY_PART="points", LOYALTY_METRICS_PORT=nobody) == 1
    assert health_check(LOYALTY_PART="gateway", LOYALTY_PORT=alive) == 0
    gateway = {"LOYALTY_PART": "gateway", "LOYALTY_METRICS_PORT": alive}
    assert health_check(**gateway, LOYALTY_PORT=nobody) == 1


@pytest.mark.rule("A7")
def test_health_check_does_not_wait_for_a_process_that_hangs() -> None:
    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)

    with socketserver.TCPServer(("127.0.0.1", 0), Silent) as server:
        port = server.server_address[1]
        assert health_check(LOYALTY_PART="tiers", LOYALTY_METRICS_PORT=str(port)) == 1
