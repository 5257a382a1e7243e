"""Pictures of a code, for an app to show and a till to scan: QR or Code 128, as SVG or PNG."""

from __future__ import annotations

import io

import segno
from barcode import Code128
from barcode.writer import ImageWriter, SVGWriter

QR, CODE128 = "qr", "code128"
TYPES = (QR, CODE128)
SVG, PNG = "image/svg+xml", "image/png"
_MODULE_PX = 4
_DPI = 300
_PX = 25.4 / _DPI
_BARS = {"dpi": _DPI, "module_width": 3 * _PX, "quiet_zone": 30.25 * _PX, "write_text": False}
"""In mm. A module is three pixels, since uneven bars are hard to scan, and none begins so near the
border of a pixel that rounding moves it. Text would need fonts."""


def draw(code: str, code_type: str, media_type: str) -> bytes:
    """Return the picture of a code of printable ASCII characters.

    Args:
        code: What a scanner shall read.
        code_type: One of `TYPES`.
        media_type: `SVG` or `PNG`.
    """
    picture = io.BytesIO()
    if code_type == QR:
        kind = "svg" if media_type == SVG else "png"
        segno.make_qr(code, error="m").save(picture, kind=kind, scale=_MODULE_PX)
    else:
        writer = SVGWriter() if media_type == SVG else ImageWriter(format="PNG")
        Code128(code, writer=writer).write(picture, _BARS)
    return picture.getvalue()
