"""``make run`` as its operator meets it: starting, refusing to start, stopping."""

from __future__ import annotations

import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.rabbitmq import free_port
from tests.support.standalone import ADMIN_PASSWORD, Standalone
from tests.support.waiting import eventually

Make = Callable[..., Standalone]


def sign_in(instance: Standalone, password: str) -> int:
    answer = httpx.post(
        f"{instance.url}/v1/auth/token",
        json={"grant_type": "password", "username": "admin", "password": password},
    )
    return answer.status_code


@pytest.mark.rule("A7")
def test_all_parts_answer_when_it_says_ready(running: Standalone) -> None:
    assert running.get("/healthz") == {"status": "ok"}
    ready = running.get("/readyz")
    assert ready["status"] == "ready"
    assert set(ready["services"]) == {"identity", "members", "points", "coupons", "tiers"}


def test_chosen_admin_password_works_and_is_not_printed(running: Standalone) -> None:
    assert sign_in(running, ADMIN_PASSWORD) == 200
    assert ADMIN_PASSWORD not in running.output
    assert running.printed_password() is None


def test_secrets_are_readable_by_their_owner_alone(running: Standalone) -> None:
    mode = (running.data_dir / "keys.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_second_instance_on_the_same_directory_is_refused(running: Standalone) -> None:
    second = Standalone(running.data_dir)
    assert second.launch().wait() == 1

    assert running.process is not None
    assert second.output == (
        f"Another instance (pid {running.process.pid}) uses the data directory {running.data_dir}."
        " Stop it, or set LOYALTY_DATA_DIR to another directory.\n"
    )
    assert running.get("/healthz") == {"status": "ok"}


def test_taken_port_is_refused_in_one_line(running: Standalone, make: Make) -> None:
    second = make(port=running.port).launch()

    assert second.wait() == 1
    assert second.output == (
        f"Port {running.port} on 127.0.0.1 is taken."
        " Stop what uses it, or set LOYALTY_PORT to another.\n"
    )


def test_directory_that_cannot_be_written_is_refused_in_one_line(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a directory")
    instance = make("file/var", log_home=tmp_path).launch()

    assert instance.wait() == 2
    assert instance.output == (
        f"The data directory {tmp_path}/file/var cannot be written (not a directory)."
        " Set LOYALTY_DATA_DIR to one that can.\n"
    )


def test_wrong_setting_is_refused_in_one_line(make: Make) -> None:
    instance = make(environment={"LOYALTY_PORT": "eighty"}).launch()

    assert instance.wait() == 2
    assert "LOYALTY_PORT" in instance.output
    assert instance.output.count("\n") == 1


def test_first_start_is_less_than_15_s_of_work(make: Make) -> None:
    instance = make().start()
    # Time at work, not on the clock: the test machine may be busy with something else.
    assert instance.cpu_s() < 15


def test_made_up_password_is_printed_once(make: Make) -> None:
    instance = make(admin_password=None).start()
    password = instance.printed_password()
    assert password is not None
    assert sign_in(instance, password) == 200
    instance.signal(signal.SIGINT)
    assert instance.wait() == 0

    instance.start()

    assert instance.printed_password() is None
    assert sign_in(instance, password) == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_it_with_everything_it_started(make: Make, number: signal.Signals) -> None:
    instance = make().start()
    assert instance.postgres_processes()

    instance.signal(number)

    assert instance.wait() == 0
    assert instance.output.endswith("Stopping…\nStopped.\n")
    assert "Traceback" not in instance.output
    assert instance.postgres_processes() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", instance.port)) != 0


def test_signal_during_the_start_stops_it(make: Make) -> None:
    instance = make().launch()
    while not instance.postgres_processes():
        time.sleep(0.01)

    instance.signal(signal.SIGTERM)

    assert instance.wait() == 0
    assert "ready" not in instance.output
    assert instance.postgres_processes() == []


def test_postgres_that_is_killed_alone_is_started_again(make: Make) -> None:
    instance = make().start()
    for process in instance.postgres_processes():
        process.kill()

    eventually(lambda: ready(instance))

    assert sign_in(instance, ADMIN_PASSWORD) == 200


def ready(instance: Standalone) -> bool:
    answer = httpx.get(f"{instance.url}/readyz")
    assert answer.status_code in {200, 503}
    return answer.status_code == 200


def test_second_signal_does_not_wait_for_slow_clients(make: Make) -> None:
    instance = make().start()
    with socket.create_connection(("127.0.0.1", instance.port)) as slow:
        slow.sendall(b"POST /v1/auth/token HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        assert instance.get("/healthz") == {"status": "ok"}
        instance.signal(signal.SIGINT)
        eventually(lambda: "Stopping" in instance.output)
        started = time.monotonic()

        instance.signal(signal.SIGINT)

        assert instance.wait() == 1
        assert time.monotonic() - started < 5
    eventually(lambda: instance.postgres_processes() == [])


@pytest.mark.rule("A7")
def test_metrics_are_on_their_own_port(make: Make) -> None:
    port = free_port()
    instance = make(environment={"LOYALTY_METRICS_PORT": str(port)}).start()
    instance.get("/healthz")

    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    assert "loyalty_http_requests_total" in metrics
    assert httpx.get(f"{instance.url}/metrics").status_code == 404


def test_taken_metrics_port_is_refused_in_one_line(running: Standalone, make: Make) -> None:
    second = make(environment={"LOYALTY_METRICS_PORT": str(running.port)}).launch()

    assert second.wait() == 1
    assert second.output == (
        f"Port {running.port} on 127.0.0.1 is taken."
        " Stop what uses it, or set LOYALTY_METRICS_PORT to another.\n"
    )
