"""Rows of a file of members: what they say, and what is wrong with them (A9)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from marshmallow import ValidationError

from services.members import domain
from services.members.domain import Identifier, Profile
from shared import phones
from shared.contracts.base import instance_of, load
from shared.contracts.members.imports import IMPORT_COLUMNS, REPORT_COLUMNS, ImportRowSchema
from shared.errors import FieldError, Invalid
from shared.errors.jobs import InputRefused

_FIELDS = instance_of(ImportRowSchema).load_fields
_WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Row:
    """A row that could be a member; ``number`` counts from 1 below the header."""

    number: int
    identifiers: tuple[Identifier, ...]
    """The phone first."""
    profile: Profile
    points: int
    expires_on: date | None

    @property
    def phone(self) -> str:
        """Return what names the row, in E.164."""
        return self.identifiers[0].value

    def content(self) -> str:
        """Return all the row says, in one spelling."""
        said = [
            [[each.kind, each.value] for each in self.identifiers],
            [self.profile.name, str(self.profile.birthday)],
            [self.points, str(self.expires_on)],
        ]
        return json.dumps(said)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that keeps a row from being imported."""

    number: int
    error: FieldError


def columns(header: Sequence[str]) -> list[str]:
    """Return the columns that a header names.

    Raises:
        InputRefused: it names none, another one than there is, or one twice.
    """
    names = [name.strip().lower() for name in header]
    if "phone" not in names or len(set(names)) < len(names) or not set(names) <= {*IMPORT_COLUMNS}:
        raise InputRefused(
            f"The first line must name columns of these: {','.join(IMPORT_COLUMNS)}."
        )
    return names


def read(
    names: Sequence[str], record: Sequence[str], number: int, *, today: date
) -> Row | list[Wrong]:
    """Return what a record says, or all that is wrong with it."""
    if len(record) != len(names):
        wrong = FieldError("row", "wrong_number_of_cells", f"Needs {len(names)} cells.")
        return [Wrong(number, wrong)]
    cells: dict[str, Any] = {
        name: cell.strip() for name, cell in zip(names, record, strict=True) if cell.strip()
    }
    if _WHOLE_NUMBER.fullmatch(cells.get("points", "")):
        cells["points"] = int(cells["points"])
    try:
        said = _loaded(cells)
        return _row(said, number, today)
    except Invalid as refusal:
        return [Wrong(number, error) for error in refusal.errors]


def _loaded(cells: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what `ImportRowSchema` makes of a row's cells.

    Most rows are right, which their fields alone tell in half the time. Whatever is odd about one,
    the schema itself says.
    """
    try:
        said = {name: _FIELDS[name].deserialize(cell, name, cells) for name, cell in cells.items()}
    except ValidationError:
        return load(ImportRowSchema, cells)
    is_whole = "phone" in said and ("points_expire_on" not in said or said.get("points"))
    return said if is_whole else load(ImportRowSchema, cells)


def report(wrongs: Iterable[Wrong], *, header: bool) -> bytes:
    """Return lines of the report as CSV."""
    lines = [
        (each.number, each.error.field, each.error.code, each.error.message) for each in wrongs
    ]
    return lines_of([REPORT_COLUMNS, *lines] if header else lines)


def lines_of(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV in UTF-8; text that a spreadsheet takes for a formula is quoted."""
    out = io.StringIO()
    csv.writer(out).writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def _row(said: Mapping[str, Any], number: int, today: date) -> Row:
    identifiers = [Identifier(domain.PHONE, phones.normalise(said["phone"]))]
    if "email" in said:
        identifiers.append(Identifier(domain.EMAIL, domain.comparable_email(said["email"])))
    if "card_number" in said:
        identifiers.append(Identifier(domain.CARD, domain.comparable_card(said["card_number"])))
    domain.check_birthday(said.get("birthday"), today=today)
    expires_on = said.get("points_expire_on")
    if expires_on is not None and expires_on < today:
        wrong = FieldError("points_expire_on", "past", "These points have expired.")
        raise Invalid(errors=[wrong])
    profile = Profile(said.get("name"), said.get("birthday"))
    return Row(number, tuple(identifiers), profile, said.get("points", 0), expires_on)


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
