"""The ceiling: pgbench with the very statements that recording one sale sends to PostgreSQL.

One sale is recorded through the service's own use case while its statements are noted down. Ids
that were made for it are then replaced by pgbench variables, so that every run writes rows of its
own and meets another member, as sales do.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points.service import PointsService
from shared.calls import Actor, CallContext, Idempotency
from shared.clock import SystemClock, rfc3339
from shared.contracts.points import rpc
from shared.db import Transactions, create_engine
from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from shared.ids import new_id
from shared.rpc.dispatch import dispatch
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from standalone.postgres import SUPERUSER, EmbeddedPostgres
from standalone.privileges import BIN

SERVICE = "points"
MEMBERS = 1_000
_FIRST = 100_000_000_000
"""Members' ids end in 12 digits from here on, so that pgbench can draw one."""
PREFIX = "01920000-0000-7000-8000-"
"""What members' ids begin with; 12 digits follow."""
_SEQUENCE = 987_654_321_000
"""Last event of each member so far: a number that stands out among a statement's values."""
_NUMBER = 876_543_210_000
"""Last transaction of each account so far, likewise."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}7[0-9a-f]{19}(?![0-9a-f])")
_SALE_ID = "benchsale"


@dataclass
class Ceiling:
    """A PostgreSQL with a points database, and the script of one sale."""

    url: str
    script: Path
    statements: int

    def rate(self, *, clients: int, seconds: int) -> float:
        """Return transactions per second of ``clients`` that do nothing but this."""
        command = [
            str(BIN / "pgbench"), "--no-vacuum", f"--file={self.script}", f"--time={seconds}",
            f"--client={clients}", f"--jobs={min(clients, 2)}", _libpq(self.url),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
        if failed is None or failed[1] != "0":
            raise RuntimeError(f"pgbench did not succeed:\n{done.stdout}\n{done.stderr}")
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        assert found is not None  # noqa: S101 - pgbench prints it whenever it succeeds
        return float(found[1])


@dataclass(frozen=True, slots=True)
class Database:
    """A points database on a PostgreSQL of its own."""

    url: str
    admin_url: str


@contextmanager
def points_database(directory: Path) -> Iterator[Database]:
    """Start a PostgreSQL of its own, as durable as the platform's, with a points database."""
    postgres = EmbeddedPostgres(directory / "postgres")
    postgres.start()
    try:
        bootstrap_service(postgres.url("postgres", SUPERUSER), SERVICE)
        upgrade(SERVICE, postgres.url(database_name(SERVICE), owner_role(SERVICE)))
        name = database_name(SERVICE)
        yield Database(postgres.url(name, name), postgres.url(name, SUPERUSER))
    finally:
        postgres.stop()


@contextmanager
def ceiling(directory: Path) -> Iterator[Ceiling]:
    """Capture a sale in a points database of its own."""
    with points_database(directory) as database:
        statements = _capture(database.url)
        script = directory / "sale.sql"
        script.write_text(_script(statements))
        script.chmod(0o644)
        yield Ceiling(database.url, script, len(statements))


def _libpq(url: str) -> str:
    """Return an SQLAlchemy URL as libpq takes it."""
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


def _capture(url: str) -> list[str]:
    """Record one sale and return its statements with their values filled in."""
    engine = create_engine(url)
    service = points_service(engine, url)
    for number in range(MEMBERS):
        member_id = f"{PREFIX}{_FIRST + number}"
        _sell(service, member_id, f"first-{number}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE event_sequences SET last = :n"), {"n": _SEQUENCE})
        connection.execute(sa.text("UPDATE accounts SET last_number = :n"), {"n": _NUMBER})
    noted: list[str] = []

    def note(
        connection: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        noted.append(cursor.mogrify(statement, parameters).decode())

    sa.event.listen(engine, "before_cursor_execute", note)
    _sell(service, f"{PREFIX}{_FIRST}", _SALE_ID)
    sa.event.remove(engine, "before_cursor_execute", note)
    engine.dispose()
    return noted


def points_service(engine: sa.Engine, url: str) -> PointsService:
    """Return the points service on a database, as a plain object."""
    service = PointsService()
    key = new_key()
    service.db = Transactions(engine, SystemClock(), vault=MasterKey(key))
    settings = ServiceSettings(
        service=SERVICE,
        database_url=Secret(url),
        migration_url=Secret(url),
        amqp_url=Secret(""),
        master_key=Secret(key),
        lookup_key=Secret(new_key()),
    )
    setattr(service, "settings", settings)  # noqa: B010 - nameko would put it there
    return service


def _sell(service: PointsService, member_id: str, sale_id: str) -> None:
    lines = [
        {"line_id": str(place), "sku": sku, "quantity": 1, "net_minor": net_minor}
        for place, (sku, net_minor) in enumerate((("tea", 4_000), ("rice", 2_590), ("soap", 990)))
    ]
    payload = {
        "sale_id": sale_id,
        "member_id": member_id,
        "occurred_at": rfc3339(SystemClock().now()),
        "currency": "CNY",
        "lines": lines,
    }
    context = CallContext(
        str(new_id()),
        Actor("terminal", "t-1", store_id="s-1"),
        Idempotency(str(new_id()), "POST /v1/sales", "f" * 64),
    )
    message = {"context": context.to_wire(), "payload": payload}
    answer = dispatch(rpc.RECORD_SALE, service.record_sale, **message)
    if "error" in answer:
        raise RuntimeError(f"the sale to capture was refused: {answer['error']}")


def _script(statements: list[str]) -> str:
    """Return a pgbench script that does the same for another sale of another member."""
    text = ";\n".join(["BEGIN", *statements, "COMMIT"]) + ";\n"
    text = _HEX.sub(lambda found: str(UUID(found[0])), text)
    member = f"{PREFIX}{_FIRST}"
    variables = [rf"\set member random({_FIRST}, {_FIRST + MEMBERS - 1})"]
    text = text.replace(member, f"{PREFIX}@member@")
    for place, made in enumerate(dict.fromkeys(_UUID.findall(text))):
        variables.append(rf"\set id{place} random({_FIRST}, {10 * _FIRST - 1})")
        variables.append(rf"\set run{place} random(10000000, 99999999)")
        text = text.replace(made, f"@run{place}@-0000-7000-8000-@id{place}@")
    variables.append(rf"\set sale random({_FIRST}, {10 * _FIRST - 1})")
    text = text.replace(_SALE_ID, f"{_SALE_ID}-@sale@")
    variables.append(r"\set sequence random(1, 900000000000000000)")
    text = text.replace(str(_SEQUENCE + 1), "@sequence@")
    variables.append(r"\set number random(1, 900000000000000000)")
    text = text.replace(str(_NUMBER + 1), "@number@")
    # pgbench takes a colon before a word for a variable: those of JSON must not look so.
    text = re.sub(r":(?=[A-Za-z_])", ": ", text.replace("::", "\x00")).replace("\x00", "::")
    return "\n".join(variables) + "\n" + re.sub(r"@(\w+)@", r":\1", text)
