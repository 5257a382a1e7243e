"""What the one-process HTTP server makes of clients that are slow, greedy, broken or hostile."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest

from tests.support.standalone import Standalone


def talk(instance: Standalone, request: bytes) -> tuple[int, dict[str, object], bytes]:
    """Send raw bytes; return status, JSON body and whatever comes after it."""
    with socket.create_connection(("127.0.0.1", instance.port), timeout=20) as client:
        client.sendall(request)
        stream = client.makefile("rb")
        status = int(stream.readline().split()[1])
        length = 0
        while (line := stream.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = stream.read(length)
        with contextlib.suppress(OSError):  # a server that refused may have closed already
            client.shutdown(socket.SHUT_WR)
        return status, json.loads(body) if body else {}, stream.read()


def post(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /v1/auth/token HTTP/1.1", b"Host: x", b"Content-Type: application/json"]
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body


@pytest.mark.rule("A2")
@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"GET", b"GET / HTTP/9.9", b"GET / HTTP/x", b"\xff\xfe / HTTP/1.1", b"{"],
)
def test_malformed_request_line_is_a_4xx_problem(running: Standalone, request_line: bytes) -> None:
    status, problem, _ = talk(running, request_line + b"\r\nHost: x\r\n\r\n")
    assert 400 <= status < 500
    assert problem["status"] == status


def test_body_without_a_length_is_refused(running: Standalone) -> None:
    request = post(b"5\r\nhello\r\n0\r\n\r\n", b"Transfer-Encoding: chunked")
    status, problem, after = talk(running, request)
    assert (status, problem["code"]) == (411, "length_required")
    assert after == b""


def test_two_lengths_that_could_smuggle_a_request_are_refused(running: Standalone) -> None:
    request = post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked")
    assert talk(running, request)[0] in {400, 411}


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b"\xc2\xb2"])
def test_length_that_is_no_number_is_refused(running: Standalone, length: bytes) -> None:
    assert talk(running, post(b"", b"Content-Length: " + length))[0] == 400


@pytest.mark.rule("A2")
def test_oversized_body_is_a_413_problem(running: Standalone) -> None:
    body = b"x" * 3_000_000
    status, problem, _ = talk(running, post(body, b"Content-Length: %d" % len(body)))
    assert status == 413
    assert problem["status"] == 413


def test_gigantic_body_is_refused_before_it_is_sent(running: Standalone) -> None:
    status, problem, _ = talk(running, post(b"", b"Content-Length: 99999999999"))
    assert (status, problem["status"]) == (413, 413)


def test_endless_header_is_refused(running: Standalone) -> None:
    assert talk(running, post(b"", b"X-Long: " + b"x" * 20_000))[0] == 400


def test_endless_headers_are_refused(running: Standalone) -> None:
    many = [b"X-%d: %s" % (number, b"x" * 1000) for number in range(100)]
    assert talk(running, post(b"", *many))[0] == 400


def test_connection_serves_several_requests(running: Standalone) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    status, body, after = talk(running, request * 3)
    assert (status, body) == (200, {"status": "ok"})
    assert after.count(b"HTTP/1.1 200 OK") == 2


def test_request_is_answered_while_others_are_unfinished(running: Standalone) -> None:
    slow = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(50)]
    for client in slow:
        client.sendall(b"POST /v1/auth/token HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")

    assert running.get("/healthz") == {"status": "ok"}

    for client in slow:
        client.close()
