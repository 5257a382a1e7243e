"""The worked numbers of ``docs/merging.md`` are what the platform does (M3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.clock import rfc3339
from tests.support.platform import Person, Platform

DOCUMENT = Path(__file__).parents[3] / "docs" / "merging.md"
HEAD = "| step |"
PHONES = {"survivor": "+8613800138000", "source": "+8613800138001"}


def _stories() -> dict[str, list[list[str]]]:
    found = {}
    text = DOCUMENT.read_text(encoding="utf-8")
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        rows = section.partition(HEAD)[2].split("\n\n")[0].splitlines()[2:]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        found[section.splitlines()[0]] = cells
    return found


STORIES = _stories()


class Teller:
    """Does what a step says."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.till: Person = platform.terminal()
        self.manager: Person = platform.staff("manager")
        self.members = {
            name: self.till.post("/v1/members", {"phone": phone, "channel": "store"})["member_id"]
            for name, phone in PHONES.items()
        }
        self.holds: dict[str, str] = {}
        platform.settle()

    def do(self, step: str) -> None:
        """Do one step, and let everybody hear of it."""
        for pattern, act in _STEPS.items():
            said = re.fullmatch(pattern, step)
            if said:
                act(self, *said.groups())
                self.platform.settle()
                return
        raise AssertionError(f"no such step: {step}")

    def sell(self, sale_id: str, price: str, name: str, **more: Any) -> None:
        """Sell two pieces of something."""
        line = {"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": round(float(price) * 100)}
        sale = {
            "sale_id": sale_id,
            "occurred_at": rfc3339(self.platform.now()),
            "currency": "CNY",
            "member": {"type": "phone", "value": PHONES[name]},
            "lines": [{**line, **more.pop("line", {})}],
        }
        self.till.post("/v1/sales", {**sale, **more})

    def spend(self, points: str, name: str) -> None:
        """Pay half of something with points; it earns none."""
        price, gift = f"{2 * int(points) / 100:.2f}", {"kind": "gift_card"}
        sale_id = f"x-{uuid4().hex[:8]}"
        self.sell(sale_id, price, name, line=gift, points_to_redeem=int(points))

    def hold(self, points: str, name: str, order_id: str) -> None:
        """Set points aside."""
        body = {"member_id": self.members[name], "points": int(points), "order_id": order_id}
        self.holds[order_id] = self.till.post("/v1/points/holds", body)["hold_id"]

    def capture(self, order_id: str) -> None:
        """Spend what is set aside."""
        self.till.post(f"/v1/points/holds/{self.holds[order_id]}/capture", status=200)

    def return_half(self, sale_id: str) -> None:
        """Return one of the two pieces."""
        sold = self.till.get(f"/v1/sales/{sale_id}")["lines"][0]["net_minor"]
        body = {
            "return_id": f"r-{sale_id}",
            "occurred_at": rfc3339(self.platform.now()),
            "lines": [{"line_id": "1", "quantity": 1, "net_minor": sold // 2}],
            "reason_code": "customer_return",
        }
        self.till.post(f"/v1/sales/{sale_id}/returns", body)

    def merge(self) -> None:
        """Make one member of two."""
        body = {"source_member_id": self.members["source"], "reason": "One person."}
        self.manager.post(f"/v1/members/{self.members['survivor']}/merge", body, status=200)

    def unmerge(self) -> None:
        """Make two of one."""
        body = {"source_member_id": self.members["source"]}
        self.manager.post(f"/v1/members/{self.members['survivor']}/unmerge", body, status=200)

    def shown(self) -> list[str]:
        """Return what the document shows after each step."""
        points, tiers = {}, {}
        for name, member_id in self.members.items():
            points[name] = self.manager.get(f"/v1/members/{member_id}/points")["balances"]
            tiers[name] = self.manager.get(f"/v1/members/{member_id}/tier")["tier"]["code"]
        figures = [str(points["survivor"][each]) for each in ("available", "held", "debt")]
        return [*figures, tiers["survivor"], str(points["source"]["available"]), tiers["source"]]


_STEPS: dict[str, Callable[..., None]] = {
    r"sell (\w+) ([\d.]+) to the (\w+)": Teller.sell,
    r"spend (\d+) of the (\w+)": Teller.spend,
    r"hold (\d+) of the (\w+) for (\w+)": Teller.hold,
    r"capture (\w+)": Teller.capture,
    r"return half of (\w+)": Teller.return_half,
    r"merge": Teller.merge,
    r"unmerge": Teller.unmerge,
}


@pytest.mark.rule("M3")
@pytest.mark.parametrize("story", STORIES)
def test_platform_does_what_the_document_tells(story: str, platform: Platform) -> None:
    teller = Teller(platform)
    for step, *expected in STORIES[story]:
        teller.do(step.strip("`"))
        assert teller.shown() == expected, step
    assert platform.staff("auditor").post("/v1/points/verify", status=200)["ok"]
