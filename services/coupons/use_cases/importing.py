"""Codes that were printed elsewhere, brought in from a CSV by a job (C9).

A slice reads some rows from where the one before ended, and commits its codes together with that
place and with the report of rows that were not taken. So a killed process repeats none and leaves
none out, and a file that comes twice adds nothing the second time: a code is there once.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.coupons import codes, domain
from services.coupons.programme import Programme
from services.coupons.repository import Change, append_history, campaigns, pools, usage
from services.coupons.use_cases import pooling
from services.coupons.use_cases.alarms import raise_alarms
from shared.contracts.coupons.pools import ImportCodesRequest
from shared.db import UnitOfWork
from shared.errors.jobs import InputRefused
from shared.jobs import JobKind, JobState, Progress, csv_input, files, finished, more, start

IMPORT = JobKind(
    "coupons", "import_codes", ImportCodesRequest, content_type="text/csv", reads_input=True
)
_SLICE = 4_000
_AT_ONCE = 1_000
"""Codes sealed between two statements: other calls of the process wait as long."""
_COLUMNS = {"code", "status", "valid_until"}
_REPORT = ("row", "reason", "message")
_USABLE = re.compile(r"[A-Z0-9]{8,40}")
_SAMPLE = 20
"""Rejected rows that the job's result names; its file has all of them."""


