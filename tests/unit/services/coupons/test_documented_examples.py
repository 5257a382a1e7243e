"""The worked examples of docs/coupons.md do what they say (C7)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.coupons.domain import Candidate, Scope, Stacking, evaluate
from tests.unit.services.coupons.examples import basket, line, public

DOCUMENT = Path(__file__).parents[4] / "docs" / "coupons.md"
EXAMPLES = [
    json.loads(text)
    for text in re.findall(r"^```json example\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
]
_STACKING = ("exclusive", "joint_with")


def coupon(code: str, said: dict[str, Any]) -> Candidate:
    terms = {"value": None, **said}
    stacking = {name: terms.pop(name) for name in _STACKING if name in terms}
    category = terms.pop("category", "general")
    scope = {key: frozenset(values) for key, values in terms.pop("scope", {}).items()}
    joint = frozenset(stacking.pop("joint_with", ()))
    return public(
        code,
        stacking=Stacking(category, joint_with=joint, **stacking),
        scope=Scope(**scope),
        **terms,
    )


def test_document_has_its_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.rule("C7")
@pytest.mark.parametrize("example", EXAMPLES)
def test_example_of_the_document_holds(example: dict[str, Any]) -> None:
    bought = basket(*(line(**each) for each in example["lines"]))
    codes = [coupon(code, said) for code, said in example["coupons"].items()]
    found = evaluate(bought, codes, example.get("mode", "requested_order"))
    applied = {each.candidate.code: dict(each.by_line) for each in found.applied}
    if example.get("mode") != "best_for_member":
        assert list(applied) == list(example["applied"])
    assert applied == example["applied"]
    assert {each.code: each.reason for each in found.skipped} == example.get("skipped", {})
    assert {each.code: each.reason for each in found.rejected} == example.get("rejected", {})
