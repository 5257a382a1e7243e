"""``python -m examples.replay``: see the package."""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from examples.client import ApiClient, Refused, Unreachable
from examples.own_server import NotReady, Server, server_at
from examples.replay.data import load
from examples.replay.plan import Timeline, plan
from examples.replay.report import show
from examples.replay.run import Outcome, Replay
from examples.replay.source import Selection

LARGEST_BATCH = 500

BUSY_FROM = date(2017, 8, 7)
"""From here on campaigns run that many households redeem."""

LAST_DAY = date(2017, 12, 31)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a replay; 0 if every sale went through and the ledger proved itself."""
    options = _parser().parse_args(arguments)
    console = Console()
    start = options.start or usual_start(options.days)
    selection = Selection(options.households, start, options.days, options.seed)
    try:
        with server_at(options.base_url) as server:
            part = load(selection)
            timeline = plan(part, options.terminals, options.batch)
            outcome = _play(console, timeline, server, options.admin)
    except (LookupError, NotReady, Refused, Unreachable) as problem:
        console.print(f"[red]{type(problem).__name__}[/red]: {problem}", markup=True)
        return 2
    show(console, part, timeline, outcome)
    fresh = options.base_url is None
    return 0 if outcome.good and (outcome.adds_up or not fresh) else 1


def usual_start(days: int) -> date:
    """The first day where none is named: early enough that the window ends with the data set."""
    return min(BUSY_FROM, LAST_DAY - timedelta(days=days - 1))


def _play(console: Console, timeline: Timeline, server: Server, admin: str) -> Outcome:
    """Run the timeline behind a progress bar that counts sales."""
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with closing(ApiClient(server.base_url)) as client, bar:
        sales = bar.add_task("sales", total=timeline.sales)
        replay = Replay(client, timeline, lambda posted: bar.advance(sales, posted))
        return replay.run(admin, server.admin_password)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.replay",
        description="Play real grocery baskets of 2017 through the HTTP API of a sandbox server.",
        epilog="With --base-url the admin's password is taken from LOYALTY_ADMIN_PASSWORD.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--households", type=_between(1, 10_000), default=200, help="households to draw"
    )
    parser.add_argument("--days", type=_between(1, 365), default=30, help="days to play")
    parser.add_argument(
        "--start", type=date.fromisoformat, help=f"first day; {BUSY_FROM} or what fits the year"
    )
    parser.add_argument("--seed", type=int, default=42, help="seed of the draw")
    parser.add_argument(
        "--terminals", type=_between(1, 64), default=4, help="tills that post side by side"
    )
    parser.add_argument(
        "--batch", type=_between(1, LARGEST_BATCH), default=LARGEST_BATCH, help="sales per batch"
    )
    parser.add_argument(
        "--base-url", help="a running sandbox server; by default its own is started"
    )
    parser.add_argument("--admin", default="admin", help="user name of the server's admin")
    return parser


def _between(lowest: int, highest: int) -> Callable[[str], int]:
    """An argparse type: a whole number within bounds."""

    def number(text: str) -> int:
        value = int(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{value} is not within {lowest} and {highest}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
