"""What came of a replay, as a table for a person to read."""

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from examples.replay.data import Slice
from examples.replay.plan import Timeline
from examples.replay.run import Outcome

Row = tuple[str, str]


def show(console: Console, part: Slice, timeline: Timeline, outcome: Outcome) -> None:
    """Print the report."""
    table = Table(title="Replay of The Complete Journey", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for title, rows in (
        ("Input", input_rows(part, timeline)),
        ("Sales", sales_rows(outcome)),
        ("Points and tiers", points_rows(outcome)),
        ("Coupons", coupon_rows(timeline, outcome)),
        ("Time", time_rows(outcome)),
        ("Proof", proof_rows(outcome)),
    ):
        table.add_section()
        table.add_row(f"[cyan]{title}[/cyan]", "")
        for name, value in rows:
            table.add_row(name, value)
    console.print(table)


def input_rows(part: Slice, timeline: Timeline) -> Iterator[Row]:
    """What was read, and how it was read where the data leaves a choice."""
    selection, tally = part.selection, part.tally
    yield "households", f"{len(part.households):,} of {selection.households:,} drawn shop here"
    yield "days", f"{selection.days}, from {selection.first_day}, played 17 years later"
    stores = len({basket.store_id for basket in part.baskets})
    yield "stores", f"{stores}, folded into {len(timeline.tills)} with a till each"
    yield "money", "US cents, posted as the programme's currency"
    yield "lines", f"{tally.read:,} read; {tally.free:,} free of charge"
    if tally.assumed_one:
        yield "", f"{tally.assumed_one:,} paid with quantity 0, posted as 1"
    if tally.void or tally.negative:
        yield "", f"left out: {tally.void:,} void, {tally.negative:,} negative"
    if part.empty_baskets:
        yield "", f"{part.empty_baskets:,} baskets had only such lines"


def sales_rows(outcome: Outcome) -> Iterator[Row]:
    """How the sales went."""
    tally = outcome.tally
    yield "recorded", f"{tally.recorded:,}"
    if tally.replayed:
        yield "recorded before", f"{tally.replayed:,}"
    yield "lines", f"{tally.lines:,}"
    yield "requests", f"{tally.requests:,}"
    yield "refused", counts(tally.refusals)
    if tally.refused_sales:
        yield "", ", ".join(tally.refused_sales)


def points_rows(outcome: Outcome) -> Iterator[Row]:
    """What the members own."""
    yield "points issued", f"{outcome.points_earned:,}"
    yield "points redeemed", f"{outcome.points_redeemed:,}"
    if not outcome.adds_up:
        tally = outcome.tally
        answered = f"{tally.points_earned:,} issued, {tally.points_redeemed:,} redeemed"
        yield "by these sales", answered
    yield "members per tier", counts(outcome.tiers)


def coupon_rows(timeline: Timeline, outcome: Outcome) -> Iterator[Row]:
    """How the campaigns went."""
    tally = outcome.tally
    yield "campaigns", f"{sum(len(day.offers) for day in timeline.days):,}"
    yield "issued", f"{tally.coupons_issued:,}"
    if tally.coupons_issued_before:
        yield "issued before", f"{tally.coupons_issued_before:,}"
    if tally.campaigns_over:
        yield "over", f"{tally.campaigns_over:,} campaigns ended before this replay"
    yield "redeemed", f"{tally.coupons_redeemed:,} for {tally.discount_minor / 100:,.2f}"
    yield "rejected", counts(tally.coupon_rejections)
    if tally.coupons_missing:
        yield "not in the wallet", f"{tally.coupons_missing:,}"
    for reason, number in timeline.left_out.items():
        yield "left out", f"{number:,}: {reason}"


def time_rows(outcome: Outcome) -> Iterator[Row]:
    """Where the time went; sales per second is of the posting alone."""
    wall = sum(outcome.seconds.values())
    phases = ", ".join(f"{name} {spent:.1f}" for name, spent in outcome.seconds.items())
    yield "wall time", f"{wall:.1f} s ({phases})"
    posting = outcome.seconds.get("sales", 0.0)
    if posting:
        yield "sales/s", f"{outcome.tally.sales / posting:,.0f}"


def proof_rows(outcome: Outcome) -> Iterator[Row]:
    """What the ledger says of itself (L2)."""
    verify = outcome.verify
    checked = f"{verify.get('accounts_checked', 0):,} accounts"
    postings = f"{verify.get('postings_checked', 0):,} postings"
    verdict = "[green]ok[/green]" if verify.get("ok") is True else "[red]DRIFT[/red]"
    yield "verify", f"{verdict}: {checked}, {postings}"
    if verify.get("drift"):
        yield "drift", str(verify["drift"])


def counts(numbers: Mapping[str, int]) -> str:
    """Numbers by name, the largest first; ``none`` for none."""
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {number:,}" for name, number in ordered) or "none"
