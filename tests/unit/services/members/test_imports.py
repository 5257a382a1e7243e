from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.members import imports
from shared.contracts.base import load
from shared.contracts.members.imports import IMPORT_COLUMNS, ImportRowSchema
from shared.errors import Invalid

CELLS = {
    "phone": ["", "13800138000", "+8613800138000", "1", "x" * 300],
    "name": ["", "Li Lei", "n" * 300, "\ud800", "a\x00b"],
    "email": ["", "li@example.com", "no-mail"],
    "birthday": ["", "1990-05-17", "1990-13-01", "17.05.1990"],
    "card_number": ["", "CARD-0001", "?"],
    "points": ["", "0", "5", "-5", "1.5", "9" * 12],
    "points_expire_on": ["", "2030-12-31", "soon"],
}
rows = st.tuples(*(st.sampled_from(CELLS[name]) for name in IMPORT_COLUMNS))


def as_the_schema_says(record: tuple[str, ...]) -> object:
    """Return what the schema makes of a row, or what it finds wrong with it."""
    cells: dict[str, Any] = dict(zip(IMPORT_COLUMNS, record, strict=True))
    cells = {name: cell for name, cell in cells.items() if cell}
    if cells.get("points", "").isdigit():
        cells["points"] = int(cells["points"])
    try:
        said = load(ImportRowSchema, cells)
    except Invalid as refusal:
        return sorted((error.field, error.code, error.message) for error in refusal.errors)
    profile = (said.get("name"), said.get("birthday"))
    return (profile, said.get("points", 0), said.get("points_expire_on"))


@settings(max_examples=150, deadline=None)
@given(rows)
def test_row_is_read_as_its_schema_says(record: tuple[str, ...]) -> None:
    read = imports.read(IMPORT_COLUMNS, record, 1, today=date(2026, 1, 5))
    if isinstance(read, imports.Row):
        found: object = ((read.profile.name, read.profile.birthday), read.points, read.expires_on)
    else:
        found = sorted((wrong.error.field, wrong.error.code, wrong.error.message) for wrong in read)
    expected = as_the_schema_says(record)
    if isinstance(expected, tuple) and record[0] == "1":
        expected = [("phone", "invalid_phone", "Not a phone number.")]  # what no schema knows
    assert found == expected
