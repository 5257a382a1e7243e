"""A monthly statement as PDF, in Chinese and English.

The font is one that readers of PDF bring along for Chinese, so that none has to be embedded.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfgen.canvas import Canvas

from gateway.statement_lots import points_by_last_day

FONT = "STSong-Light"
TYPES = {
    "earn": "获得 Earned",
    "activate": "生效 Now usable",
    "redeem": "使用 Redeemed",
    "hold": "冻结 Held",
    "release": "解冻 Released",
    "restore": "退回 Restored",
    "clawback": "扣回 Taken back",
    "expire": "过期 Lapsed",
    "adjust": "调整 Adjusted",
    "transfer_in": "转入 Received",
    "transfer_out": "转出 Sent",
    "debt_repay": "抵欠 Debt repaid",
    "forfeit": "作废 Forfeited",
}
_WIDTH, _HEIGHT = A4
_MARGIN, _BOTTOM, _LINE = 18 * mm, 20 * mm, 6 * mm
_LOTS_LISTED = 5
"""More do not fit on a line."""
_LOTS_LINE = 4.5 * mm
"""Nearer to its entry than the next one is."""
_DATE, _TYPE, _POINTS, _BALANCE, _REFERENCE = (
    _MARGIN, _MARGIN + 32 * mm, _MARGIN + 84 * mm, _MARGIN + 106 * mm, _MARGIN + 112 * mm,
)  # fmt: skip
_SMALL, _PLAIN, _LARGE = 8, 9, 15
registerFont(UnicodeCIDFont(FONT))


def render(pages: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the document for the pages of one statement."""
    out = io.BytesIO()
    sheet: _Sheet | None = None
    last: Mapping[str, Any] = {}
    for last in pages:
        sheet = sheet or _begin(out, last)
        zone = ZoneInfo(last["time_zone"])
        for item in last["items"]:
            _write_entry(sheet, item, zone)
    if sheet is not None:
        _end(sheet, last)
    return out.getvalue()


@dataclass
class _Sheet:
    """The page being written, from top to bottom; a new one begins by itself."""

    canvas: Canvas
    title: str
    number: int = 0
    y: float = field(default=0.0)

    def turn(self) -> None:
        """Begin a page."""
        if self.number:
            self.canvas.showPage()
        self.number += 1
        self.y = _HEIGHT - _MARGIN
        self.canvas.setFont(FONT, _SMALL)
        self.canvas.drawRightString(_WIDTH - _MARGIN, _BOTTOM / 2, str(self.number))
        self.canvas.drawString(_MARGIN, _BOTTOM / 2, self.title)
        self.canvas.setFont(FONT, _PLAIN)

    def line(self, *, height: float = _LINE, below: float = 0) -> float:
        """Return where the next line stands, with room ``below`` it on the same page."""
        if self.y - height - below < _BOTTOM:
            self.turn()
            _write_columns(self)
        self.y -= height
        return self.y


def _begin(out: io.BytesIO, head: Mapping[str, Any]) -> _Sheet:
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle(f"Points statement {head['month']}")
    sheet = _Sheet(canvas, f"{head['month']}  {head['member_id']}")
    sheet.turn()
    canvas.setFont(FONT, _LARGE)
    canvas.drawString(_MARGIN, sheet.line(), f"积分对账单 Points statement {head['month']}")
    canvas.setFont(FONT, _PLAIN)
    canvas.drawString(_MARGIN, sheet.line(), f"会员 Member: {head['member_id']}")
    zone = ZoneInfo(head["time_zone"])
    printed = datetime.fromisoformat(head["as_of"]).astimezone(zone)
    text = f"截至 As of: {printed:%Y-%m-%d %H:%M} ({head['time_zone']})"
    canvas.drawString(_MARGIN, sheet.line(), text)
    _write_sum(sheet, "期初余额 Opening balance", head["opening_balance"])
    _write_columns(sheet)
    return sheet


def _write_columns(sheet: _Sheet) -> None:
    y = sheet.line()
    sheet.canvas.drawString(_DATE, y, "日期 Date")
    sheet.canvas.drawString(_TYPE, y, "类型 Type")
    sheet.canvas.drawRightString(_POINTS, y, "积分 Points")
    sheet.canvas.drawRightString(_BALANCE, y, "余额 Balance")
    sheet.canvas.drawString(_REFERENCE, y, "来源 Reference")
    sheet.canvas.line(_MARGIN, y - 2 * mm, _WIDTH - _MARGIN, y - 2 * mm)


def _write_entry(sheet: _Sheet, item: Mapping[str, Any], zone: ZoneInfo) -> None:
    lots = points_by_last_day(item, zone)
    y, canvas = sheet.line(below=_LOTS_LINE if lots else 0), sheet.canvas
    posted = datetime.fromisoformat(item["posted_at"]).astimezone(zone)
    canvas.drawString(_DATE, y, f"{posted:%Y-%m-%d %H:%M}")
    canvas.drawString(_TYPE, y, TYPES.get(item["type"], item["type"]))
    canvas.drawRightString(_POINTS, y, f"{item['points']:+,}" if item["points"] else "0")
    canvas.drawRightString(_BALANCE, y, f"{item['balance_after']:,}")
    reference = f"{item['reference']['kind']} {item['reference']['id']}"
    if item["reason_code"]:
        reference = f"{reference} ({item['reason_code']})"
    canvas.drawString(_REFERENCE, y, _fitted(reference, _WIDTH - _MARGIN - _REFERENCE))
    if lots:
        listed = ", ".join(f"{points:+,} ({day})" for day, points in lots[:_LOTS_LISTED])
        more = ", ..." if len(lots) > _LOTS_LISTED else ""
        text = _fitted(f"有效期至 Until: {listed}{more}", _WIDTH - _MARGIN - _TYPE)
        canvas.drawString(_TYPE, sheet.line(height=_LOTS_LINE), text)


def _fitted(text: str, width: float) -> str:
    if stringWidth(text, FONT, _PLAIN) <= width:
        return text
    while text and stringWidth(f"{text}...", FONT, _PLAIN) > width:
        text = text[:-1]
    return f"{text}..."


def _write_sum(sheet: _Sheet, name: str, points: int) -> None:
    y = sheet.line(height=_LINE * 1.5)
    sheet.canvas.drawString(_MARGIN, y, name)
    sheet.canvas.drawRightString(_BALANCE, y, f"{points:,}")


def _end(sheet: _Sheet, last: Mapping[str, Any]) -> None:
    _write_sum(sheet, "期末余额 Closing balance", last["closing_balance"])
    if last["lapses_next"]:
        sheet.canvas.drawString(_MARGIN, sheet.line(height=_LINE * 1.5), "即将过期 Lapses next")
    for part in last["lapses_next"]:
        y = sheet.line()
        text = f"{part['expires_on']} 止 last day ({part['days_left']} 天 days)"
        sheet.canvas.drawString(_TYPE, y, text)
        sheet.canvas.drawRightString(_BALANCE, y, f"{part['points']:,}")
    sheet.canvas.showPage()
    sheet.canvas.save()
