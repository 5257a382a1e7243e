"""``/healthz``, ``/readyz`` and ``/metrics`` of a service process, on a port of their own (A7).

A thread of the standard library: where eventlet has patched it, it is a green one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import prometheus_client

Check = Callable[[], bool]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Write no line per probe."""


def serve_health(port: int, *, alive: Check, ready: Check, host: str = "") -> Callable[[], None]:
    """Serve until the returned function is called.

    ``alive`` tells whether the process should go on, ``ready`` whether it can do its work now. The
    default host is every interface: who probes and scrapes a container is outside of it.
    """
    metrics = prometheus_client.make_wsgi_app()
    checks = {"/healthz": alive, "/readyz": ready}

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start_response)
            return body
        check = checks.get(path)
        if check is None:
            status, text = "404 Not Found", "not found"
        elif check():
            status, text = "200 OK", "ok"
        else:
            status, text = "503 Service Unavailable", "not ready"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]

    server = make_server(host, port, answer, server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
