"""Members come from another system, file by file, with what points they had (A9).

A slice is some hundred rows and one transaction. What keeps a row from being imported twice is its
key, a keyed hash of its phone: kept with the member, and looked for before. So a file that is sent
again, whole or in part, changes nothing, and a killed job goes on where its last slice ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.members import domain, imports, repository
from services.members.domain import FIELD_OF, Identifier
from services.members.imports import Row, Wrong
from services.members.use_cases import common
from services.members.vault import Vault, seal_identifier, seal_profile
from shared.contracts.members import events
from shared.contracts.members.imports import ImportCommandSchema
from shared.db import UnitOfWork
from shared.errors import FieldError
from shared.errors.jobs import InputRefused
from shared.ids import new_id
from shared.jobs import JobKind, JobState, Progress, finished, more, start
from shared.jobs.csv_input import records
from shared.jobs.files import append_output, input_size

IMPORT = JobKind(
    "members", "import_members", ImportCommandSchema, content_type="text/csv", reads_input=True
)
_SLICE = 1_000
_AT_ONCE = 200
"""Rows sealed between two statements: other calls of the process wait as long."""
_COUNTED = ("created", "unchanged", "rejected", "points")


def start_import(uow: UnitOfWork, *, dry_run: bool) -> dict[str, Any]:
    """Start an import, whose file is to come."""
    started = start(uow, IMPORT, {"dry_run": dry_run})
    uow.audit("members.import", ("job", started["job_id"]), after={"dry_run": dry_run})
    return started


def import_slice(uow: UnitOfWork, work: JobState, *, vault: Vault, time_zone: ZoneInfo) -> Progress:
    """Import the next rows of the file; ``done`` counts its bytes.

    Raises:
        InputRefused: this is no such file.
    """
    state = dict(work.state) or _begin(uow, work)
    found, position = records(uow, work.job_id, position=state["position"], limit=_SLICE)
    batch = _Batch(uow, vault, is_dry=work.request["dry_run"])
    today = common.today(uow, time_zone)
    for start_at in range(0, len(found), _AT_ONCE):
        rows: list[Row] = []
        for place in range(start_at, min(start_at + _AT_ONCE, len(found))):
            if not found[place]:  # a blank line
                continue
            number = state["row"] + place + 1
            said = imports.read(state["columns"], found[place], number, today=today)
            if isinstance(said, Row):
                rows.append(said)
            else:
                batch.refuse(said)
        batch.take(rows)
    for name in _COUNTED:
        state[name] += batch.counts[name]
    if batch.wrongs:
        append_output(uow, work.job_id, imports.report(batch.in_order(), header=False))
    state |= {"position": position, "row": state["row"] + len(found)}
    if found:
        return more(work, done=position, state=state, total=state["size"])
    result = {name: state[name] for name in _COUNTED} | {"dry_run": work.request["dry_run"]}
    return finished(work, done=position, result=result)


def _begin(uow: UnitOfWork, work: JobState) -> dict[str, Any]:
    """Read the header; begin the report."""
    found, position = records(uow, work.job_id, position=0, limit=1)
    if not found:
        raise InputRefused("The file is empty.")
    append_output(uow, work.job_id, imports.report((), header=True))
    state = {"columns": imports.columns(found[0]), "position": position, "row": 0}
    return {**state, **dict.fromkeys(_COUNTED, 0), "size": input_size(uow, work.job_id)}


@dataclass(slots=True)
class _Batch:
    """The rows of one slice: what becomes of each."""

    uow: UnitOfWork
    vault: Vault
    is_dry: bool
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    wrongs: list[Wrong] = field(default_factory=list)
    _said: dict[bytes, bytes] = field(default_factory=dict)
    """What rows of this slice said, by their keys."""
    _used: set[repository.IdentifierKey] = field(default_factory=set)
    """Identifiers of rows of this slice."""

    def in_order(self) -> list[Wrong]:
        """Return what is wrong in the order of the rows."""
        return sorted(self.wrongs, key=lambda wrong: wrong.number)

    def refuse(self, wrongs: Sequence[Wrong]) -> None:
        """Report a row that cannot be a member."""
        self.wrongs += wrongs
        self.counts["rejected"] += 1

    def take(self, rows: Sequence[Row]) -> None:
        """Import what is new of some rows, in three statements."""
        if not rows:
            return
        named = [(row, self._digest("import.row", row.phone)) for row in rows]
        keys = {row.number: self._keys(row) for row in rows}
        every = {key for row_keys in keys.values() for key in row_keys}
        owned = repository.owned(self.uow.connection, every)
        known = repository.imported(self.uow.connection, {row_key for _, row_key in named})
        new: list[tuple[Row, bytes, bytes]] = []
        for row, row_key in named:
            content = self._digest("import.content", row.content())
            before = known.get(row_key) or self._said.get(row_key)
            if before == content:
                self.counts["unchanged"] += 1
            elif before is not None:
                self.refuse([_other(row)])
            elif taken := self._taken(row, keys[row.number], owned):
                self.refuse(taken)
            else:
                self._said[row_key] = content
                self._used |= set(keys[row.number])
                new.append((row, row_key, content))
        self._add(new, keys)

    def _taken(
        self,
        row: Row,
        keys: Sequence[repository.IdentifierKey],
        owned: set[repository.IdentifierKey],
    ) -> list[Wrong]:
        return [
            Wrong(row.number, FieldError(FIELD_OF[each.kind], "taken", "Another member's."))
            for each, key in zip(row.identifiers, keys, strict=True)
            if key in owned or key in self._used
        ]

    def _add(
        self,
        new: Sequence[tuple[Row, bytes, bytes]],
        keys: Mapping[int, Sequence[repository.IdentifierKey]],
    ) -> None:
        self.counts["created"] += len(new)
        self.counts["points"] += sum(row.points for row, _, _ in new)
        if self.is_dry:
            return
        members, identifiers, imported = [], [], []
        for row, row_key, content in new:
            member_id = new_id()
            member, own = self._sealed(member_id, row, keys[row.number])
            members.append(member)
            identifiers += own
            imported.append({"row_key": row_key, "content": content, "member_id": member_id})
            self._tell(member_id, row)
        repository.add_members(
            self.uow.connection, members, identifiers, imported, now=self.uow.now
        )

    def _sealed(
        self, member_id: UUID, row: Row, keys: Sequence[repository.IdentifierKey]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        data_key, wrapped = self.vault.master.new_data_key()
        member = {
            "member_id": member_id,
            "data_key": wrapped,
            "profile": seal_profile(data_key, row.profile),
            "name_digest": common.name_digest(self.vault, row.profile),
        }
        identifiers = [
            {
                "kind": kind,
                "digest": digest,
                "member_id": member_id,
                "value": seal_identifier(data_key, each),
            }
            for each, (kind, _, digest) in zip(row.identifiers, keys, strict=True)
        ]
        return member, identifiers

    def _tell(self, member_id: UUID, row: Row) -> None:
        self.uow.emit(
            events.ENROLLED,
            subject=member_id,
            data={
                "member_id": member_id,
                "enrolled_at": self.uow.now,
                "channel": "import",
                "status": domain.ACTIVE,
                "home_store_id": None,
                "locale": None,
                "birth_month": domain.birth_month(row.profile.birthday),
            },
        )
        if row.points:
            balance = {"points": row.points, "expires_on": row.expires_on}
            data = {"member_id": member_id, **balance}
            self.uow.emit(events.IMPORTED, subject=member_id, data=data)

    def _keys(self, row: Row) -> list[repository.IdentifierKey]:
        return [(each.kind, each.system, self._key(each)) for each in row.identifiers]

    def _key(self, identifier: Identifier) -> bytes:
        return self.vault.digest(identifier)

    def _digest(self, purpose: str, value: str) -> bytes:
        return self.vault.lookup.digest(purpose, value)


def _other(row: Row) -> Wrong:
    message = "This phone was imported before, with other values."
    return Wrong(row.number, FieldError("phone", "imported_differently", message))
