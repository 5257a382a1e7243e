"""A small till: sells online and, when the platform is away, from a queue of its own (S5).

    LOYALTY_TILL_SECRET=… python -m examples.pos_terminal --client-id … sell tea:1200 --phone 138…
    LOYALTY_TILL_SECRET=… python -m examples.pos_terminal --client-id … drain

What keeps its sales whole:

- Every sale is written down before it is posted, in one transaction with its running number. A till
  that is killed at any moment has lost no number and no sale that it told anybody of.
- A number names its sale (``sale_id``). Whatever is posted twice is recorded once: the platform
  answers the second time as it did the first.
- While the platform is away, points pay only what an allowance fetched beforehand still covers. The
  allowance is spent in the transaction that queues the sale.
- What the platform rejects of the queue stays written down, for staff.

It trusts the connection that allowances come by. A till that gets them by another till's hand would
verify their ``signature`` with the keys of ``/v1/pos/jwks.json``.
"""

import argparse
import json
import os
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from examples.client import Answer, ApiClient, Json, Login, Refused, Unreachable, by_secret

QUEUED, POSTED, REJECTED = "queued", "posted", "rejected"
BATCH, BATCH_BYTES = 500, 1_000_000
"""Most sales in one ``POST /v1/sales/batch``, and about how large they may be together."""
_SERVER_ERROR = 500
_TRY_AGAIN = frozenset({"checkout_not_open", "busy", "rate_limited"})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sales (
    counter INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'posted', 'rejected')),
    body TEXT NOT NULL,
    answer TEXT
);
CREATE INDEX IF NOT EXISTS sales_by_state ON sales (state, counter);
CREATE TABLE IF NOT EXISTS allowances (
    member TEXT PRIMARY KEY,
    signature TEXT NOT NULL,
    points INTEGER NOT NULL,
    spent INTEGER NOT NULL CHECK (0 <= spent AND spent <= points),
    valid_until TEXT NOT NULL
);
"""


class PointsDeclined(Exception):
    """The platform is away, and no allowance covers the points: let the customer pay with money.

    The sale is not lost: it stays queued as it was asked for, since nobody knows whether the
    platform got it. `Till.drain` settles it.
    """


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the till can tell the customer; ``answer`` is the platform's, None while it is away."""

    sale_id: str
    answer: Json | None


class Journal:
    """The till's memory: SQLite, so that it is whole after a power cut.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, make: Callable[[int], Json]) -> tuple[int, Json]:
        """Queue a sale under the next number; ``make`` writes its body."""
        with self._transaction():
            row = self._db.execute("INSERT INTO sales (state, body) VALUES (?, '')", (QUEUED,))
            counter = int(row.lastrowid or 0)
            body = make(counter)
            self._write_body(counter, body)
        return counter, body

    def queued(self) -> list[tuple[int, Json]]:
        """The oldest queued sales, one batch of them."""
        rows = self._db.execute(
            "SELECT counter, body FROM sales WHERE state = ? ORDER BY counter LIMIT ?",
            (QUEUED, BATCH),
        )
        batch: list[tuple[int, Json]] = []
        size = 0
        for counter, body in rows:
            size += len(body)
            if batch and size > BATCH_BYTES:
                break
            batch.append((counter, json.loads(body)))
        return batch

    def settle(self, outcomes: Mapping[int, tuple[str, Json]]) -> None:
        """Note what became of queued sales: their state and the platform's word."""
        with self._transaction():
            for counter, (state, answer) in outcomes.items():
                self._db.execute(
                    "UPDATE sales SET state = ?, answer = ? WHERE counter = ?",
                    (state, json.dumps(answer), counter),
                )

    def in_state(self, state: str) -> list[tuple[Json, Json]]:
        """The sales in a state, each with the platform's word on it."""
        rows = self._db.execute(
            "SELECT body, answer FROM sales WHERE state = ? ORDER BY counter", (state,)
        )
        return [(json.loads(body), json.loads(answer or "{}")) for body, answer in rows]

    def keep_allowance(self, member: str, allowance: Json) -> None:
        """Write an allowance down; what is spent of the same one stays spent."""
        self._db.execute(
            "INSERT INTO allowances (member, signature, points, spent, valid_until)"
            " VALUES (?, ?, ?, 0, ?) ON CONFLICT (member) DO UPDATE SET"
            " spent = CASE WHEN signature = excluded.signature THEN spent ELSE 0 END,"
            " signature = excluded.signature, points = excluded.points,"
            " valid_until = excluded.valid_until",
            (member, allowance["signature"], allowance["points"], allowance["valid_until"]),
        )

    def spend_allowance(self, counter: int, body: Json, member: str) -> bool:
        """Let an allowance pay for a queued sale; whether it covers it."""
        points, at = body["points_to_redeem"], body["occurred_at"]
        with self._transaction():
            found = self._db.execute(
                "UPDATE allowances SET spent = spent + :points WHERE member = :member"
                " AND spent + :points <= points AND valid_until >= :at RETURNING signature",
                {"points": points, "member": member, "at": at},
            ).fetchall()
            for (signature,) in found:
                self._write_body(counter, {**body, "offline_allowance": signature})
        return bool(found)

    def _write_body(self, counter: int, body: Json) -> None:
        self._db.execute("UPDATE sales SET body = ? WHERE counter = ?", (json.dumps(body), counter))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


