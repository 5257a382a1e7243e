"""The composition of the one-process mode: what starts when, and what stops in which order."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import eventlet
import eventlet.event
import structlog
from kombu.connection import Connection
from prometheus_client import start_http_server

from gateway import create_app
from services.identity.bootstrap import USERNAME, ensure_admin
from shared.db import Transactions, create_engine
from shared.observability import configure_logging
from shared.rpc.client import RpcClient
from shared.rpc.runner import Services
from shared.security.crypto import MasterKey
from shared.settings import ServiceSettings, SettingsError, gateway_settings, service_settings
from standalone.databases import Databases
from standalone.datadir import DataDirectory
from standalone.http import HttpServer, bind
from standalone.postgres import EmbeddedPostgres, PostgresError
from standalone.refusal import WRONG_SETTING, Refusal
from standalone.relays import Relays
from standalone.resend import Resender, subscriptions
from standalone.services import SERVICES, service_class
from standalone.settings import StandaloneSettings, publish_to_environment, standalone_settings
from standalone.signals import StopSignals
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
    """All parts in this process, from `start` to `stop`.

    Takes the data directory and the port when it is made, so that a second instance is refused
    before anything is touched.

    Raises:
        Refusal: directory, port or keys cannot be used.
    """

    def __init__(self, settings: StandaloneSettings) -> None:
        self._settings = settings
        self._data = DataDirectory(settings.data_dir)
        self._data.acquire()
        self._http = HttpServer(bind(settings.host, settings.port))
        self._keys = self._data.keys()
        self._postgres = EmbeddedPostgres(self._data.postgres)
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

    @property
    def data_dir(self) -> Path:
        """Return where everything is kept."""
        return self._data.path

    def start(self) -> None:
        """Bring everything up; returns when requests are answered.

        Raises:
            PostgresError: PostgreSQL does not start.
        """
        self._postgres.start()
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
        if self._settings.metrics_port is not None:
            start_http_server(self._settings.metrics_port, self._settings.host)
        self._http.start(create_app(gateway_settings(), self._client))

    def wait(self) -> None:
        """Wait until the services end by themselves, which none should; raises what ended them."""
        if self._services is not None:
            self._services.wait()

    def stop(self) -> None:
        """Take no more requests, let those that run finish, stop the rest, PostgreSQL last."""
        for thread in self._watching:
            thread.kill()
        self._http.stop()
        if self._services is not None:
            self._services.stop(DRAIN_S)
        self._client.close()
        if self._relays is not None:
            self._relays.stop()
        self._databases.dispose()
        self._postgres.stop()

    def abandon(self) -> None:
        """Stop without waiting for anybody; what was answered is on disk."""
        self._postgres.stop()

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
                engine, sandbox=settings.sandbox, vault=MasterKey(settings.master_key.reveal())
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


def main() -> int:
    """Serve until SIGINT or SIGTERM; return the exit status.

    0 after a clean stop, 1 when something is in the way, 2 for a wrong setting.
    """
    _configure_logging()
    signals = StopSignals()
    try:
        platform = Platform(standalone_settings())
    except Refusal as refusal:
        return _refuse(str(refusal), refusal.status)
    asked = eventlet.event.Event()
    eventlet.spawn(_listen, signals, asked, platform)
    serving = eventlet.spawn(_serve, platform)
    serving.link(_tell_end, asked)
    status = 0
    if asked.wait() is None:
        status = _explain_end(serving)
    else:
        _say("Stopping…")
        serving.kill()
    platform.stop()
    if status == 0:
        _say("Stopped.")
    return status


def _serve(platform: Platform) -> None:
    platform.start()
    _welcome(platform)
    platform.wait()


def _listen(signals: StopSignals, asked: eventlet.event.Event, platform: Platform) -> None:
    """Pass on the first signal; the second one is from somebody who will not wait."""
    first = signals.wait()
    if not asked.ready():
        asked.send(first)
    signals.wait()
    platform.abandon()
    os._exit(1)


def _tell_end(_serving: eventlet.greenthread.GreenThread, asked: eventlet.event.Event) -> None:
    if not asked.ready():
        asked.send(None)


def _explain_end(serving: eventlet.greenthread.GreenThread) -> int:
    """Say why the platform ended without being asked to."""
    try:
        serving.wait()
    except (PostgresError, Refusal) as error:
        return _refuse(str(error), 1)
    except SettingsError as error:
        return _refuse(str(error), WRONG_SETTING)
    except Exception:
        _log.exception("platform_failed")
        return _refuse("The platform failed; the reason is above.", 1)
    return _refuse("The services ended.", 1)


def _welcome(platform: Platform) -> None:
    lines = ["", f"Loyalty is ready at {platform.url}", f"  API pages  {platform.url}/docs"]
    lines.append(f"  Data       {platform.data_dir}")
    if platform.new_password is not None:
        lines.append(f"  Admin      {USERNAME}, password {platform.new_password}  (shown only now)")
    lines += ["  Stop with Ctrl-C", ""]
    _say("\n".join(lines))


def _configure_logging() -> None:
    name = os.environ.get("LOYALTY_LOG_LEVEL", "warning").upper()
    level = logging.getLevelNamesMapping().get(name, logging.WARNING)
    configure_logging(process="standalone", level=level)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _refuse(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status
