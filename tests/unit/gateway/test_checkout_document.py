"""``docs/checkout.md`` says what the sagas and the quote do."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gateway import checkout_flow, create_app, order_flow, quoting
from gateway.context import begin
from gateway.saga import Saga
from shared.settings import GatewaySettings, Secret
from tests.support.rules import MEMBER, Rules

DOCUMENT = (Path(__file__).parents[3] / "docs" / "checkout.md").read_text(encoding="utf-8")
EXAMPLES = [
    json.loads(text) for text in re.findall(r"^```json example\n(.*?)^```$", DOCUMENT, re.M | re.S)
]
_AMOUNTS = ("gross_minor", "discount_minor", "points_minor")


@pytest.mark.rule("H2")
@pytest.mark.parametrize(
    "saga",
    [order_flow.OPENING, order_flow.COMPLETION, checkout_flow.SALE],
    ids=lambda saga: saga.name,
)
def test_document_has_the_table_of_the_saga(saga: Saga[Any]) -> None:
    _, _, section = DOCUMENT.partition(f"### {saga.name}\n")
    table = [
        [cell.strip() for cell in row.strip("|").split(" | ")]
        for row in re.findall(r"^\| `.*$", section.partition("\n### ")[0], re.M)
    ]
    assert table == [
        [f"`{step.name}`", step.does, step.undone_by, step.repeated] for step in saga.steps
    ]


def test_document_has_its_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.rule("H1", "H3")
@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_the_document_holds(example: dict[str, Any]) -> None:
    rules = Rules()
    rules.percent = example["member_price"]
    rules.coupons = [(kind, value) for kind, value in example["coupons"]]
    rules.multiplier = Fraction(example["multiplier"])
    app = create_app(GatewaySettings(Secret(""), Secret("s"), rate_limits=False), rules)
    body = {
        "currency": "CNY",
        "lines": [
            {"line_id": str(place), "sku": "s", "kind": kind, "quantity": 1, "net_minor": net}
            for place, (kind, net) in enumerate(example["lines"])
        ],
        "codes": [str(place) for place in range(len(rules.coupons))],
        "points_to_redeem": example["points_to_redeem"],
    }
    with app.test_request_context():
        begin()
        quote = quoting.make(quoting.question(body, str(MEMBER), "web")).answer
    lines = [[line[name] for name in (*_AMOUNTS, "net_minor")] for line in quote["lines"]]
    totals = [quote["totals"][name] for name in (*_AMOUNTS, "payable_minor")]
    assert (lines, totals) == (example["quoted"], example["totals"])
    assert quote["points"]["earned"] == example["earned"]
