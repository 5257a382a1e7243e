"""Tests cite rules of the product that exist."""

from __future__ import annotations

import re
from itertools import chain

from scripts.rules import RULES, read_rules
from tests.architecture.repository import relative, repository_files

EXPECTED = list(
    chain.from_iterable(
        (f"{letter}{number}" for number in range(1, count + 1))
        for letter, count in {
            "A": 10,
            "L": 12,
            "E": 5,
            "S": 6,
            "C": 10,
            "R": 1,
            "H": 3,
            "T": 8,
            "M": 7,
            "I": 4,
        }.items()
    )
)


def test_rules_file_lists_every_rule_once_in_order() -> None:
    text = RULES.read_text(encoding="utf-8")
    assert re.findall(r"^- \*\*(\w+)\*\*", text, re.MULTILINE) == EXPECTED
    assert list(read_rules(text)) == EXPECTED


def test_markers_cite_rules_that_exist() -> None:
    unknown = [
        f"{relative(path)}: {rule}"
        for path in repository_files(".py")
        for call in re.findall(r"mark\.rule\(([^)]*)\)", path.read_text(encoding="utf-8"))
        for rule in re.findall(r"[\"']([^\"']+)[\"']", call)
        if rule not in EXPECTED
    ]
    assert unknown == []
