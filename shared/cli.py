"""The commands of each service: ``python -m services.<service> serve`` and others.

``serve`` and ``relay`` run until they are stopped, ``bootstrap-db``, ``migrate`` and ``prepare``
make the database, ``dead-letters`` looks after events that could not be applied, ``audit-verify``
proves the audit trail.

Each command imports what it needs when it runs: ``serve`` has to patch the standard library before
anything else is loaded, and the others must never load eventlet.
"""

# Imports belong into the commands here, for the reason above.
# ruff: noqa: PLC0415

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.events.dead_letters import DeadLetter

Command = Callable[[str, argparse.Namespace], int]


def main(
    service: str,
    argv: Sequence[str] | None = None,
    *,
    on_prepared: Callable[[], None] | None = None,
    commands: Mapping[str, Command] | None = None,
) -> int:
    """Run one command of ``service`` and return its exit status.

    ``on_prepared`` is what the service itself does at the end of ``prepare``, such as making the
    first admin. ``commands`` adds the service's own: name → function of the service's name and the
    arguments.
    """
    known = {**_COMMANDS, **(commands or {})}
    parser = argparse.ArgumentParser(prog=f"python -m services.{service}")
    chosen = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in known.items():
        summary = (command.__doc__ or "").strip().splitlines()[0]
        added = chosen.add_parser(name, help=summary, description=summary)
        if name == "dead-letters":
            _add_dead_letters(added)
    arguments = parser.parse_args(argv)
    status = known[arguments.command](service, arguments)
    if arguments.command == "prepare" and on_prepared is not None:
        on_prepared()
    return status


def serve(service: str, _arguments: argparse.Namespace) -> int:
    """Answer calls, consume events and do timed work, until SIGTERM."""
    from shared.rpc.patch import patch_standard_library

    patch_standard_library()

    from importlib import import_module

    from shared.health import serve_health
    from shared.observability import configure_logging
    from shared.rpc.runner import Services, run
    from shared.settings import service_settings

    settings = service_settings(service)
    configure_logging(process=service)

    def watch(services: Services) -> None:
        if settings.metrics_port is not None:
            serve_health(settings.metrics_port, alive=lambda: True, ready=lambda: services.ready)

    return run(
        [import_module(f"services.{service}.service").SERVICE],
        settings.amqp_url.reveal(),
        settings={service: settings},
        max_workers=settings.max_workers,
        on_services=watch,
    )


def relay(service: str, _arguments: argparse.Namespace) -> int:
    """Publish the service's events from its outbox, until SIGTERM."""
    from shared.db import create_engine
    from shared.health import serve_health
    from shared.observability import configure_logging
    from shared.outbox.pika_publisher import PikaPublisher
    from shared.outbox.relay import Relay
    from shared.settings import service_settings

    settings = service_settings(service)
    configure_logging(process=f"{service}-relay")
    engine = create_engine(
        settings.database_url.reveal(), pool_size=1, application=f"loyalty-{service}-relay"
    )
    worker = Relay(engine, PikaPublisher(settings.amqp_url.reveal(), service), service)
    if settings.metrics_port is not None:
        serve_health(settings.metrics_port, alive=lambda: worker.alive, ready=lambda: worker.alive)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    worker.run(stop)
    return 0


def migrate(service: str, _arguments: argparse.Namespace) -> int:
    """Bring the service's database to the newest migration."""
    from shared.db.migrations import upgrade
    from shared.observability import configure_logging

    configure_logging(process=f"{service}-migrate")
    upgrade(service, _url(service, "MIGRATION"))
    return 0


def bootstrap_db(service: str, _arguments: argparse.Namespace) -> int:
    """Make the service's database and roles, as the server's administrator.

    Names and passwords are those of the service's own URLs.
    """
    from sqlalchemy import make_url

    from shared.db.bootstrap import bootstrap_service

    runtime, owner = make_url(_url(service, "DATABASE")), make_url(_url(service, "MIGRATION"))
    bootstrap_service(
        _required("LOYALTY_ADMIN_DATABASE_URL"),
        service,
        owner_password=_plain(owner.password),
        runtime_password=_plain(runtime.password),
        database=runtime.database,
    )
    return 0


def prepare(service: str, arguments: argparse.Namespace) -> int:
    """Make what is missing before the service can start: database, roles, tables, first data.

    Database and roles only where ``LOYALTY_ADMIN_DATABASE_URL`` names an administrator.
    """
    if os.environ.get("LOYALTY_ADMIN_DATABASE_URL"):
        bootstrap_db(service, arguments)
    return migrate(service, arguments)


def dead_letters(service: str, arguments: argparse.Namespace) -> int:
    """List, replay or drop events that the service could not apply."""
    from shared.events.dead_letters import DeadLetters

    letters = DeadLetters(_required("LOYALTY_AMQP_URL"), service)
    if arguments.action == "list":
        for letter in letters.list(arguments.limit):
            print(letter.to_json())
        return 0
    wanted = set(arguments.id)

    def selected(letter: DeadLetter) -> bool:
        return bool(arguments.all) or letter.message_id in wanted

    act = letters.replay if arguments.action == "replay" else letters.drop
    number = act(selected)
    print(f"{number} {'replayed' if arguments.action == 'replay' else 'dropped'}")
    return 0 if number or arguments.all else 1


def audit_verify(service: str, _arguments: argparse.Namespace) -> int:
    """Prove the service's audit trail; print its end, or the first broken row (I4)."""
    import json

    from shared.audit import Proof, verify_on
    from shared.db import create_engine

    engine = create_engine(
        _url(service, "DATABASE"), pool_size=1, application=f"loyalty-{service}-audit"
    )
    proof = Proof()
    with engine.connect() as connection:
        while not proof.is_complete:
            proof = verify_on(connection, proof)
    engine.dispose()
    found = {"service": service, "rows": proof.sequence, "head": proof.digest.hex()}
    print(json.dumps({**found, "broken": proof.broken}, default=str))
    return 0 if proof.broken is None else 1


_COMMANDS: Mapping[str, Command] = {
    "serve": serve,
    "relay": relay,
    "migrate": migrate,
    "bootstrap-db": bootstrap_db,
    "prepare": prepare,
    "dead-letters": dead_letters,
    "audit-verify": audit_verify,
}


def _add_dead_letters(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    listing = actions.add_parser("list", help="print them, one JSON object a line")
    listing.add_argument("--limit", type=int, default=1_000, help="at most so many per queue")
    for name, summary in (
        ("replay", "give them back to the service"),
        ("drop", "delete them for good"),
    ):
        action = actions.add_parser(name, help=summary)
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("--id", action="append", default=[], help="this event; may be repeated")
        which.add_argument("--all", action="store_true", help="all of them")


def _url(service: str, purpose: str) -> str:
    """Return the runtime or the migration URL; the latter falls back to the former."""
    name = f"LOYALTY_{service.upper()}"
    found = os.environ.get(f"{name}_{purpose}_URL") or os.environ.get(f"{name}_DATABASE_URL")
    return found or _missing(f"{name}_{purpose}_URL")


def _required(name: str) -> str:
    return os.environ.get(name) or _missing(name)


def _missing(name: str) -> str:
    sys.exit(f"Settings are missing or wrong:\n  {name}: Environment variable is not set")


def _plain(password: object) -> str | None:
    return None if password is None else str(password)
