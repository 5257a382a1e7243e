from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from marshmallow import fields

from shared.contracts.base import WireSchema, load
from shared.contracts.fields import (
    MAX_AMOUNT,
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Minor,
    Points,
    StrictBoolean,
    Text,
)
from shared.errors import Invalid


class _Item(WireSchema):
    minor = Minor(required=True)


class _All(WireSchema):
    points = Points()
    minor = Minor()
    text = Text(max_length=5)
    at = Instant()
    on = LocalDate()
    id = Id()
    flag = StrictBoolean()
    key = ExternalKey()
    currency = Currency()
    kind = Choice("a", "b")
    items = fields.List(fields.Nested(_Item))


@pytest.mark.rule("A1")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points", "5"),
        ("points", 5.0),
        ("points", True),
        ("points", -1),
        ("points", MAX_AMOUNT + 1),
        ("points", 10**400),
        ("minor", None),
        ("text", 5),
        ("text", ""),
        ("text", "longer"),
        ("text", "a\x00b"),
        ("text", "\ud800"),
        ("at", "2026-01-01T00:00:00"),
        ("at", "2026-01-01"),
        ("at", "2026-02-30T00:00:00Z"),
        ("at", "9999-12-31T23:59:59-10:00"),
        ("at", 1767225600),
        ("on", "2026-02-29"),
        ("on", "2026-01-01T00:00:00Z"),
        ("id", "not-a-uuid"),
        ("id", "{00000000-0000-7000-8000-000000000000}"),
        ("flag", 1),
        ("flag", "true"),
        ("key", "has blank"),
        ("key", "../etc"),
        ("key", "line\n"),
        ("currency", "cny"),
        ("kind", "c"),
        ("unknown", 1),
        ("items", {}),
        ("items", [{"minor": 1, "more": 2}]),
    ],
)
def test_value_of_another_form_is_refused_by_field(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        load(_All, {name: value})
    assert refusal.value.errors[0].field.split(".")[0] == name


@pytest.mark.rule("A1")
def test_instants_are_utc_and_written_with_z() -> None:
    loaded = load(_All, {"at": "2026-01-01T08:00:00+08:00"})
    assert loaded["at"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert _All().dump(loaded) == {"at": "2026-01-01T00:00:00Z"}


@pytest.mark.rule("A2")
def test_every_wrong_field_is_named_by_its_path() -> None:
    with pytest.raises(Invalid) as refusal:
        load(_All, {"items": [{"minor": 1}, {}], "points": "x"})
    named = {(error.field, error.code) for error in refusal.value.errors}
    assert named == {("items.1.minor", "required"), ("points", "invalid")}
