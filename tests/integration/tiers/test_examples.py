"""The examples of docs/tiers.md, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from shared.contracts.event import Envelope
from shared.ids import new_id
from tests.integration.tiers.harness import Tiers, cancelled, enrolled, returned, sold

TEXT = Path(__file__).parents[3].joinpath("docs", "tiers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```tier-example\n(.*?)```", TEXT, re.DOTALL)
LOCAL = ZoneInfo("Asia/Shanghai")


def instant(text: str) -> datetime:
    return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M").replace(tzinfo=LOCAL)


def minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


@dataclass
class Teller:
    """Does what a line of an example says."""

    tiers: Tiers
    member_id: UUID = field(default_factory=new_id)
    sales: dict[str, Envelope] = field(default_factory=dict)

    def tell(self, now: datetime, act: str) -> None:
        """Let time pass, then let something happen."""
        self.tiers.pass_time(now)
        if not self.sales:
            self.tiers.hear(enrolled(self.member_id, now))
        verb, _, rest = act.partition(" ")
        if verb == "sale":
            what, _, past = rest.partition(" of ")
            sale_id, amount = what.split()
            sale = sold(self.member_id, sale_id, minor(amount), instant(past) if past else now)
            self.sales[sale_id] = sale
            self.tiers.hear(sale)
        elif verb == "return":
            sale_id, amount = rest.split()
            self.tiers.hear(returned(self.sales[sale_id], "r-1", minor(amount), now))
        elif verb == "cancel":
            self.tiers.hear(cancelled(self.sales[rest], now))
        else:
            assert verb == "wait", act

    def shown(self, what: str) -> str:
        """Return what the tier's answer says about ``what``."""
        body = self.tiers.tier(self.member_id)
        values = {
            "have": body["progress"]["have"],
            "grace until": body["grace_until"],
            "review on": body["review_on"],
        }
        return str(values[what])


@pytest.mark.rule("T3")
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_of_the_document_holds(tiers: Tiers, example: str) -> None:
    teller = Teller(tiers)
    for line in example.strip().splitlines():
        when, act, tier, expected = (part.strip() for part in line.split("|"))
        teller.tell(instant(when), act)
        what, _, value = expected.rpartition(" ")
        found = (tiers.tier(teller.member_id)["tier"]["code"], teller.shown(what))
        assert found == (tier, value), line


def test_document_has_examples() -> None:
    assert len(EXAMPLES) >= 4
