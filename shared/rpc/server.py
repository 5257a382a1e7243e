"""The serving side of RPC: decorators and dependencies of a service's nameko class.

    class PointsService:
        name = "points"
        db = Database()

        @rpc(points.RECORD_SALE)
        def record_sale(self, call: Call, **command: Any) -> Reply:
            return self.db.write(call, use_cases.record_sale, **command)

        @every(60)
        def expire_lots(self) -> None:
            self.db.sweep("expire_lots", use_cases.expire_lots)

The decorated methods stay plain functions with their contract in ``contract``: a process without
nameko sets ``db`` itself and calls `shared.rpc.dispatch.dispatch` on them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import structlog
from kombu.entity import Queue
from kombu.message import Message
from nameko.extensions import (
    DependencyProvider,
    Entrypoint,
    ProviderCollector,
    SharedExtension,
    register_entrypoint,
)
from nameko.timer import Timer

from shared.calls import Reply
from shared.clock import SystemClock
from shared.contracts.method import Method
from shared.db import Transactions, create_engine
from shared.rpc.consumer import ResilientConsumer, reply, settle
from shared.rpc.dispatch import dispatch
from shared.rpc.wire import service_queue
from shared.security.crypto import MasterKey
from shared.settings import ServiceSettings

_log = structlog.get_logger(__name__)

SETTINGS = "settings"
"""Key of the container's configuration that holds each service's `ServiceSettings` by its name."""
CLOCK = "clock"

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Contracted(Protocol):
    """A method that says which contract it serves."""

    contract: Method

    def __call__(self, *args: Any, **command: Any) -> Reply:
        """Serve one call."""
        ...


def rpc(contract: Method) -> Callable[[Handler], Handler]:
    """Serve ``contract`` by the decorated method: ``method(self, call, **command) -> Reply``."""

    def decorate(handler: Handler) -> Handler:
        handler.contract = contract  # type: ignore[attr-defined]
        register_entrypoint(handler, _Rpc(contract))
        return handler

    return decorate


def every(seconds: float) -> Callable[[Handler], Handler]:
    """Call the decorated method again and again, ``seconds`` apart, on each replica.

    Work that only one of them may do belongs into `Transactions.sweep`. An error is logged, and the
    next turn comes all the same.
    """

    def decorate(handler: Handler) -> Handler:
        register_entrypoint(handler, _Every(seconds))
        return handler

    return decorate


class Database(DependencyProvider):  # type: ignore[misc]
    """Gives the service its `Transactions`, on an engine per container."""

    def setup(self) -> None:
        """Make the engine; nothing is connected before the first use."""
        settings = _settings_of(self)
        self._engine = create_engine(
            settings.database_url.reveal(),
            pool_size=settings.pool_size,
            application=f"loyalty-{settings.service}",
        )
        self._transactions = Transactions(
            self._engine,
            clock=self.container.config.get(CLOCK) or SystemClock(),
            sandbox=settings.sandbox,
            vault=MasterKey.of(settings),
        )

    def stop(self) -> None:
        """Close the pool."""
        self._engine.dispose()

    def get_dependency(self, _worker: object) -> Transactions:
        """Return what runs the service's use cases."""
        return self._transactions


class Settings(DependencyProvider):  # type: ignore[misc]
    """Gives the service its `ServiceSettings`."""

    def get_dependency(self, _worker: object) -> ServiceSettings:
        """Return the settings of this container's service."""
        return _settings_of(self)


def _settings_of(extension: DependencyProvider) -> ServiceSettings:
    settings: ServiceSettings = extension.container.config[SETTINGS][
        extension.container.service_name
    ]
    return settings


class _RpcConsumer(SharedExtension, ProviderCollector):  # type: ignore[misc]
    """The service's queue; hands each call to the method it names."""

    queue_consumer = ResilientConsumer()

    def setup(self) -> None:
        self.queue: Queue = service_queue(self.container.service_name)
        self.queue_consumer.register_provider(self)

    def stop(self) -> None:
        self.queue_consumer.unregister_provider(self)

    def handle_message(self, body: Any, message: Message) -> None:
        name = message.delivery_info["routing_key"].partition(".")[2]
        for provider in self._providers:
            if provider.contract.name == name:
                provider.handle_message(body, message)
                return
        _refuse(message, "MethodNotFound", name)


class _Rpc(Entrypoint):  # type: ignore[misc]
    """One method of the service."""

    rpc_consumer = _RpcConsumer()

    def __init__(self, contract: Method) -> None:
        self.contract = contract
        super().__init__()

    def setup(self) -> None:
        self.rpc_consumer.register_provider(self)

    def stop(self) -> None:
        self.rpc_consumer.stop()

    def adapt(self, handler: Callable[..., Reply]) -> Callable[..., dict[str, Any]]:
        return functools.partial(dispatch, self.contract, handler)

    def handle_message(self, body: Any, message: Message) -> None:
        kwargs = body.get("kwargs") if isinstance(body, dict) else None
        if not isinstance(kwargs, dict) or kwargs.keys() != {"context", "payload"}:
            _refuse(message, "MalformedRequest", "the call needs a context and a payload")
            return
        self.container.spawn_worker(
            self, (), kwargs, handle_result=functools.partial(self._answer, message)
        )

    def _answer(
        self, message: Message, _worker: object, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        """Send the result back; never raises, since that would stop the container."""
        if exc_info is not None:  # `dispatch` never raises: the context was no context
            _refuse(message, "MalformedRequest", repr(exc_info[1]))
            return None, None
        try:
            reply(message, {"result": result, "error": None})
        except (TypeError, ValueError) as error:
            _log.exception("answer_not_serializable", method=self.contract.routing_key)
            _refuse(message, "UnserializableValueError", repr(error))
        except Exception as error:
            # The connection is gone: the caller knows, and the call will come again or has expired.
            _log.info("answer_not_sent", error=repr(error))
        else:
            settle(message.ack)
        return result, None


def _refuse(message: Message, kind: str, detail: str) -> None:
    """Answer in nameko's own form of errors."""
    error = {"exc_type": kind, "exc_path": f"nameko.{kind}", "exc_args": [detail], "value": detail}
    settle(lambda: reply(message, {"result": None, "error": error}))
    settle(message.ack)


class _Every(Timer):  # type: ignore[misc]
    def adapt(self, handler: Callable[[], Any]) -> Callable[[], None]:
        def tick() -> None:
            with structlog.contextvars.bound_contextvars(timer=self.method_name):
                try:
                    handler()
                except Exception:
                    _log.exception("timer_failed")

        return tick
