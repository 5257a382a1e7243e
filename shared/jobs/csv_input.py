"""Reading an uploaded CSV slice by slice: UTF-8, comma, quotes as in RFC 4180."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from shared.contracts.jobs import CHUNK_BYTES
from shared.db.units import Snapshot
from shared.errors.jobs import InputRefused
from shared.jobs.files import input_bytes

MAX_LINE_BYTES = 64 * 1024
MAX_LINES_A_RECORD = 100
_BOM = b"\xef\xbb\xbf"


def records(
    snapshot: Snapshot, job_id: UUID, *, position: int, limit: int
) -> tuple[list[list[str]], int]:
    """Return up to ``limit`` records from byte ``position`` on, and where the next ones begin.

    No records means that the file is at its end. Blank lines are records without fields.

    Raises:
        InputRefused: this is no CSV in UTF-8, or has a line or record beyond all measure.
    """
    lines = _Lines(snapshot, job_id, position)
    found = list(islice(_parsed(lines), limit))
    return found, lines.position


def _parsed(lines: _Lines) -> Iterator[list[str]]:
    reader = csv.reader(lines, strict=True)
    try:
        for record in reader:
            lines.record_ended()
            yield record
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputRefused(f"The file is no CSV in UTF-8 near byte {lines.position}.") from error


class _Lines:
    """The lines of an input from a position on; ``position`` is where the next line begins."""

    def __init__(self, snapshot: Snapshot, job_id: UUID, position: int) -> None:
        self._snapshot, self._job_id = snapshot, job_id
        self._seq, self._skip = divmod(position, CHUNK_BYTES)
        self._rest, self._next = b"", 0
        self._at_end = False
        self._lines_in_record = 0
        self.position = position

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._next_line()
        self._lines_in_record += 1
        if self._lines_in_record > MAX_LINES_A_RECORD:
            raise csv.Error("a record without end")
        start, self.position = self.position, self.position + len(line)
        return (line.removeprefix(_BOM) if start == 0 else line).decode("utf-8")

    def record_ended(self) -> None:
        """Begin to count the lines of the next record."""
        self._lines_in_record = 0

    def _next_line(self) -> bytes:
        while (end := self._rest.find(b"\n", self._next)) < 0 and not self._at_end:
            if len(self._rest) - self._next > MAX_LINE_BYTES:
                raise csv.Error("a line without end")
            self._read_on()
        if self._next == len(self._rest):
            raise StopIteration
        start, self._next = self._next, len(self._rest) if end < 0 else end + 1
        return self._rest[start : self._next]

    def _read_on(self) -> None:
        chunk = input_bytes(self._snapshot, self._job_id, self._seq)
        if chunk is None:
            self._at_end = True
            return
        self._seq += 1
        self._rest = self._rest[self._next :] + chunk[self._skip :]
        self._next = self._skip = 0
