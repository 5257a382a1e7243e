"""Forgetting a person, in every service (M6).

All that members keeps goes with the request itself: the data key is destroyed, and with it
everything it sealed; digests go, so nobody is found any more. The others hear of it by an event and
acknowledge, each with the transaction of its own effect. The job only waits for them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.members import domain, repository, tables
from services.members.use_cases import households
from services.members.use_cases.exporting import EXPORT
from services.members.use_cases.listing import LISTING
from shared.contracts.event import Envelope
from shared.contracts.members.accounts import PrivacyJobSchema
from shared.contracts.privacy import ACKNOWLEDGED, ERASED, HOLDERS
from shared.db import UnitOfWork
from shared.db.tables import PLATFORM
from shared.errors import Busy, NotFound
from shared.errors.members import MemberMerged
from shared.jobs import JobKind, JobState, Progress, finished, start, waiting, wake
from shared.jobs import repository as job_rows
from shared.privacy import erasing

ERASURE = JobKind("members", "erase_member", PrivacyJobSchema, cancellable=False)


def erase(uow: UnitOfWork, *, member_id: UUID, reason: str) -> Mapping[str, Any]:
    """Forget a person, and all members that were merged into it (M3).

    Asked again, the answer is the same job.

    Raises:
        NotFound: no such member.
        MemberMerged: it is another member now, who is the one to erase.
        Busy: somebody was merged into it at this moment.
    """
    row = repository.lock_member(uow.connection, member_id)
    if row is None:
        raise NotFound
    if row.status == domain.ERASED:
        return _known(uow, member_id)
    if row.status == domain.MERGED:
        raise MemberMerged(merged_into=str(row.merged_into))
    begun = start(uow, ERASURE, {"member_id": member_id}, total=len(HOLDERS) + 1)
    for each in _persons(uow, member_id):
        _erase(uow, each, begun["job_id"])
    uow.audit(
        "member.erase",
        ("member", member_id),
        before={"status": row.status},
        after={"status": domain.ERASED},
        reason=reason,
    )
    return begun


def note_acknowledged(uow: UnitOfWork, event: Envelope) -> None:
    """Keep that a service has forgotten somebody, and let the job see it.

    Of whom this database knows no erasure, there is nothing to keep.
    """
    data = event.read(ACKNOWLEDGED[event.producer])
    member_id = data["member_id"]
    job_id = repository.erasure_job(uow.connection, member_id)
    if job_id is None:
        return
    row = {
        "member_id": member_id,
        "service": event.producer,
        "done": data["done"],
        "acknowledged_at": uow.now,
    }
    repository.add_acknowledgement(uow.connection, row)
    if event.producer == "identity":  # the only one that needed the phone's digest
        erasing.forget_told(uow, "members", member_id)
    wake(uow, job_id)


def erasure_slice(uow: UnitOfWork, work: JobState) -> Progress:
    """Look who has acknowledged; the job is done when all have."""
    done = repository.acknowledgements(uow.connection, work.job_id)
    missing = [service for service in HOLDERS if service not in done]
    if missing:
        return waiting(work, done=len(done) + 1, state={}, waiting_for=missing)
    return finished(work, done=len(HOLDERS) + 1, result={"services": done})


def _known(uow: UnitOfWork, member_id: UUID) -> Mapping[str, Any]:
    job_id = repository.erasure_job(uow.connection, member_id)
    if job_id is None:
        raise NotFound
    return {"job_id": job_id}


def _persons(uow: UnitOfWork, member_id: UUID) -> list[UUID]:
    """Return, locked, all members that are this person; a merge locks them likewise."""
    others = repository.merged_into(uow.connection, member_id)
    for other in others:
        repository.lock_member(uow.connection, other)
    if repository.merged_into(uow.connection, member_id) != others:
        raise Busy
    return [member_id, *others]


def _erase(uow: UnitOfWork, member_id: UUID, job_id: UUID) -> None:
    digest = _phone_digest(uow, member_id)
    noted = {"member_id": member_id, "job_id": job_id, "requested_at": uow.now}
    repository.add_erasure(uow.connection, noted)
    _leave_household(uow, member_id)
    _forget(uow, member_id, digest)
    data = {"member_id": member_id, "erased_at": uow.now, "phone_digest": digest}
    uow.emit(ERASED, subject=member_id, data=data)


def _phone_digest(uow: UnitOfWork, member_id: UUID) -> str | None:
    """Return the phone's digest as tokens and one-time codes have it."""
    phones = repository.identifiers_of(uow.connection, member_id, domain.PHONE)
    if not phones:
        return None
    return base64.urlsafe_b64encode(bytes(phones[0].digest)).decode().rstrip("=")


def _leave_household(uow: UnitOfWork, member_id: UUID) -> None:
    """Leave for good; a household that was the member's own loses its name."""
    household_id = repository.household_of(uow.connection, member_id)
    if household_id is None:
        return
    repository.lock_household(uow.connection, household_id)
    roles = repository.members_of_household(uow.connection, household_id)
    households.leave_for_good(uow, member_id)
    if roles.get(member_id) == households.OWNER:
        repository.change_household(uow.connection, household_id, {"name": None})


def _forget(uow: UnitOfWork, member_id: UUID, phone_digest: str | None) -> None:
    erased = {"status": domain.ERASED, "updated_at": uow.now}
    repository.change_member(uow.connection, member_id, {**erased, "data_key": None})
    repository.drop_answers(uow.connection, member_id)
    # Whoever writes an export now ends it before this goes on, and finds none after it.
    erasing.forget(uow, "members", tables.METADATA, member_id)
    repository.blank_imported(uow.connection, member_id)
    erasing.forget_outputs(uow, _exports_of(member_id))
    _withdraw_lists(uow)
    # Whoever enrolled itself was known by what its one-time code had proved.
    erasing.forget_answers(uow, [f"anonymous:{phone_digest}"])


def _withdraw_lists(uow: UnitOfWork) -> None:
    """Withdraw files that list all members; one that is being written is called off."""
    jobs = PLATFORM.work.jobs
    lists = sa.select(jobs.c.job_id).where(jobs.c.kind == LISTING.name)
    # Waits for a slice under way; none begins after it.
    under_way = lists.where(jobs.c.finished_at.is_(None)).with_for_update(key_share=True)
    for job_id in uow.connection.execute(under_way).scalars().all():
        job_rows.end(uow, job_id, "cancelled")
    erasing.forget_outputs(uow, lists)


def _exports_of(member_id: UUID) -> sa.Select[tuple[UUID]]:
    jobs = PLATFORM.work.jobs
    return sa.select(jobs.c.job_id).where(
        jobs.c.kind == EXPORT.name, jobs.c.request["member_id"].astext == str(member_id)
    )
