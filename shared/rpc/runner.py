"""Runs nameko services in this process: starts without a broker, drains on SIGTERM.

The standard library must have been patched before this module is imported
(`shared.rpc.patch.patch_standard_library`). nameko's own command line is not used: it needs
``pkg_resources``, crashes where the broker is away at start, and does not drain.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import eventlet
import eventlet.event
import eventlet.hubs
import structlog
from nameko.runners import ServiceRunner

from shared.clock import Clock
from shared.messaging.connections import ConnectionFactory, amqp_connections
from shared.rpc.consumer import CONNECT, Container, ResilientConsumer
from shared.rpc.server import CLOCK, SETTINGS
from shared.settings import ServiceSettings
from shared.startup import set_aside

_log = structlog.get_logger(__name__)

DRAIN_S = 20.0
"""How long running calls may take to finish once the process was asked to stop."""
MAX_WORKERS = 10


class Services:
    """Any number of services in one process, one container each.

    ``broker`` is an AMQP URI, or a factory of kombu connections where the broker is not RabbitMQ;
    ``settings`` holds what each service needs, by its name.
    """

    def __init__(
        self,
        classes: Iterable[type],
        broker: str | ConnectionFactory,
        *,
        settings: Mapping[str, ServiceSettings] | None = None,
        clock: Clock | None = None,
        max_workers: int = MAX_WORKERS,
    ) -> None:
        self._runner = ServiceRunner(
            {
                "SERVICE_CONTAINER_CLS": f"{Container.__module__}.{Container.__qualname__}",
                "max_workers": max_workers,
                CONNECT: amqp_connections(broker) if isinstance(broker, str) else broker,
                SETTINGS: dict(settings or {}),
                CLOCK: clock,
            }
        )
        for service in classes:
            self._runner.add_service(service)

    def start(self) -> None:
        """Start all services; returns when each consumes, however long the broker is away."""
        self._runner.start()
        set_aside()

    @property
    def ready(self) -> bool:
        """Whether every service is connected to the broker and consumes."""
        consumers = [
            extension
            for container in self._runner.containers
            for extension in container.extensions
            if isinstance(extension, ResilientConsumer)
        ]
        return all(consumer.connected for consumer in consumers)

    def stop(self, drain_s: float = DRAIN_S) -> bool:
        """Take no more messages, let workers finish, close; False when some had to be cut."""
        try:
            with eventlet.Timeout(drain_s):
                self._runner.stop()
        except eventlet.Timeout:
            _log.warning("drain_timed_out", seconds=drain_s)
            self._runner.kill()
            return False
        return True

    def wait(self) -> None:
        """Wait until the services have ended; raises what ended them."""
        self._runner.wait()


def run(
    classes: Iterable[type],
    broker: str | ConnectionFactory,
    *,
    drain_s: float = DRAIN_S,
    on_services: Callable[[Services], object] | None = None,
    **options: Any,
) -> int:
    """Serve until SIGTERM or SIGINT; return the process's exit status.

    ``on_services`` is called before the start, to hang metrics and health checks on them; the
    other options are those of `Services`.
    """
    services = Services(classes, broker, **options)
    if on_services is not None:
        on_services(services)
    asked = eventlet.event.Event()

    def ask(number: int, _frame: object) -> None:
        # A signal interrupts whatever runs: only note it, and let the hub wake the waiting thread.
        eventlet.hubs.get_hub().schedule_call_global(0, _send_once, asked, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)

    serving = eventlet.spawn(_serve, services)
    serving.link(lambda _thread: _send_once(asked, None))
    number = asked.wait()
    if number is None:
        serving.wait()
        return 1
    _log.info("stopping", signal=signal.Signals(number).name)
    return 0 if services.stop(drain_s) else 1


def _serve(services: Services) -> None:
    services.start()
    _log.info("serving")
    services.wait()


def _send_once(event: eventlet.event.Event, value: int | None) -> None:
    if not event.ready():
        event.send(value)
