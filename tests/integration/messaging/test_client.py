"""The RPC client in plain threads, through everything that can happen to its broker.

The service answers from a child process, as it does in production.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.calls import Reply
from shared.contracts.method import Method
from shared.errors.backend import BackendTimeout, BackendUnavailable
from shared.rpc.client import RpcClient
from tests.support.echo import EchoSchema, context
from tests.support.rabbitmq import Rabbit, free_port
from tests.support.waiting import eventually

Serve = Callable[[Rabbit], Method]


def echo_method(service: str, *, timeout_s: float = 5) -> Method:
    return Method(service, "echo", EchoSchema, EchoSchema, timeout_s=timeout_s)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start an echo service in a process of its own; returns its method when it answers."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(rabbit: Rabbit) -> Method:
        service = f"echo_{uuid.uuid4().hex[:8]}"
        processes.append(
            subprocess.Popen([sys.executable, "-m", "tests.support.echo", rabbit.uri, service])
        )
        client = RpcClient(rabbit.uri)
        eventually(lambda: answers(client, echo_method(service)))
        client.close()
        return echo_method(service)

    yield start
    for process in processes:
        process.terminate()
        assert process.wait(timeout=30) == 0


@pytest.fixture
def connect() -> Iterator[Callable[[str], RpcClient]]:
    """Make clients that are closed at the end."""
    clients: list[RpcClient] = []

    def make(uri: str) -> RpcClient:
        clients.append(RpcClient(uri))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


Connect = Callable[[str], RpcClient]


def answers(client: RpcClient, method: Method) -> bool:
    """Whether a call succeeds now."""
    try:
        client.call(method, {}, context())
    except (BackendUnavailable, BackendTimeout):
        return False
    return True


def test_threads_share_a_client_and_each_gets_its_own_answer(
    rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(rabbit), connect(rabbit.uri)

    def call(number: int) -> object:
        return client.call(method, {"value": number}, context()).body["value"]

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(call, range(500))) == list(range(500))


def test_calls_side_by_side_wait_for_the_slowest_only_and_come_out_in_their_order(
    rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(rabbit), connect(rabbit.uri)
    soon = replace(context(), deadline_ms=int(time.time() * 1000) + 2_500)
    calls = [(method, {"value": number, "pause_s": 1}, soon) for number in range(4)]
    calls.insert(2, (echo_method("nobody"), {"value": 9, "pause_s": 0}, soon))

    outcomes = client.call_all(calls)

    # One after the other the third would have come too late.
    assert isinstance(outcomes.pop(2), BackendUnavailable)
    assert [each.body["value"] for each in outcomes if isinstance(each, Reply)] == [0, 1, 2, 3]


def test_large_payloads_from_many_threads_stay_whole(
    rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(rabbit), connect(rabbit.uri)

    def call(number: int) -> bool:
        value = f"{number}" * 300_000
        return bool(client.call(method, {"value": value}, context()).body["value"] == value)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(call, range(40)))


def test_call_without_a_broker_is_unavailable_at_once(connect: Connect) -> None:
    client = connect(f"amqp://guest:guest@127.0.0.1:{free_port()}//")
    method = echo_method("nobody")
    with pytest.raises(BackendUnavailable):
        client.call(method, {}, context())

    started = time.monotonic()
    with pytest.raises(BackendUnavailable):
        client.call(method, {}, context())

    assert time.monotonic() - started < 0.1


def test_deadline_of_the_request_shortens_the_wait(
    rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(rabbit), connect(rabbit.uri)
    soon = replace(context(), deadline_ms=int(time.time() * 1000) + 300)
    started = time.monotonic()

    with pytest.raises(BackendTimeout):
        client.call(method, {"pause_s": 2}, soon)

    assert time.monotonic() - started < 1


def test_deadline_that_has_passed_sends_nothing(rabbit: Rabbit, connect: Connect) -> None:
    past = replace(context(), deadline_ms=1)

    with pytest.raises(BackendTimeout):
        connect(rabbit.uri).call(echo_method("nobody"), {}, past)


def test_client_made_before_a_fork_works_in_parent_and_child(
    rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(rabbit), connect(rabbit.uri)
    assert answers(client, method)

    child = os.fork()
    if child == 0:  # pragma: no cover - the child reports by its exit status
        os._exit(0 if answers(client, method) else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert answers(client, method)


@pytest.mark.timeout(300)
def test_lost_broker_fails_running_calls_and_both_sides_recover(
    own_rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(own_rabbit), connect(own_rabbit.uri)
    assert answers(client, method)
    failures: list[tuple[type[Exception], float]] = []

    def run() -> None:
        started = time.monotonic()
        try:
            client.call(replace(method, timeout_s=30), {"pause_s": 20}, context())
        except Exception as error:
            failures.append((type(error), time.monotonic() - started))

    caller = threading.Thread(target=run)
    caller.start()
    time.sleep(0.3)

    own_rabbit.kill()
    caller.join(timeout=10)
    assert [kind for kind, _ in failures] == [BackendUnavailable]
    assert failures[0][1] < 5
    eventually(lambda: not client.connected)
    started = time.monotonic()
    assert not answers(client, method)
    assert time.monotonic() - started < 0.1

    own_rabbit.start()
    eventually(lambda: answers(client, method))
    own_rabbit.stop()
    assert not answers(client, method)
    own_rabbit.start()
    eventually(lambda: answers(client, method))


@pytest.mark.timeout(300)
def test_frozen_broker_is_noticed_by_missing_heartbeats(
    own_rabbit: Rabbit, serve: Serve, connect: Connect
) -> None:
    method, client = serve(own_rabbit), connect(own_rabbit.uri)
    assert answers(client, method)

    own_rabbit.freeze()
    with pytest.raises(BackendTimeout):
        client.call(replace(method, timeout_s=1), {}, context())
    eventually(lambda: not client.connected, within_s=45)
    started = time.monotonic()
    assert not answers(client, method)
    assert time.monotonic() - started < 4

    own_rabbit.thaw()
    eventually(lambda: answers(client, method), within_s=60)
