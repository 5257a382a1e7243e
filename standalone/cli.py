"""The command: refuses in one line, says when it is ready, stops on a signal.

What can be refused is looked at before the platform's modules are loaded, which takes seconds.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import eventlet
import eventlet.event
import structlog

from shared.observability import configure_logging
from shared.settings import SettingsError
from standalone.claim import Claim, claim
from standalone.postgres import EmbeddedPostgres, PostgresError
from standalone.refusal import IN_USE, WRONG_SETTING, Refusal
from standalone.settings import standalone_settings
from standalone.signals import StopSignals

if TYPE_CHECKING:
    from standalone.app import Platform

_log = structlog.get_logger(__name__)


class Instance:
    """One run of the command, from its claim to its end."""

    def __init__(self, claimed: Claim) -> None:
        self._claim = claimed
        self._postgres = EmbeddedPostgres(claimed.data.postgres)
        self._platform: Platform | None = None
        self._starting = eventlet.spawn(self._postgres.start)

    def serve(self) -> None:
        """Start everything, say so, and go on until the services end, which none should."""
        # On a first start PostgreSQL is busy making its files; meanwhile the modules are loaded.
        eventlet.sleep(0)
        application = import_module("standalone.app")
        self._starting.wait()
        self._platform = application.Platform(self._claim, self._postgres)
        self._platform.start()
        self._welcome(self._platform)
        self._platform.wait()

    def stop(self) -> None:
        """Let what runs finish, then end everything."""
        if self._platform is not None:
            self._platform.stop()
        self._starting.kill()
        self._postgres.stop()

    def abandon(self) -> None:
        """End without waiting for anybody; what was answered is on disk."""
        self._postgres.stop()

    def _welcome(self, platform: Platform) -> None:
        lines = [
            "",
            f"Loyalty is ready at {platform.url}",
            f"  API pages  {platform.url}/docs",
            f"  Data       {self._claim.settings.data_dir}",
        ]
        if platform.new_password is not None:
            lines.append(f"  Admin      admin, password {platform.new_password}  (shown only now)")
        _say("\n".join([*lines, "  Stop with Ctrl-C", ""]))


def main() -> int:
    """Serve until SIGINT or SIGTERM; return the exit status.

    0 after a clean stop, 1 when something is in the way, 2 for a wrong setting.
    """
    _configure_logging()
    signals = StopSignals()
    try:
        instance = Instance(claim(standalone_settings()))
    except Refusal as refusal:
        return _refuse(str(refusal), refusal.status)
    asked = eventlet.event.Event()
    eventlet.spawn(_listen, signals, asked, instance)
    serving = eventlet.spawn(instance.serve)
    serving.link(_tell_end, asked)
    status = 0
    if asked.wait() is None:
        status = _explain_end(serving)
    else:
        _say("Stopping…")
        serving.kill()
    instance.stop()
    if status == 0:
        _say("Stopped.")
    return status


def _listen(signals: StopSignals, asked: eventlet.event.Event, instance: Instance) -> None:
    """Pass on the first signal; the second one is from somebody who will not wait."""
    first = signals.wait()
    if not asked.ready():
        asked.send(first)
    signals.wait()
    instance.abandon()
    os._exit(1)


def _tell_end(_serving: eventlet.greenthread.GreenThread, asked: eventlet.event.Event) -> None:
    if not asked.ready():
        asked.send(None)


def _explain_end(serving: eventlet.greenthread.GreenThread) -> int:
    """Say why the platform ended without being asked to."""
    try:
        serving.wait()
    except PostgresError as error:
        return _refuse(str(error), IN_USE)
    except SettingsError as error:
        return _refuse(str(error), WRONG_SETTING)
    except Exception:
        _log.exception("platform_failed")
        return _refuse("The platform failed; the reason is above.", IN_USE)
    return _refuse("The services ended.", IN_USE)


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
