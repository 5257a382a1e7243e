from collections.abc import Callable, Iterable

import httpx
import pytest

from examples.client import (
    ATTEMPTS,
    ApiClient,
    Exchange,
    Refused,
    Unreachable,
    by_sandbox_otp,
    by_secret,
)

Reply = httpx.Response | Exception


class Server:
    """Answers requests from a list and remembers them."""

    def __init__(self, replies: Iterable[Reply]) -> None:
        self._replies = iter(replies)
        self.requests: list[httpx.Request] = []
        self.waits_s: list[float] = []

    def client(self, watch: Callable[[Exchange], None] | None = None) -> ApiClient:
        return ApiClient(
            "http://server",
            watch=watch,
            transport=httpx.MockTransport(self._reply),
            sleep=self.waits_s.append,
        )

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply


def ok(**body: object) -> httpx.Response:
    return httpx.Response(200, json=body)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"code": code, "detail": "No."}, headers=names)


@pytest.mark.parametrize(
    "first",
    [
        problem(429, "rate_limited", Retry_After="3"),
        problem(503, "backend_unavailable", Retry_After="3"),
        problem(504, "backend_timeout", Retry_After="3"),
        problem(409, "request_in_progress", Retry_After="3"),
    ],
    ids=["429", "503", "504", "409"],
)
def test_a_busy_server_is_asked_again_with_the_same_key(first: httpx.Response) -> None:
    server = Server([first, ok()])
    assert server.client().send("POST", "/v1/sales", body={}, key="k").ok
    assert [request.headers["Idempotency-Key"] for request in server.requests] == ["k", "k"]
    assert server.waits_s == [3.0]


def test_a_lost_connection_is_tried_again_with_growing_waits() -> None:
    server = Server([httpx.ConnectError("gone"), httpx.ReadError("gone"), ok()])
    assert server.client().send("POST", "/v1/sales", body={}, key="k").ok
    assert server.waits_s == [0.2, 0.4]


def test_a_server_that_never_answers_is_unreachable() -> None:
    server = Server([httpx.ConnectError("gone")] * ATTEMPTS)
    with pytest.raises(Unreachable, match="POST /v1/sales"):
        server.client().send("POST", "/v1/sales")


def test_a_server_that_stays_busy_has_its_last_word() -> None:
    server = Server([problem(503, "backend_unavailable") for _ in range(ATTEMPTS)])
    assert server.client().send("GET", "/v1/tiers").code == "backend_unavailable"


def test_a_long_retry_after_is_not_waited_for() -> None:
    server = Server([problem(429, "login_locked", Retry_After="3600")])
    assert server.client().send("GET", "/v1/tiers").status == 429
    assert server.waits_s == []


def test_a_refusal_is_not_repeated_and_says_why() -> None:
    server = Server([problem(422, "insufficient_points")])
    with pytest.raises(Refused, match=r"422 insufficient_points\. No\.") as caught:
        server.client().call("POST", "/v1/sales", body={}, key="k")
    assert caught.value.answer.code == "insufficient_points"
    assert len(server.requests) == 1


def test_a_refusal_without_problem_details_is_named_by_its_status() -> None:
    server = Server([httpx.Response(502, text="<html>")])
    assert server.client().send("GET", "/v1/tiers").code == "http_502"


def test_a_token_is_fetched_once_and_sent_with_each_request() -> None:
    server = Server([ok(access_token="t1"), ok(), ok()])
    client, login = server.client(), by_secret("till", "secret")
    client.send("GET", "/v1/tiers", login=login)
    client.send("GET", "/v1/tiers", login=login)
    assert [r.url.path for r in server.requests] == ["/v1/auth/token", "/v1/tiers", "/v1/tiers"]
    assert server.requests[2].headers["Authorization"] == "Bearer t1"


def test_a_token_that_has_run_out_is_replaced_and_the_key_kept() -> None:
    server = Server(
        [ok(access_token="old"), problem(401, "token_expired"), ok(access_token="new"), ok()]
    )
    login = by_secret("till", "secret")
    assert server.client().send("POST", "/v1/sales", login=login, body={}, key="k").ok
    first, second = server.requests[1], server.requests[3]
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "k"
    assert second.headers["Authorization"] == "Bearer new"


def test_a_second_401_is_final() -> None:
    tokens = [ok(access_token="t"), problem(401, "token_invalid")] * 2
    login = by_secret("till", "secret")
    assert Server(tokens).client().send("GET", "/v1/tiers", login=login).status == 401


def test_a_forgotten_token_is_fetched_anew() -> None:
    server = Server([ok(access_token="t1"), ok(), ok(access_token="t2"), ok()])
    client, login = server.client(), by_secret("till", "secret")
    client.send("GET", "/v1/tiers", login=login)
    login.forget()
    client.send("GET", "/v1/tiers", login=login)
    assert server.requests[3].headers["Authorization"] == "Bearer t2"


@pytest.mark.rule("A8")
def test_a_shopper_signs_in_with_the_code_of_the_sandbox() -> None:
    server = Server([ok(expires_in=300, sandbox_code="123456"), ok(access_token="t"), ok()])
    server.client().send("GET", "/v1/members/me", login=by_sandbox_otp("+12015550107"))
    assert b'"code":"123456"' in server.requests[1].content


def test_a_replayed_answer_says_so() -> None:
    replayed = httpx.Response(201, json={}, headers={"Idempotency-Replayed": "true"})
    answers = [Server([each]).client().send("POST", "/v1/sales") for each in (replayed, ok())]
    assert [answer.replayed for answer in answers] == [True, False]


def test_a_watcher_sees_every_exchange_but_no_secret() -> None:
    seen: list[Exchange] = []
    server = Server([ok(access_token="t"), ok(points=3)])
    client = server.client(seen.append)
    client.send("GET", "/v1/tiers", login=by_secret("till", "secret"), params={"limit": "1"})
    assert [(each.method, each.path, each.answer.body) for each in seen] == [
        ("GET", "/v1/tiers", {"points": 3})
    ]
