"""The worked example of rewards in docs/coupons.md does what it says (R1)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.coupons.harness import Body, Refused
from tests.integration.coupons.reward_desk import Desk

DOCUMENT = Path(__file__).parents[3] / "docs" / "coupons.md"


def example() -> Any:
    (found,) = re.findall(r"```json reward\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    return json.loads(found)


@pytest.mark.rule("R1")
def test_documented_orders_are_answered_as_documented(desk: Desk) -> None:
    told = example()
    reward_id = desk.reward(**told["reward"])
    members = {name: desk.coupons.member() for name in ("ana", "bo")}
    orders: dict[str, Body] = {}
    for act in told["acts"]:
        (verb,) = {"order", "cancel", "fulfil"} & set(act)
        who = act[verb]
        try:
            if verb == "order":
                answer = orders[who] = desk.order(reward_id, members[who], act["quantity"])
            else:
                answer = getattr(desk, verb)(orders[who])
            seen = {"answer": answer["status"], "points": answer["points"]}
        except Refused as refused:
            seen = {"answer": refused.code}
        documented = {name: act[name] for name in ("answer", "points", "left") if name in act}
        assert {**seen, "left": desk.left(reward_id)} == documented, act
