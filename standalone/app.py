"""The composition of the one-process mode: what starts when, and what stops in which order."""

from __future__ import annotations

import eventlet
import structlog
from kombu.connection import Connection
from prometheus_client import make_wsgi_app

from gateway import create_app
from services.identity.bootstrap import ensure_admin
from shared.db import Transactions, create_engine
from shared.rpc.client import RpcClient
from shared.rpc.runner import Services
from shared.security.crypto import MasterKey
from shared.settings import ServiceSettings, gateway_settings, service_settings
from standalone.claim import Claim
from standalone.databases import Databases
from standalone.http import HttpServer
from standalone.postgres import EmbeddedPostgres, PostgresError
from standalone.relays import Relays
from standalone.resend import Resender, subscriptions
from standalone.services import SERVICES, service_class
from standalone.settings import publish_to_environment
from standalone.transport import SCHEME, broker

_log = structlog.get_logger(__name__)

BROKER = "localhost"
CHECKPOINT_S = 30.0
SUPERVISE_S = 0.5
DRAIN_S = 10.0


def connect() -> Connection:
    """Return a new connection to the in-process broker."""
    return Connection(f"{SCHEME}://{BROKER}")


class Platform:
    """All parts in this process, on what the operator's settings have claimed for it."""

    def __init__(self, claim: Claim, postgres: EmbeddedPostgres) -> None:
        self._settings = claim.settings
        self._keys = claim.keys
        self._postgres = postgres
        self._http = HttpServer(claim.socket)
        self._metrics = HttpServer(claim.metrics_socket) if claim.metrics_socket else None
        self._databases = Databases(self._postgres, SERVICES)
        self._client = RpcClient(connect)
        self._services: Services | None = None
        self._relays: Relays | None = None
        self._watching: list[eventlet.greenthread.GreenThread] = []
        self.new_password: str | None = None
        """The admin's password where this start made one up."""

    @property
    def url(self) -> str:
        """Return where the platform is reached."""
        return self._http.url

    def start(self) -> None:
        """Bring everything up on a running PostgreSQL; returns when requests are answered."""
        self._databases.prepare()
        resender = Resender(self._databases.engines(), subscriptions())
        resender.prepare()
        resender.before_start()
        settings = self._settings_of_services()
        self.new_password = self._ensure_admin(settings["identity"])
        self._services = Services(
            [service_class(name) for name in SERVICES], connect, settings=settings
        )
        self._services.start()
        # After the services: their queues have to be there when the first event is sent.
        self._relays = Relays(self._databases.engines(), connect, broker(BROKER))
        self._relays.start()
        self._watching = [
            eventlet.spawn(self._keep_postgres),
            eventlet.spawn(_keep_checkpoints, resender),
        ]
        if self._metrics is not None:
            self._metrics.start(make_wsgi_app())
        self._http.start(create_app(gateway_settings(), self._client))

    def wait(self) -> None:
        """Wait until the services end by themselves, which none should; raises what ended them."""
        if self._services is not None:
            self._services.wait()

    def stop(self) -> None:
        """Take no more requests, let those that run finish, stop the rest; PostgreSQL goes on."""
        for thread in self._watching:
            thread.kill()
        self._http.stop()
        if self._metrics is not None:
            self._metrics.stop()
        if self._services is not None:
            self._services.stop(DRAIN_S)
        self._client.close()
        if self._relays is not None:
            self._relays.stop()
        self._databases.dispose()

    def _settings_of_services(self) -> dict[str, ServiceSettings]:
        publish_to_environment(
            {
                **self._databases.environment(),
                "LOYALTY_AMQP_URL": f"{SCHEME}://{BROKER}",
                "LOYALTY_MASTER_KEY": self._keys.master_key,
                "LOYALTY_LOOKUP_KEY": self._keys.lookup_key,
                "LOYALTY_GATEWAY_SECRET": self._keys.gateway_secret,
            }
        )
        return {service: service_settings(service) for service in SERVICES}

    def _ensure_admin(self, settings: ServiceSettings) -> str | None:
        chosen = self._settings.admin_password
        engine = create_engine(settings.database_url.reveal(), pool_size=1)
        try:
            transactions = Transactions(
                engine, sandbox=settings.sandbox, vault=MasterKey.of(settings)
            )
            return ensure_admin(transactions, chosen.reveal() if chosen else None)
        finally:
            engine.dispose()

    def _keep_postgres(self) -> None:
        """Start PostgreSQL again should it be killed; calls fail until then and may be repeated."""
        while True:
            eventlet.sleep(SUPERVISE_S)
            if self._postgres.pid is None:
                _log.error("postgres_died", log=str(self._postgres.log_path))
                try:
                    self._postgres.start()
                except PostgresError:
                    _log.exception("postgres_not_restarted")


def _keep_checkpoints(resender: Resender) -> None:
    """Keep what the next start has to look at short."""
    while True:
        eventlet.sleep(CHECKPOINT_S)
        try:
            resender.advance()
        except Exception as error:  # the database is away; the next turn comes
            _log.warning("checkpoints_not_moved", error=repr(error))
