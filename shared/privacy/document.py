"""The file of an export: JSON, written from left to right and never held whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.privacy.pages import to_json
from shared.privacy.register import REGISTER

_FORMAT_VERSION = 1


class Document:
    """Writes the file piece by piece; ``state`` is JSON and continues where the last piece ended.

    ``{"export": {…}, "about": {service: {table: …}}, "data": {service: {table: [rows]}}}``
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``, empty at first."""
        self.service: str | None = state.get("service")
        self.table: str | None = state.get("table")
        self._has_rows: bool = state.get("has_rows", False)

    @property
    def state(self) -> dict[str, Any]:
        """Return what the next piece needs to know."""
        return {"service": self.service, "table": self.table, "has_rows": self._has_rows}

    def begin(self, head: Mapping[str, Any]) -> bytes:
        """Return the beginning; ``head`` says whose data this is."""
        about: dict[str, dict[str, str]] = {}
        for holding in REGISTER:
            if holding.unexported is None:
                about.setdefault(holding.service, {})[holding.table] = holding.what
        head = {**head, "format_version": _FORMAT_VERSION}
        return b'{"export": %b, "about": %b, "data": {' % (to_json(head), to_json(about))

    def add(self, service: str, table: str, rows: Sequence[Any]) -> bytes:
        """Return the piece with some rows of a table; a table's rows come one after the other."""
        piece = b""
        if service != self.service:
            piece += self._end_service() + b'%b"%b": {' % (self._comma(), service.encode())
            self.service, self.table = service, None
        if table != self.table:
            piece += self._end_table()
            piece += (b", " if self.table else b"") + b'"%b": [' % table.encode()
            self.table, self._has_rows = table, False
        if rows:
            listed = b",\n".join(to_json(row) for row in rows)
            piece += (b",\n" if self._has_rows else b"\n") + listed
            self._has_rows = True
        return piece

    def end(self) -> bytes:
        """Return the end."""
        return self._end_service() + b"}}\n"

    def _comma(self) -> bytes:
        return b",\n" if self.service else b"\n"

    def _end_table(self) -> bytes:
        return b"]" if self.table else b""

    def _end_service(self) -> bytes:
        return self._end_table() + (b"}" if self.service else b"")
