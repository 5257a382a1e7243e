"""A service without a database, to test what carries its messages."""

from __future__ import annotations

import sys
import time
import uuid
from typing import Any

from marshmallow import fields

from shared.calls import CallContext, Reply
from shared.contracts.base import WireSchema
from shared.contracts.method import Method
from shared.errors import NotFound


class EchoSchema(WireSchema):
    """Anything goes in, and comes out again."""

    value = fields.Raw(allow_none=True)
    pause_s = fields.Float(load_default=0)


def context() -> CallContext:
    """Return a context as the gateway would make it."""
    return CallContext(request_id=str(uuid.uuid4()))


def echo_service(name: str | None = None, *, timeout_s: float = 5) -> Any:
    """Return a new nameko class, under a name nobody else uses unless one is given."""
    from shared.rpc.server import rpc  # noqa: PLC0415 - clients import this module too

    service = name or f"echo_{uuid.uuid4().hex[:8]}"

    class Echo:
        name = service
        ECHO = Method(service, "echo", EchoSchema, EchoSchema, timeout_s=timeout_s)
        REFUSE = Method(service, "refuse", EchoSchema, EchoSchema)
        CRASH = Method(service, "crash", EchoSchema, EchoSchema)
        UNPRINTABLE = Method(service, "unprintable", EchoSchema, EchoSchema)
        UNSERVED = Method(service, "unserved", EchoSchema, EchoSchema)
        served: list[Any] = []  # noqa: RUF012 - what all instances served

        @rpc(ECHO)
        def echo(self, _call: object, *, pause_s: float, value: Any = None) -> Reply:
            self.served.append(value)
            time.sleep(pause_s)
            return Reply(200, {"value": value})

        @rpc(REFUSE)
        def refuse(self, _call: object, **_command: Any) -> Reply:
            raise NotFound("no such thing", wanted="x")

        @rpc(CRASH)
        def crash(self, _call: object, **_command: Any) -> Reply:
            raise RuntimeError("broken")

        @rpc(UNPRINTABLE)
        def unprintable(self, _call: object, **_command: Any) -> Reply:
            return Reply(200, {"value": object()})

    return Echo


def main() -> int:
    """Serve in this process until SIGTERM: ``python -m tests.support.echo <uri> <name>``."""
    from shared.rpc.patch import patch_standard_library  # noqa: PLC0415

    patch_standard_library()
    from shared.rpc.runner import run  # noqa: PLC0415

    _, uri, name = sys.argv
    return run([echo_service(name)], uri, drain_s=5)


if __name__ == "__main__":
    raise SystemExit(main())
