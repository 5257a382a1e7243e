"""HTTP for the one-process mode: eventlet's WSGI server, bounded and quiet."""

from __future__ import annotations

import errno
import json
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import eventlet
import eventlet.wsgi

from standalone.refusal import WRONG_SETTING, Refusal

BACKLOG = 512
MAX_CONNECTIONS = 1024
IDLE_S = 75.0
"""How long a connection may wait between two requests."""
READ_S = 30.0
"""How long a client may keep us waiting inside a request."""
DRAIN_S = 10.0
DISCARD_BYTES = 525_000_000
"""A refused body up to this size, that of a large upload, is read and thrown away, so that the
refusal is heard."""

# eventlet's own wording; its default for the request line is 8192, too.
eventlet.wsgi.MAX_HEADER_LINE = 16_384
eventlet.wsgi.MAX_TOTAL_HEADER_SIZE = 65_536

WsgiApp = Callable[..., Any]
logger = logging.getLogger(__name__)


def bind(host: str, port: int, *, setting: str = "LOYALTY_PORT") -> socket.socket:
    """Take the port, named by ``setting``, without answering on it yet.

    Raises:
        Refusal: it is taken, forbidden, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise Refusal(f"LOYALTY_HOST={host} is no known address.", WRONG_SETTING) from None
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refusal(error, host, port, setting) from None
    return sock


def _refusal(error: OSError, host: str, port: int, setting: str) -> Refusal:
    if error.errno == errno.EADDRINUSE:
        return Refusal(
            f"Port {port} on {host} is taken. Stop what uses it, or set {setting} to another."
        )
    if error.errno == errno.EACCES:
        return Refusal(
            f"Port {port} is not open to this user. Set {setting} to one above 1023.",
            WRONG_SETTING,
        )
    return Refusal(
        f"Cannot serve on {host}, port {port} ({(error.strerror or str(error)).lower()})."
        f" Set LOYALTY_HOST and {setting}.",
        WRONG_SETTING,
    )


class Protocol(eventlet.wsgi.HttpProtocol):  # type: ignore[misc]
    """eventlet's HTTP/1.1 with problem details for what never reaches the application."""

    def parse_request(self) -> bool:
        """Read the head of a request; refuse a body whose length is not given beforehand."""
        if not super().parse_request():
            return False
        if self.headers.get("transfer-encoding") is not None:
            self.send_error(411)
            return False
        length = self.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > DISCARD_BYTES:
            self.send_error(413)
            return False
        return True

    def send_error(self, code: int, *_unused: object, **_also: object) -> None:
        """Answer with problem details (A2) and close; the wording given may quote the client."""
        # A version of HTTP we do not speak is the client's mistake, like all that is refused here.
        code = code if code < HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.BAD_REQUEST
        title = self.responses.get(code, ("Bad Request", ""))[0]
        problem = {
            "type": "about:blank",
            "title": title,
            "status": code,
            "code": title.lower().replace(" ", "_").replace("-", "_"),
        }
        body = json.dumps(problem).encode()
        self.close_connection = True
        self.wfile.write(
            f"HTTP/1.1 {code} {title}\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        self.wfile.flush()


class HttpServer:
    """Answers on a bound socket from `start` to `stop`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._pool = eventlet.GreenPool(MAX_CONNECTIONS)
        self._serving: eventlet.greenthread.GreenThread | None = None

    @property
    def url(self) -> str:
        """Return where it is reached."""
        host, port = self._socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self, app: WsgiApp) -> None:
        """Begin to answer; who has connected before has waited."""
        self._serving = eventlet.spawn(
            eventlet.wsgi.server,
            self._socket,
            app,
            log=logger,
            log_output=False,
            custom_pool=self._pool,
            protocol=Protocol,
            environ={"wsgi.input_terminated": True},
            keepalive=IDLE_S,
            socket_timeout=READ_S,
            debug=False,
            capitalize_response_headers=False,
        )

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Take no more connections, let requests that run finish, cut those that do not."""
        serving, self._serving = self._serving, None
        if serving is None:
            self._socket.close()
            return
        # Ends the accepting loop, which then waits for the connections that are in a request.
        eventlet.spawn(serving.kill)
        with eventlet.Timeout(drain_s, False):
            while self._pool.running():
                eventlet.sleep(0.02)
        for connection in list(self._pool.coroutines_running):
            connection.kill()
        self._socket.close()
