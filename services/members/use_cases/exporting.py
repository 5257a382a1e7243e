"""Handing out all that is kept of a member, by every service (M6).

The job asks the others by an event and rests until each has sent its parts; then it writes them,
and what members keeps, into one file for whoever asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members import repository, tables
from services.members.use_cases import common
from services.members.vault import (
    Vault,
    open_household_name,
    open_identifier,
    open_profile,
    open_reason,
)
from shared.contracts.event import Envelope
from shared.contracts.members.accounts import PrivacyJobSchema
from shared.contracts.privacy import EXPORT_PARTS, EXPORT_REQUESTED, HOLDERS
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.jobs import JobKind, JobState, Progress, files, finished, more, start, waiting, wake
from shared.privacy import pages, sealing
from shared.privacy.document import Document
from shared.privacy.exporting import context_of

EXPORT = JobKind(
    "members", "export_member", PrivacyJobSchema, content_type="application/json"
)  # fmt: skip
KEPT = timedelta(days=7)
"""How long the file can be downloaded."""
_SERVICES = ("members", *HOLDERS)
_PARTS_A_SLICE = 20
_SEAL = b"exports.private_key"


def start_export(uow: UnitOfWork, *, vault: Vault, member_id: UUID) -> Mapping[str, Any]:
    """Begin to collect all that is kept of a member, for the member or for staff.

    Raises:
        NotFound: no such member.
        TooManyJobs: the caller has too many under way.
    """
    common.locked(uow, member_id)
    persons = [member_id, *repository.merged_into(uow.connection, member_id)]
    private, public = sealing.new_key_pair()
    begun = start(uow, EXPORT, {"member_id": member_id}, total=len(_SERVICES))
    job_id = begun["job_id"]
    row = {
        "job_id": job_id,
        "member_id": member_id,
        "private_key": vault.master.seal(private, context=_SEAL),
        "requested_at": uow.now,
    }
    repository.add_export(uow.connection, row)
    common.note(uow, member_id, "member.export", after={"job_id": str(job_id)})
    asked = {"export_id": job_id, "member_id": member_id, "member_ids": persons}
    uow.emit(EXPORT_REQUESTED, subject=member_id, data={**asked, "public_key": public})
    return begun


def take_part(uow: UnitOfWork, event: Envelope) -> None:
    """Keep what a service sent, unless the export is over."""
    sent = event.read(EXPORT_PARTS[event.producer])
    row = {
        "job_id": sent["export_id"],
        "service": event.producer,
        "seq": sent["seq"],
        "holding": sent["table"],
        "is_last": sent["is_last"],
        "sealed": sent["sealed"],
    }
    if repository.add_part(uow.connection, row) and sent["is_last"]:
        wake(uow, sent["export_id"])


def export_slice(uow: UnitOfWork, work: JobState, *, vault: Vault) -> Progress:
    """Wait for the others, then write the file a piece at a time.

    Raises:
        NotFound: the member was erased meanwhile, and the export with it.
    """
    export = repository.lock_export(uow.connection, work.job_id)
    if export is None:
        raise NotFound
    sent = repository.whole_parts(uow.connection, work.job_id)
    missing = [service for service in HOLDERS if service not in sent]
    if missing:
        return waiting(work, done=len(sent), state={}, waiting_for=missing)
    return _Writer(uow, work, vault, export, sent).write()


def forget_exports(uow: UnitOfWork) -> int:
    """Delete some exports whose file was kept long enough."""
    before = sa.func.now() - KEPT
    return repository.drop_old_export_jobs(uow.connection, EXPORT.name, before)


class _Writer:
    """One slice of writing; ``place`` and ``position`` say where it goes on."""

    def __init__(
        self,
        uow: UnitOfWork,
        work: JobState,
        vault: Vault,
        export: sa.Row[Any],
        sent: Mapping[str, int],
    ) -> None:
        self.uow, self.work, self.vault = uow, work, vault
        self.export, self.sent = export, sent
        self.document = Document(work.state.get("document", {}))
        self.place: int = work.state.get("place", 0)
        self.position: Any = work.state.get("position")

    def write(self) -> Progress:
        """Append the next piece to the file."""
        piece = b"" if "document" in self.work.state else self._head()
        if self.place < len(_SERVICES):
            piece += self._own() if self.place == 0 else self._others(_SERVICES[self.place])
        is_end = self.place == len(_SERVICES)
        if is_end:
            piece += self.document.end()
        files.append_output(self.uow, self.work.job_id, piece)
        if is_end:
            repository.drop_export(self.uow.connection, self.work.job_id)
            return finished(self.work, done=len(_SERVICES))
        state = {
            "document": self.document.state,
            "place": self.place,
            "position": self.position,
        }
        return more(self.work, done=len(HOLDERS), state=state)

    def _head(self) -> bytes:
        export = self.export
        return self.document.begin(
            {
                "export_id": export.job_id,
                "member_id": export.member_id,
                "requested_at": export.requested_at,
            }
        )

    def _own(self) -> bytes:
        member_id = self.export.member_id
        persons = [member_id, *repository.merged_into(self.uow.connection, member_id)]
        page = pages.read(
            self.uow.connection,
            tables.METADATA,
            "members",
            member_ids=persons,
            position=self.position or pages.start_of("members") or {},
            opener=_opener(self.uow, self.vault, persons),
        )
        self._go_on(page.position)
        return self.document.add("members", page.table, page.rows)

    def _others(self, service: str) -> bytes:
        key = self.vault.master.open(bytes(self.export.private_key), context=_SEAL)
        first: int = self.position or 0
        end = min(first + _PARTS_A_SLICE, self.sent[service])
        piece = b""
        for seq in range(first, end):
            part = repository.part(self.uow.connection, self.export.job_id, service, seq)
            context = context_of(self.export.job_id, service, seq, part.holding)
            rows = json.loads(sealing.unseal(key, part.sealed, context=context))
            piece += self.document.add(service, part.holding, rows)
        self._go_on(end if end < self.sent[service] else None)
        return piece

    def _go_on(self, position: Any) -> None:
        self.position = position
        if position is None:
            self.place += 1


def _opener(uow: UnitOfWork, vault: Vault, member_ids: Sequence[UUID]) -> pages.Opener:
    """Return what opens members' values, each by the member's own key."""
    wrapped = repository.data_keys(uow.connection, member_ids)
    keys = {member_id: vault.master.unwrap(key) for member_id, key in wrapped.items()}

    def open_value(table: str, column: str, row: Mapping[str, Any]) -> Any:
        sealed = bytes(row[column])
        if table == "merges":
            return open_reason(keys[row["survivor_member_id"]], sealed)
        if table == "households":
            return open_household_name(vault.master, row["household_id"], sealed)
        key = keys[row["member_id"]]
        if table == "members":
            profile = open_profile(key, sealed)
            return asdict(profile)
        if (table, column) == ("identifiers", "value"):
            return open_identifier(key, row["kind"], sealed)
        return open_reason(key, sealed)

    return open_value
