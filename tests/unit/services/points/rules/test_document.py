"""The worked examples of docs/earning.md, executed number by number."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from services.points.domain.programme import LotTerms
from services.points.domain.returns import SoldLine
from services.points.domain.rules import is_kept, problems
from services.points.domain.sales import Tier
from services.points.repository.rules import rule_of
from tests.unit.services.points.rules.cases import BRONZE, NOON, basket, judge

DOCUMENT = Path(__file__).parents[5] / "docs" / "earning.md"
EXAMPLES: list[dict[str, Any]] = [
    json.loads(block)
    for block in re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
]


def test_document_has_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.rule("E1", "E2", "E3")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_example_of_the_document_comes_out_as_written(example: dict[str, Any]) -> None:
    tier = Tier(example["tier"][0], Fraction(example["tier"][1])) if "tier" in example else BRONZE
    rules = [rule_of(terms, f"r{place}", 1) for place, terms in enumerate(example["rules"])]
    assert [found for rule in rules for found in problems(rule, NOON, LotTerms())] == []
    lines = basket(**example["lines"])
    found = judge(lines, *rules, tier=tier)
    assert dict(zip(example["lines"], found.by_line, strict=True)) == example["points"]
    assert {e["rule"]: [e["exact"], e["rounded"]] for e in found.explain} == example["explain"]


@pytest.mark.rule("S2")
def test_bonus_of_the_document_is_kept_as_written() -> None:
    (example,) = (each for each in EXAMPLES if "kept_after" in each)
    (bonus,) = (each for each in example["rules"] if each["kind"] == "threshold_bonus")
    for refunds, kept in example["kept_after"]:
        lines = [
            SoldLine(name, 1, net, 0, net, refunded_minor=refunds.get(name, 0))
            for name, net in example["lines"].items()
        ]
        assert is_kept(bonus["threshold_minor"], list(example["lines"]), lines) is kept
