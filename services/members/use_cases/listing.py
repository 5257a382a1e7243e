"""A list of all members as CSV (A9): masked, or as it is for a stated purpose (M7)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.members import imports, queries
from services.members.vault import Vault
from shared.contracts.members.imports import ExportSchema
from shared.db import UnitOfWork
from shared.jobs import JobKind, JobState, Progress, finished, more, start
from shared.jobs.files import append_output

LISTING = JobKind("members", "export_members", ExportSchema, content_type="text/csv")
COLUMNS = (
    "member_id", "status", "phone", "name", "email", "birthday", "card_numbers", "locale",
    "home_store_id", "channel", "enrolled_at",
)  # fmt: skip
_SLICE = 1_000
_AT_ONCE = 200
"""Members opened between two statements: other calls of the process wait as long."""


def start_list(uow: UnitOfWork, *, purpose: str | None) -> dict[str, Any]:
    """Start a list; ``purpose`` is what unmasked values are needed for.

    The purpose stays in the audit trail, sealed; the job just knows that there is one.
    """
    is_masked = purpose is None
    request = {"purpose": None if is_masked else "stated"}
    started = start(uow, LISTING, request, total=queries.count_members(uow.connection))
    after = {"masked": is_masked}
    uow.audit("members.export", ("job", started["job_id"]), after=after, reason=purpose)
    return started


def list_slice(uow: UnitOfWork, work: JobState, *, vault: Vault) -> Progress:
    """Write the next members to the job's file, by their ids."""
    after = UUID(work.state["after"]) if work.state else None
    is_masked, done, rows = work.request["purpose"] is None, work.done, []
    for _ in range(_SLICE // _AT_ONCE):
        found = queries.members_after(uow.connection, after, _AT_ONCE)
        if not found:
            break
        after, done = found[-1].member_id, done + len(found)
        personal = set() if is_masked else {row.member_id for row in found}
        shown = queries.views_of(uow.connection, vault, found, personal)
        rows += [[_cell(each[name]) for name in COLUMNS] for each in shown]
    head = [] if work.state else [COLUMNS]
    append_output(uow, work.job_id, imports.lines_of([*head, *rows]))
    if len(rows) < _SLICE:
        return finished(work, done=done, result={"members": done, "masked": is_masked})
    return more(work, done=done, state={"after": str(after)})


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(map(str, value))
    return value.isoformat() if hasattr(value, "isoformat") else value
