"""Calls in and out of a container over a real broker."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from shared.errors import Invalid, LoyaltyError, NotFound
from shared.errors.backend import BackendTimeout, BackendUnavailable
from shared.rpc.client import RpcClient
from tests.support.echo import context, echo_service


def test_call_returns_what_the_service_answered(serve: Any, client: RpcClient) -> None:
    echo = echo_service()
    serve(echo)

    reply = client.call(echo.ECHO, {"value": {"text": "grüß", "list": [1, None, True]}}, context())

    assert reply.status == 200
    assert reply.body == {"value": {"text": "grüß", "list": [1, None, True]}}


@pytest.mark.parametrize(
    "value",
    [
        {"__type__": "datetime", "__value__": "never"},
        {"__type__": "nonsense", "__value__": 1},
        {"__type__": "bytes", "__value__": 5},
        "\u0000\ud800",
        10**30,
    ],
)
def test_hostile_values_travel_as_plain_data(serve: Any, client: RpcClient, value: Any) -> None:
    echo = echo_service()
    serve(echo)

    assert client.call(echo.ECHO, {"value": value}, context()).body == {"value": value}


def test_refusal_arrives_as_its_own_class(serve: Any, client: RpcClient) -> None:
    echo = echo_service()
    serve(echo)

    with pytest.raises(NotFound) as caught:
        client.call(echo.REFUSE, {}, context())

    assert caught.value.detail == "no such thing"
    assert caught.value.extra == {"wanted": "x"}


def test_unknown_field_is_refused_by_the_schema(serve: Any, client: RpcClient) -> None:
    echo = echo_service()
    serve(echo)

    with pytest.raises(Invalid) as caught:
        client.call(echo.ECHO, {"nonsense": 1}, context())

    assert [error.field for error in caught.value.errors] == ["nonsense"]


@pytest.mark.parametrize("method", ["CRASH", "UNPRINTABLE"])
def test_broken_handler_answers_an_internal_error_and_serves_on(
    serve: Any, client: RpcClient, method: str
) -> None:
    echo = echo_service()
    serve(echo)

    with pytest.raises(LoyaltyError) as caught:
        client.call(getattr(echo, method), {}, context())

    assert caught.value.status == 500
    assert client.call(echo.ECHO, {"value": 1}, context()).body == {"value": 1}


def test_service_that_never_ran_is_unavailable_at_once(client: RpcClient) -> None:
    echo = echo_service()
    started = time.monotonic()

    with pytest.raises(BackendUnavailable):
        client.call(echo.ECHO, {}, context())

    assert time.monotonic() - started < 1


def test_method_an_older_service_lacks_is_unavailable(serve: Any, client: RpcClient) -> None:
    echo = echo_service()
    serve(echo)

    with pytest.raises(BackendUnavailable):
        client.call(echo.UNSERVED, {}, context())


def test_late_answer_is_a_timeout_and_disturbs_no_later_call(serve: Any, client: RpcClient) -> None:
    echo = echo_service(timeout_s=0.3)
    serve(echo)

    with pytest.raises(BackendTimeout):
        client.call(echo.ECHO, {"value": "late", "pause_s": 0.6}, context())
    time.sleep(0.5)

    assert client.call(echo.ECHO, {"value": "next"}, context()).body == {"value": "next"}


def test_call_nobody_took_in_time_never_runs(serve: Any, client: RpcClient) -> None:
    echo = echo_service(timeout_s=0.3)
    serve(echo).stop()  # its queue stays for a while

    with pytest.raises(BackendTimeout):
        client.call(echo.ECHO, {"value": "stale"}, context())
    serve(echo)
    client.call(echo.ECHO, {"value": "fresh"}, context())

    assert echo.served == ["fresh"]


def test_stop_lets_a_running_call_answer(serve: Any, client: RpcClient) -> None:
    echo = echo_service()
    services = serve(echo)
    answers: list[Any] = []
    caller = threading.Thread(
        target=lambda: answers.append(
            client.call(echo.ECHO, {"value": 1, "pause_s": 1}, context()).body
        )
    )
    caller.start()
    while not echo.served:
        time.sleep(0.01)

    assert services.stop(drain_s=10)
    caller.join()

    assert answers == [{"value": 1}]
    assert echo.served == [1]


def test_slow_call_does_not_delay_another_one(serve: Any, client: RpcClient) -> None:
    echo = echo_service()
    serve(echo)
    client.call(echo.ECHO, {}, context())
    slow = threading.Thread(target=lambda: client.call(echo.ECHO, {"pause_s": 1.5}, context()))
    slow.start()
    time.sleep(0.1)

    started = time.monotonic()
    client.call(echo.ECHO, {}, context())

    assert time.monotonic() - started < 0.5
    slow.join()
