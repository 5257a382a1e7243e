"""``python -m benchmarks.sign_in``: whether the time of a refused sign-in tells why it was (I3).

Calls the identity service as the wire does, on a PostgreSQL of its own. The kinds of refusal take
turns in random order, so that whatever else the machine does meets all of them alike. Of each the
table shows quartiles, how far its median is from that of an unknown name, and how often chance
alone would put them so far apart (a permutation test): near 0 means that the kind can be told.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from services.identity.bootstrap import ensure_admin
from services.identity.service import IdentityService
from shared.calls import Actor, CallContext
from shared.contracts.identity import rpc
from shared.contracts.method import Method
from shared.db import Transactions, create_engine
from shared.db.bootstrap import bootstrap_service, database_name, owner_role
from shared.db.migrations import upgrade
from shared.ids import new_id
from shared.rpc.dispatch import dispatch
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret, ServiceSettings
from standalone.postgres import SUPERUSER, EmbeddedPostgres

SERVICE = "identity"
PASSWORD, WRONG = "the right password", "not the right password"
UNKNOWN = "unknown name"
SHUFFLES = 2_000
_LOCK_AFTER = 5

Times = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sign_in", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as (service, superuser):
        _people(service)
        _print("refusals", _measure(service, rounds, _open_kinds(), _forgetting(superuser)))
        _lock(service)
        _print("refusals while locked", _measure(service, rounds, _locked_kinds(), lambda: None))


def _open_kinds() -> dict[str, tuple[str, str]]:
    return {
        UNKNOWN: ("nobody", WRONG),
        "wrong password": ("plain", WRONG),
        "wrong password, second factor": ("careful", WRONG),
        "right password, no code": ("careful", PASSWORD),
    }


def _locked_kinds() -> dict[str, tuple[str, str]]:
    return {**_open_kinds(), "right password": ("plain", PASSWORD)}


def _measure(
    service: IdentityService,
    rounds: int,
    kinds: dict[str, tuple[str, str]],
    before_each: Callable[[], None],
) -> Times:
    times: Times = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in random.sample(sorted(kinds), len(kinds)):
            before_each()
            begun = time.perf_counter()
            _sign_in(service, *kinds[kind])
            times[kind].append((time.perf_counter() - begun) * 1_000)
    return times


def _sign_in(service: IdentityService, username: str, password: str) -> None:
    proof = {"grant_type": "password", "username": username, "password": password}
    answer = _reply(service, rpc.ISSUE_TOKEN, proof)
    if answer.get("error", {}).get("code") != "invalid_credentials":
        raise RuntimeError(str(answer))


def _print(title: str, times: Times) -> None:
    table = Table(title=f"{title}, {len(times[UNKNOWN])} of each")
    for column in ("", "lower ms", "median ms", "upper ms", "off ms", "by chance"):
        table.add_column(column, justify="right" if column else "left")
    unknown = times[UNKNOWN]
    for kind, taken in times.items():
        quartiles = [f"{each:.2f}" for each in statistics.quantiles(taken, n=4)]
        off = statistics.median(taken) - statistics.median(unknown)
        chance = "" if kind == UNKNOWN else f"{_by_chance(taken, unknown, abs(off)):.3f}"
        table.add_row(kind, *quartiles, f"{off:+.3f}", chance)
    Console(width=100).print(table)


def _by_chance(ours: Sequence[float], theirs: Sequence[float], off: float) -> float:
    """Return how often two halves, drawn blindly from all, have medians as far apart."""
    mixed, reached = [*ours, *theirs], 0
    for _ in range(SHUFFLES):
        random.shuffle(mixed)
        halves = mixed[: len(ours)], mixed[len(ours) :]
        reached += abs(statistics.median(halves[0]) - statistics.median(halves[1])) >= off
    return reached / SHUFFLES


def _people(service: IdentityService) -> None:
    ensure_admin(service.db, PASSWORD)
    for username in ("plain", "careful"):
        person = {"username": username, "password": PASSWORD, "roles": ["support"]}
        staff_id = _reply(service, rpc.CREATE_STAFF, person)["body"]["staff_id"]
    own = {"staff_id": staff_id}
    secret = _reply(service, rpc.BEGIN_TOTP, own)["body"]["secret"]
    _reply(service, rpc.CONFIRM_TOTP, {**own, "code": pyotp.TOTP(secret).now()})


def _lock(service: IdentityService) -> None:
    for username in ("plain", "careful", "nobody"):
        for _ in range(_LOCK_AFTER):
            _sign_in(service, username, WRONG)


def _forgetting(superuser: str) -> Callable[[], None]:
    """Return what takes failures back, lest they lock."""
    connection = sa.create_engine(superuser, isolation_level="AUTOCOMMIT").connect()

    def forget() -> None:
        connection.exec_driver_sql("DELETE FROM login_attempts")

    return forget


def _reply(service: IdentityService, method: Method, payload: Any) -> dict[str, Any]:
    actor = Actor("staff", "bench", roles=("admin",))
    context = CallContext(str(new_id()), actor).to_wire()
    handler = getattr(service, method.name)
    found: dict[str, Any] = dispatch(method, handler, context=context, payload=payload)
    return found


@contextmanager
def _service(directory: Path) -> Iterator[tuple[IdentityService, str]]:
    postgres = EmbeddedPostgres(directory / SERVICE)
    postgres.start()
    try:
        bootstrap_service(postgres.url("postgres", SUPERUSER), SERVICE)
        upgrade(SERVICE, postgres.url(database_name(SERVICE), owner_role(SERVICE)))
        url, key = postgres.url(database_name(SERVICE), database_name(SERVICE)), new_key()
        service = IdentityService()
        service.db = Transactions(create_engine(url, application="bench"), vault=MasterKey(key))
        service.settings = ServiceSettings(
            service=SERVICE,
            database_url=Secret(url),
            migration_url=Secret(url),
            amqp_url=Secret(""),
            master_key=Secret(key),
            lookup_key=Secret(new_key()),
        )
        yield service, postgres.url(database_name(SERVICE), SUPERUSER)
    finally:
        postgres.stop()


if __name__ == "__main__":
    main()
