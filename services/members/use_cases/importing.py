"""Members come from another system, file by file, with what points they had (A9).

A slice is some hundred rows and one transaction. What keeps a row from being imported twice is its
key, a keyed hash of its phone: kept with the member, and looked for before. So a file that is sent
again, whole or in part, changes nothing, and a killed job goes on where its last slice ended.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.members import domain, imports, repository
from services.members.domain import FIELD_OF
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
_TOLD_AT_ONCE = 100
"""Members in an event: whoever hears it does not keep the rest of its process waiting for long."""
_FORGOTTEN_AT_ONCE = 5_000
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
    batch = _Batch(uow, vault, work.job_id, is_dry=work.request["dry_run"])
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


def forget_rehearsed(uow: UnitOfWork) -> int:
    """Delete some of what dry runs kept that are over; return how many rows."""
    return repository.forget_rehearsed(uow.connection, limit=_FORGOTTEN_AT_ONCE)


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
    job_id: UUID
    is_dry: bool
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    wrongs: list[Wrong] = field(default_factory=list)
    _seen: repository.Seen = field(default_factory=repository.Seen)
    """What rows of this slice said, and their identifiers."""

    def in_order(self) -> list[Wrong]:
        """Return what is wrong in the order of the rows."""
        return sorted(self.wrongs, key=lambda wrong: wrong.number)

    def refuse(self, wrongs: Sequence[Wrong]) -> None:
        """Report a row that cannot be a member."""
        self.wrongs += wrongs
        self.counts["rejected"] += 1

    def take(self, rows: Sequence[Row]) -> None:
        """Import what is new of some rows, in a few statements."""
        if not rows:
            return
        keyed = [_Keyed.of(row, self.vault) for row in rows]
        row_keys = [each.row_key for each in keyed]
        keys = [key for each in keyed for key in each.keys]
        before = repository.seen(
            self.uow.connection, row_keys, keys, rehearsal=self.job_id if self.is_dry else None
        )
        new: list[_Keyed] = []
        for each in keyed:
            said = before.said.get(each.row_key) or self._seen.said.get(each.row_key)
            if said == each.content:
                self.counts["unchanged"] += 1
            elif said is not None:
                self.refuse([_other(each.row)])
            elif taken := self._taken(each, before.used):
                self.refuse(taken)
            else:
                self._seen.said[each.row_key] = each.content
                self._seen.used.update(each.keys)
                new.append(each)
        self._add(new)

    def _taken(self, each: _Keyed, used: Set[repository.IdentifierKey]) -> list[Wrong]:
        return [
            Wrong(each.row.number, FieldError(FIELD_OF[own.kind], "taken", "Another member's."))
            for own, key in zip(each.row.identifiers, each.keys, strict=True)
            if key in used or key in self._seen.used
        ]

    def _add(self, new: Sequence[_Keyed]) -> None:
        self.counts["created"] += len(new)
        self.counts["points"] += sum(each.row.points for each in new)
        if self.is_dry:
            fresh = repository.Seen(
                {each.row_key: each.content for each in new},
                {key for each in new for key in each.keys},
            )
            repository.rehearse(self.uow.connection, self.job_id, fresh)
            return
        members, identifiers, imported = [], [], []
        for each in new:
            member_id = new_id()
            member, own = self._sealed(member_id, each)
            members.append(member)
            identifiers += own
            imported.append(
                {"row_key": each.row_key, "content": each.content, "member_id": member_id}
            )
        repository.add_members(
            self.uow.connection, members, identifiers, imported, now=self.uow.now
        )
        self._tell([(str(m["member_id"]), each.row) for m, each in zip(members, new, strict=True)])

    def _sealed(self, member_id: UUID, each: _Keyed) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        data_key, wrapped = self.vault.master.new_data_key()
        member = {
            "member_id": member_id,
            "data_key": wrapped,
            "profile": seal_profile(data_key, each.row.profile),
            "name_digest": common.name_digest(self.vault, each.row.profile),
        }
        identifiers = [
            {
                "kind": kind,
                "digest": digest,
                "member_id": member_id,
                "value": seal_identifier(data_key, own),
            }
            for own, (kind, _, digest) in zip(each.row.identifiers, each.keys, strict=True)
        ]
        return member, identifiers

    def _tell(self, came: Sequence[tuple[str, Row]]) -> None:
        """Tell that each has enrolled, and of some of them at a time what they brought."""
        alike = {
            "enrolled_at": self.uow.now,
            "channel": "import",
            "status": domain.ACTIVE,
            "home_store_id": None,
            "locale": None,
            "import_id": self.job_id,
        }
        own = [
            (member_id, {"member_id": member_id, "birth_month": _birth_month(row)})
            for member_id, row in came
        ]
        self.uow.emit_each(events.ENROLLED, alike, own)
        for start_at in range(0, len(came), _TOLD_AT_ONCE):
            some = [
                {
                    "member_id": member_id,
                    "enrolled_at": self.uow.now,
                    "birth_month": _birth_month(row),
                    "points": row.points,
                    "expires_on": row.expires_on,
                }
                for member_id, row in came[start_at : start_at + _TOLD_AT_ONCE]
            ]
            self.uow.emit(events.IMPORTED, subject=self.job_id, data={"members": some})


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A row with the keyed hashes of it, by which it is known again (M4)."""

    row: Row
    row_key: bytes
    content: bytes
    keys: tuple[repository.IdentifierKey, ...]

    @classmethod
    def of(cls, row: Row, vault: Vault) -> _Keyed:
        return cls(
            row,
            vault.lookup.digest("import.row", row.phone),
            vault.lookup.digest("import.content", row.content()),
            tuple((own.kind, own.system, vault.digest(own)) for own in row.identifiers),
        )


def _birth_month(row: Row) -> int | None:
    return domain.birth_month(row.profile.birthday)


def _other(row: Row) -> Wrong:
    message = "This phone was imported before, with other values."
    return Wrong(row.number, FieldError("phone", "imported_differently", message))
