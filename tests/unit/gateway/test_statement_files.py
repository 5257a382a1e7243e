from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from gateway import statement_csv, statement_pdf
from shared.contracts.points.schemas import TRANSACTION_TYPES

LOTS = [
    {"lot_id": "a", "points": -3, "expires_at": "2027-03-31T16:00:00Z"},
    {"lot_id": "b", "points": -4, "expires_at": "2027-03-31T15:59:59Z"},
    {"lot_id": "c", "points": -1, "expires_at": "2027-04-30T16:00:00Z"},
    {"lot_id": "d", "points": 3, "expires_at": None},
]


def page(*references: str, **fields: Any) -> dict[str, Any]:
    items = [
        {
            "id": "0192f3a0-0000-7000-8000-000000000001",
            "type": "clawback",
            "points": -5,
            "balance_after": 10,
            "posted_at": "2026-03-31T16:00:00Z",
            "reason_code": "customer_return",
            "reference": {"kind": "return", "id": reference},
            "lots": LOTS,
        }
        for reference in references
    ]
    return {
        "member_id": "0192f3a0-0000-7000-8000-000000000009",
        "month": "2026-04",
        "time_zone": "Asia/Shanghai",
        "opening_balance": 15,
        "closing_balance": 10,
        "lapses_next": [],
        "as_of": "2026-04-30T12:00:00Z",
        "items": items,
    } | fields


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"])
def test_text_is_never_a_formula(text: str) -> None:
    written = "".join(statement_csv.pieces([page(text)]))
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert rows[1]["reference_id"] == f"'{text}"
    assert rows[1]["points"] == "-5"


def test_text_with_commas_and_quotes_comes_back_as_it_was() -> None:
    text = 'a,"b" 茶'
    rows = list(csv.DictReader(io.StringIO("".join(statement_csv.pieces([page(text)])))))
    assert rows[1]["reference_id"] == text
    assert (rows[1]["date"], rows[1]["time"]) == ("2026-04-01", "00:00:00")


@pytest.mark.rule("L3", "L4")
def test_entry_says_until_when_its_points_can_be_used() -> None:
    rows = list(csv.DictReader(io.StringIO("".join(statement_csv.pieces([page("s1")])))))
    assert [row["lots"] for row in rows] == ["", "2027-03-31: -7; 2027-04-30: -1; no end: +3", ""]


def test_document_has_a_line_more_for_lots() -> None:
    def size(lots: list[dict[str, Any]]) -> int:
        item = {**page("s1")["items"][0], "lots": lots}
        return len(statement_pdf.render([page(items=[item])]))

    assert size(LOTS) > size([])


def test_long_month_takes_several_sheets_and_long_text_is_cut() -> None:
    pages = [page(*["x" * 300] * 60), page(*["茶" * 300] * 40)]
    document = statement_pdf.render(pages)
    assert len(re.findall(rb"/Type /Page\b", document)) == 5


def test_every_type_of_entry_has_a_name() -> None:
    assert set(statement_pdf.TYPES) == set(TRANSACTION_TYPES)
