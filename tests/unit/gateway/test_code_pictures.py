"""Pictures of codes say what they shall say."""

from __future__ import annotations

import io
from itertools import groupby
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from reportlab.graphics.barcode import code128 as table

from gateway.code_pictures import CODE128, PNG, QR, SVG, TYPES, draw

CODE = "K7PX-3FQN-W9TA"
_START_B, _TO_C, _TO_B = 104, 99, 100


def runs(png: bytes) -> list[int]:
    """Return how wide bars and spaces are, from the first bar to the last, in modules."""
    image = Image.open(io.BytesIO(png)).convert("L")
    row = [image.getpixel((x, image.height // 2)) < 128 for x in range(image.width)]  # type: ignore[operator]
    found = [(is_bar, len(list(pixels))) for is_bar, pixels in groupby(row)]
    widths = [width for _, width in found[1:-1]]  # without the quiet zones
    module = min(widths)
    return [round(width / module) for width in widths]


def read(widths: list[int]) -> str:
    """Read a Code 128 by the table of another library, check symbol included."""
    by_widths = {
        tuple("abcd".index(each.lower()) + 1 for each in pattern): value
        for value, pattern in table._patterns.items()
    }
    symbols = [by_widths[tuple(widths[at : at + 6])] for at in range(0, len(widths) - 7, 6)]
    *values, check = symbols
    assert check == (values[0] + sum(n * v for n, v in enumerate(values[1:], 1))) % 103
    text, pairs = "", values[0] == _START_B + 1
    for value in values[1:]:
        if value == (_TO_B if pairs else _TO_C):
            pairs = not pairs
        else:
            text += f"{value:02}" if pairs else chr(value + 32)
    return text


@pytest.mark.parametrize("code", [CODE, "VIP 2026-0001", "20260001", "vip-a1b2c3d4"])
def test_bars_can_be_read_as_the_code(code: str) -> None:
    assert read(runs(draw(code, CODE128, PNG))) == code


@pytest.mark.parametrize("code_type", TYPES)
def test_pictures_are_what_they_are_named(code_type: str) -> None:
    assert ET.fromstring(draw(CODE, code_type, SVG)).tag.endswith("svg")  # noqa: S314 - our own
    assert draw(CODE, code_type, PNG).startswith(b"\x89PNG")


def test_qr_code_is_square_and_another_code_is_another_picture() -> None:
    image = Image.open(io.BytesIO(draw(CODE, QR, PNG)))
    assert image.width == image.height
    assert draw(CODE, QR, PNG) != draw(CODE[:-1] + "C", QR, PNG)