@dataclass(slots=True)
class Till:
    """A till.

    Attributes:
        client: The platform.
        login: The terminal.
        journal: Its memory.
        name: Begins the ids of its sales; no other till's may.
        currency: The programme's.
        now: The till's clock.
    """

    client: ApiClient
    login: Login
    journal: Journal
    name: str
    currency: str = "CNY"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def sell(
        self, lines: Sequence[Json], member: Json | None = None, points_to_redeem: int = 0
    ) -> Receipt:
        """Sell, online or offline.

        Raises:
            Refused: The platform refuses the sale; it did not happen.
            PointsDeclined: Points shall pay, and nobody can say whether they may.
        """

        def make(counter: int) -> Json:
            return {
                "sale_id": f"{self.name}-{counter}",
                "occurred_at": self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "currency": self.currency,
                "member": member,
                "lines": list(lines),
                "points_to_redeem": points_to_redeem,
                "terminal_counter": counter,
            }

        counter, body = self.journal.add(make)
        try:
            self.drain(before=counter)
            answer = self._post("/v1/sales", body)
        except Unreachable:
            return self._sell_offline(counter, body, member)
        if not answer.ok:
            self.journal.settle({counter: (REJECTED, answer.body)})
            raise Refused("POST", "/v1/sales", answer)
        self.journal.settle({counter: (POSTED, answer.body)})
        return Receipt(body["sale_id"], answer.body)

    def drain(self, before: int | None = None) -> int:
        """Post what is queued, oldest first; how many sales were settled.

        Args:
            before: Leave this sale and later ones alone.

        Raises:
            Unreachable: The platform is away, or will not have this till; the rest stays queued.
        """
        settled = 0
        while True:
            queue = [each for each in self.journal.queued() if before is None or each[0] < before]
            if not queue:
                return settled
            answer = self._post("/v1/sales/batch", {"sales": [body for _, body in queue]})
            if not answer.ok:
                raise Unreachable(str(Refused("POST", "/v1/sales/batch", answer)))
            results = zip(queue, answer.body["results"], strict=True)
            outcomes = {
                counter: (REJECTED if result["status"] == REJECTED else POSTED, result)
                for (counter, _), result in results
                if not _is_to_be_tried_again(result)
            }
            self.journal.settle(outcomes)
            settled += len(outcomes)
            if len(outcomes) < len(queue):
                raise Unreachable("some sales could not be recorded at the moment")

    def fetch_allowance(self, member: Json) -> int:
        """Ask what a member may spend here offline; how many points.

        What is queued is posted first: asking ends what is left of an earlier allowance.

        Raises:
            Unreachable: The platform is away.
            Refused: There is no such member, or it may not spend.
        """
        self.drain()
        found = self.client.call("POST", "/v1/members/lookup", login=self.login, body=member)
        allowance = self.client.call(
            "GET",
            "/v1/terminals/me/offline-allowance",
            login=self.login,
            params={"member_id": found["member_id"]},
        )
        self.journal.keep_allowance(_name_of(member), allowance)
        return int(allowance["points"])

    def rejected(self) -> list[tuple[Json, Json]]:
        """Sales that the platform has rejected, each with its reason, for staff to look at."""
        return self.journal.in_state(REJECTED)

    def _sell_offline(self, counter: int, body: Json, member: Json | None) -> Receipt:
        if body["points_to_redeem"]:
            covered = member is not None and self.journal.spend_allowance(
                counter, body, _name_of(member)
            )
            if not covered:
                raise PointsDeclined(body["sale_id"])
        return Receipt(body["sale_id"], None)

    def _post(self, path: str, body: Json) -> Answer:
        """Post; a platform that cannot work, or does not let the till in, counts as away."""
        key = str(uuid.uuid4())
        try:
            answer = self.client.send("POST", path, login=self.login, body=body, key=key)
        except Refused as not_signed_in:
            raise Unreachable(str(not_signed_in)) from not_signed_in
        if answer.status >= _SERVER_ERROR or answer.code in _TRY_AGAIN:
            raise Unreachable(f"POST {path}: {answer.status} {answer.code}")
        return answer


