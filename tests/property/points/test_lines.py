"""The short cut for lines of a sale reads what the schema reads, and nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from shared.contracts.base import WireSchema
from shared.contracts.points.sales import LINE_KINDS, Lines, SaleLineSchema, SoldLineSchema

WILD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.just("x" * 201),
    st.sampled_from(["\x00", "\ud800", "茶", "é", "a\n", " ", "-a", "1.0", 10**12, 10**12 + 1]),
    st.lists(st.none(), max_size=1),
)
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "line_id": st.sampled_from(["1", "a.b~c", "x" * 100]),
    "sku": st.sampled_from(["tea", "龙井茶", "x" * 200]),
    "category": st.sampled_from([None, "tea"]),
    "brand": st.sampled_from([None, "Longjing"]),
    "kind": st.sampled_from(LINE_KINDS),
    "quantity": st.sampled_from([1, 10**6]),
    "net_minor": st.sampled_from([0, 10**12]),
    "discount_minor": st.sampled_from([0, 5]),
}


@st.composite
def almost_lines(draw: st.DrawFn) -> Any:
    """Return a line with perhaps a field too few, a field too many or a wrong value."""
    line = {name: draw(value) for name, value in GOOD.items()}
    for name in draw(st.sets(st.sampled_from([*GOOD, "more"]), max_size=2)):
        if draw(st.booleans()):
            line[name] = draw(WILD)
        else:
            line.pop(name, None)
    return draw(st.sampled_from([line, line, line, [line], None]))


def loaded(kind: type[fields.List[Any]], line: type[WireSchema], value: Any) -> Any:
    schema = type("S", (WireSchema,), {"lines": kind(fields.Nested(line))})
    try:
        return schema().load({"lines": value})
    except ValidationError as error:
        return error.messages


@settings(max_examples=1_000, deadline=None)
@given(lines=st.one_of(st.lists(almost_lines(), max_size=3), WILD), discounted=st.booleans())
@example(
    lines=[{"line_id": "1", "sku": "a", "quantity": 1, "net_minor": 1, "brand": []}],
    discounted=False,
)
@example(lines=[{"line_id": "1\n", "sku": "a", "quantity": 1, "net_minor": 1}], discounted=False)
@example(lines=[{"line_id": "1", "sku": "a", "quantity": 1, "net_minor": 1}], discounted=True)
@example(lines=[{"line_id": "1", "sku": "a", "quantity": True, "net_minor": 1}], discounted=True)
def test_short_cut_reads_lines_as_the_schema_does(lines: Any, discounted: bool) -> None:
    line = SoldLineSchema if discounted else SaleLineSchema
    assert loaded(Lines, line, lines) == loaded(fields.List, line, lines)


def test_good_lines_take_the_short_cut() -> None:
    class Unread(SaleLineSchema):
        def load(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("the schema was asked")

    line = {"line_id": "1", "sku": "龙井茶", "quantity": 1, "net_minor": 100}
    assert loaded(Lines, Unread, [line])["lines"][0]["kind"] == "product"