@dataclass(slots=True)
class _Slice:
    """Rows under way, and those that are not taken."""

    campaign: campaigns.Row
    fits: list[tuple[int, str]] = field(default_factory=list)
    """Row and code as it was written."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """Row and reason."""
    taken: int = 0


def start_import(uow: UnitOfWork, *, campaign_id: UUID) -> dict[str, Any]:
    """Start taking codes in; the job waits for its file.

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it is neither published nor paused.
        NotClaimable: it has a public code.
    """
    row = campaigns.get(uow.connection, campaign_id)
    pooling.poolable(row)
    append_history(uow, [Change(campaign_id, row["status"], row["status"], "import")])
    uow.audit("campaign.import_codes", ("campaign", campaign_id))
    return start(uow, IMPORT, {"campaign_id": campaign_id, "issued_at": uow.now})


def import_slice(uow: UnitOfWork, work: JobState, *, programme: Programme) -> Progress:
    """Take in some of the codes of a job's file.

    Raises:
        InputRefused: the file is no CSV, or has no column ``code``.
        CampaignStateConflict: the campaign has ended meanwhile.
    """
    state = {"position": 0, "row": 0, "taken": 0, "rejected": 0, "sample": [], **work.state}
    begins = not work.state
    if begins:
        state["column"], state["position"] = _header(uow, work.job_id)
        state["row"] = 1
        files.append_output(uow, work.job_id, _report_lines([_REPORT]))
    rows, position = csv_input.records(uow, work.job_id, position=state["position"], limit=_SLICE)
    part = _Slice(campaigns.get(uow.connection, work.request["campaign_id"]))
    terms = pooling.poolable(part.campaign)
    _sort_out(uow, part, rows, state)
    _store(uow, programme, part, _shared(part, terms, work, programme))
    _report(uow, work.job_id, part)
    state["position"], state["row"] = position, state["row"] + len(rows)
    state["taken"] += part.taken
    state["rejected"] += len(part.rejected)
    room = _SAMPLE - len(state["sample"])
    state["sample"] += [{"row": row, "reason": why} for row, why in sorted(part.rejected)[:room]]
    if rows:
        total = files.input_size(uow, work.job_id)
        return more(work, done=position, total=total, state=state)
    result = {
        "campaign_id": str(work.request["campaign_id"]),
        "codes": state["taken"],
        "rejected": state["rejected"],
        "errors": state["sample"],
    }
    return finished(work, done=position, result=result)


def _header(uow: UnitOfWork, job_id: UUID) -> tuple[int, int]:
    """Return which column has the codes, and where the first row begins."""
    found, position = csv_input.records(uow, job_id, position=0, limit=1)
    names = [name.strip().lower() for name in found[0]] if found else []
    if names.count("code") != 1 or not set(names) <= _COLUMNS:
        raise InputRefused("The first row names the columns: code; status, valid_until at most.")
    return names.index("code"), position


def _sort_out(
    uow: UnitOfWork, part: _Slice, rows: Sequence[Sequence[str]], state: dict[str, Any]
) -> None:
    normal: dict[int, str] = {}
    for row, values in enumerate(rows, start=state["row"] + 1):
        if not any(value.strip() for value in values):
            continue  # a blank line, as editors leave them at the end
        code = values[state["column"]].strip() if state["column"] < len(values) else ""
        normal[row] = codes.normalise(code)
        reason = _refusal(code, normal[row])
        if reason is None:
            part.fits.append((row, code))
        else:
            part.rejected.append((row, reason))
    public = campaigns.by_public_code(uow.connection, (normal[row] for row, _ in part.fits))
    part.rejected += [(row, "duplicate") for row, _ in part.fits if normal[row] in public]
    part.fits = [(row, code) for row, code in part.fits if normal[row] not in public]


def _refusal(code: str, normal: str) -> str | None:
    if not code:
        return "code_missing"
    if not code.isascii() or not _USABLE.fullmatch(normal):
        return "code_malformed"
    return "code_mistyped" if codes.is_mistyped(normal) else None


def _shared(
    part: _Slice, terms: domain.Terms, work: JobState, programme: Programme
) -> dict[str, Any]:
    since, until = domain.period(terms.validity, work.request["issued_at"], programme.zone)
    own = {name: part.campaign[name] for name in ("campaign_id", "version")}
    return {**own, "valid_from": since, "valid_until": until}


def _store(uow: UnitOfWork, programme: Programme, part: _Slice, shared: dict[str, Any]) -> None:
    """Store codes as far as the campaign's total has room; counter first, then the pool."""
    left, room = part.fits, _room(uow, part.campaign)
    while left:
        many = _AT_ONCE if room is None else min(_AT_ONCE, room)
        if not many:
            part.rejected += [(row, "budget_exhausted") for row, _ in left]
            return
        now, left = left[:many], left[many:]
        last = pools.number(uow.connection, part.campaign["campaign_id"], len(now))
        numbered = dict(enumerate(now, start=last + 1))
        plain = (code for _, code in now)
        sealed = programme.codes.stored(part.campaign["code_key"], plain)
        rows = dict(zip(numbered, sealed, strict=True))
        stored = pools.add(uow.connection, shared, rows, uow.now)
        known = (row for no, (row, _) in numbered.items() if no not in stored)
        part.rejected += [(row, "duplicate") for row in known]
        part.taken += len(stored)
        room = None if room is None else room - len(stored)
        _count(uow, part.campaign, len(stored))


def _room(uow: UnitOfWork, campaign: campaigns.Row) -> int | None:
    """Lock the counter of coupons issued, and return how many more there may be."""
    demand = pooling.demand(campaigns.terms_of(campaign), 0)
    if demand is None:
        return None
    key = (campaign["campaign_id"], demand.scope, demand.holder)
    return demand.limit - usage.hold(uow.connection, [key])[key]


def _count(uow: UnitOfWork, campaign: campaigns.Row, stored: int) -> None:
    demand = pooling.demand(campaigns.terms_of(campaign), stored)
    if demand is not None and stored:
        raise_alarms(uow, usage.take(uow.connection, [(campaign["campaign_id"], demand)]))


def _report(uow: UnitOfWork, job_id: UUID, part: _Slice) -> None:
    """Write down which rows were not taken, and why; never their codes, which may be somebody's."""
    if part.rejected:
        lines = [(row, why, domain.message_for(why)) for row, why in sorted(part.rejected)]
        files.append_output(uow, job_id, _report_lines(lines))


def _report_lines(lines: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