def _is_to_be_tried_again(result: Json) -> bool:
    """Whether a sale of a batch met a platform that could not work just then."""
    error = result.get("error") or {}
    return error.get("status", 0) >= _SERVER_ERROR or error.get("code") in _TRY_AGAIN


def _name_of(member: Json) -> str:
    return f"{member['type']}:{member['value']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = _parser().parse_args(arguments)
    secret = os.environ.get("LOYALTY_TILL_SECRET", "")
    login = by_secret(options.client_id, secret)
    with (
        closing(ApiClient(options.base_url, attempts=options.attempts)) as client,
        closing(Journal(options.journal)) as journal,
    ):
        till = Till(client, login, journal, options.name or options.client_id)
        try:
            return _run(till, options)
        except PointsDeclined as declined:
            print(f"{declined}: offline, and no allowance covers the points")
        except (Refused, Unreachable) as error:
            print(error)
    return 1


def _run(till: Till, options: argparse.Namespace) -> int:
    member = {"type": "phone", "value": options.phone} if options.phone else None
    if options.command == "sell":
        lines = [_line(number, text) for number, text in enumerate(options.lines, start=1)]
        receipt = till.sell(lines, member, options.points)
        earned = "" if receipt.answer is None else f" earned {receipt.answer['points']['earned']}"
        print(f"{receipt.sale_id} {POSTED if receipt.answer else QUEUED}{earned}", flush=True)
    elif options.command == "allowance" and member is not None:
        print(f"{till.fetch_allowance(member)} points may be spent offline")
    elif options.command == "drain":
        print(f"{till.drain()} settled")
    for body, reason in till.rejected() if options.command in ("drain", "rejected") else ():
        print(f"{body['sale_id']} rejected: {(reason.get('error') or reason).get('code')}")
    return 0


def _line(number: int, text: str) -> Json:
    sku, _, net_minor = text.rpartition(":")
    return {"line_id": str(number), "sku": sku, "quantity": 1, "net_minor": int(net_minor)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.pos_terminal", description=__doc__)
    parser.add_argument("--base-url", default="http://127.0.0.1:8080")
    parser.add_argument("--client-id", required=True, help="the terminal's; its secret comes in "
                        "LOYALTY_TILL_SECRET")  # fmt: skip
    parser.add_argument("--journal", type=Path, default=Path("till.db"), help="the till's memory")
    parser.add_argument("--name", help="begins the ids of its sales")
    parser.add_argument("--attempts", type=int, default=2, help="tries before it goes on offline")
    parser.add_argument("--phone", help="of the member")
    commands = parser.add_subparsers(dest="command", required=True)
    sell = commands.add_parser("sell", help="sell articles")
    sell.add_argument("lines", nargs="+", metavar="SKU:NET_MINOR")
    sell.add_argument("--points", type=int, default=0, help="points that pay a part")
    commands.add_parser("allowance", help="fetch what the member may spend offline")
    commands.add_parser("drain", help="post what is queued")
    commands.add_parser("rejected", help="list what was rejected")
    return parser


if __name__ == "__main__":
    sys.exit(main())
