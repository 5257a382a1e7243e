"""Merging two members that are one person, and undoing it (M3): the saga's first step.

What is members' own moves here and now: identifiers, consents, the place in a household. The rest
is told to the other services as a step, which each of them does once and confirms; see
`shared.merging`. Nothing has to be undone when one of them is slow: a step is only ever done.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.members import domain, queries, repository
from services.members.use_cases import common, households
from services.members.use_cases.common import Member
from services.members.use_cases.consents import record_consents
from services.members.vault import Vault, seal_reason
from shared.contracts.event import Envelope
from shared.contracts.members.merge_events import APPLIED, FOLLOWERS, MERGED, UNMERGED
from shared.db import Outcome, UnitOfWork
from shared.errors import FieldError, Invalid, NotFound
from shared.errors.members import (
    MemberClosed,
    MemberFrozen,
    MemberMerged,
    MemberNotFound,
    NotMerged,
    UnmergeTooLate,
)
from shared.ids import new_id

MERGE, UNMERGE = "merge", "unmerge"
_EVENTS = {MERGE: MERGED, UNMERGE: UNMERGED}


def merge(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, source_member_id: UUID, reason: str
) -> Outcome | dict[str, Any]:
    """Make one member of two: the source is the survivor from now on.

    Both are locked in one order, so of two merges that contradict each other one is refused. A
    merge that was made before answers as it stands, and is told again to whoever has not confirmed
    it.

    Raises:
        Invalid: a member cannot be merged with itself.
        NotFound, MemberNotFound: there is no such member, no such source.
        MemberMerged: one of them is another member by now.
        MemberFrozen, MemberClosed: one of them has to be active first.
    """
    survivor, source = _locked(uow, member_id, source_member_id)
    if source.status == domain.MERGED and source.merged_into == member_id:
        known = repository.open_merge(uow.connection, source_member_id, member_id)
        if known is not None:
            _tell_again(uow, known)
            return Outcome(_view(uow, vault, known.merge_id), replayed=True)
    for each in (survivor, source):
        _refuse_unless_active(each)
    merge_id = new_id()
    keys = (vault.master.unwrap(source.data_key), vault.master.unwrap(survivor.data_key))
    rows = repository.movable_identifiers(uow.connection, source_member_id, member_id)
    given = repository.give_identifiers(uow.connection, rows, owner=member_id, keys=keys)
    moved = {
        "identifiers": [[kind, system, _text(digest)] for kind, system, digest in given],
        "consents": _keep_stricter(uow, member_id, source_member_id),
        "household": households.take_place(uow, source_member_id, member_id),
    }
    repository.add_merge(
        uow.connection,
        {
            "merge_id": merge_id,
            "source_member_id": source_member_id,
            "survivor_member_id": member_id,
            "reason": seal_reason(keys[1], reason),
            "moved": moved,
            "merged_at": uow.now,
            "merged_by": uow.actor.key,
            "undo_until": uow.now + domain.UNDO_WITHIN,
        },
    )
    changed = {"status": domain.MERGED, "merged_into": member_id, "updated_at": uow.now}
    repository.change_member(uow.connection, source_member_id, changed)
    _step(uow, merge_id, MERGE, source_member_id, member_id)
    _audit(uow, "member.merge", merge_id, source_member_id, member_id, reason=reason)
    _tell_survivor(uow, vault, member_id, moved)
    return _view(uow, vault, merge_id)


def unmerge(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, source_member_id: UUID
) -> Outcome | dict[str, Any]:
    """Make two members of one again, within 30 days; each service gives back what is left.

    Sent again while services are still at it, it is told again to those.

    Raises:
        NotFound: there is no such member.
        NotMerged: the source is not merged into this member.
        MemberMerged: the member is merged itself; that has to be undone first.
        UnmergeTooLate: the 30 days are over.
        Invalid: both are the same member.
    """
    survivor, source = _locked(uow, member_id, source_member_id)
    known = repository.open_merge(uow.connection, source_member_id, member_id)
    if known is None:
        return _undone_before(uow, vault, source_member_id, member_id)
    if survivor.status == domain.MERGED:
        raise MemberMerged(merged_into=str(survivor.merged_into))
    if uow.now > known.undo_until:
        raise UnmergeTooLate
    keys = (vault.master.unwrap(survivor.data_key), vault.master.unwrap(source.data_key))
    wanted = [(kind, system, _raw(digest)) for kind, system, digest in known.moved["identifiers"]]
    rows = repository.identifiers_by_key(uow.connection, member_id, wanted) if wanted else ()
    repository.give_identifiers(uow.connection, rows, owner=source_member_id, keys=keys)
    changed = {"status": domain.ACTIVE, "merged_into": None, "updated_at": uow.now}
    repository.change_member(uow.connection, source_member_id, changed)
    _give_consents_back(uow, member_id, known.moved["consents"])
    households.give_place_back(uow, known.moved["household"], member_id, source_member_id)
    repository.close_merge(uow.connection, known.merge_id, at=uow.now, by=uow.actor.key)
    _step(uow, known.merge_id, UNMERGE, source_member_id, member_id)
    _audit(uow, "member.unmerge", known.merge_id, source_member_id, member_id)
    _tell_survivor(uow, vault, member_id, known.moved)
    return _view(uow, vault, known.merge_id)


def note_applied(uow: UnitOfWork, event: Envelope) -> None:
    """Note that a service has moved what is its own."""
    told = event.read(APPLIED[event.producer])
    repository.confirm(uow.connection, told["step_id"], event.producer, uow.now)


def _locked(uow: UnitOfWork, survivor_id: UUID, source_id: UUID) -> tuple[Member, Member]:
    if survivor_id == source_id:
        wrong = FieldError("source_member_id", "same_member", "Name somebody else.")
        raise Invalid(errors=[wrong])
    rows = {}
    for member_id in sorted((survivor_id, source_id)):
        try:
            rows[member_id] = common.locked(uow, member_id)
        except NotFound:
            if member_id == survivor_id:
                raise
            raise MemberNotFound from None
    return rows[survivor_id], rows[source_id]


def _refuse_unless_active(row: Member) -> None:
    if row.status == domain.MERGED:
        raise MemberMerged(member_id=str(row.member_id), merged_into=str(row.merged_into))
    if row.status == domain.FROZEN:
        raise MemberFrozen(member_id=str(row.member_id))
    if row.status == domain.CLOSED:
        raise MemberClosed(member_id=str(row.member_id))


def _keep_stricter(uow: UnitOfWork, survivor_id: UUID, source_id: UUID) -> list[dict[str, Any]]:
    """Let refusals of the source hold for the survivor; return what it had granted before."""
    lost = domain.stricter(
        queries.consents_of(uow.connection, survivor_id),
        queries.consents_of(uow.connection, source_id),
    )
    for _, refusal in lost:
        record_consents(uow, survivor_id, refusal["proof"], [_said(refusal)])
    return [{**_said(granted), "proof": granted["proof"]} for granted, _ in lost]


def _give_consents_back(uow: UnitOfWork, member_id: UUID, granted: list[dict[str, Any]]) -> None:
    """Let count again what the survivor had granted, unless it has said something else since."""
    counting = {
        (each["purpose"], each["channel"]): each
        for each in queries.consents_of(uow.connection, member_id)
    }
    for before in granted:
        now = counting.get((before["purpose"], before["channel"]))
        if now is not None and not now["granted"]:
            record_consents(uow, member_id, before["proof"], [_said(before)])


def _said(consent: Mapping[str, Any]) -> dict[str, Any]:
    return {name: consent[name] for name in ("purpose", "channel", "granted", "policy_version")}


def _step(uow: UnitOfWork, merge_id: UUID, act: str, source_id: UUID, survivor_id: UUID) -> None:
    """Tell the others what to do, and after what."""
    step_id = new_id()
    after = repository.steps_before(uow.connection, [source_id, survivor_id])
    step = {"step_id": step_id, "merge_id": merge_id, "act": act, "after": after, "at": uow.now}
    repository.add_step(uow.connection, step, FOLLOWERS)
    _tell(uow, act, step, (source_id, survivor_id))


def _undone_before(uow: UnitOfWork, vault: Vault, source_id: UUID, survivor_id: UUID) -> Outcome:
    known = repository.last_undone(uow.connection, source_id, survivor_id)
    if known is None or not _tell_again(uow, known):
        raise NotMerged
    return Outcome(_view(uow, vault, known.merge_id), replayed=True)


def _tell_again(uow: UnitOfWork, known: Any) -> bool:
    """Tell the newest step to whoever has not confirmed it; return whether there is anybody."""
    step = repository.last_step(uow.connection, known.merge_id)
    is_pending = repository.is_pending(uow.connection, step.step_id)
    if is_pending:
        parties = (known.source_member_id, known.survivor_member_id)
        _tell(uow, step.act, dict(step._mapping), parties)
    return is_pending


def _tell(uow: UnitOfWork, act: str, step: Mapping[str, Any], parties: tuple[UUID, UUID]) -> None:
    source_id, survivor_id = parties
    told = {name: step[name] for name in ("step_id", "merge_id", "after")}
    data = {**told, "source_member_id": source_id, "survivor_member_id": survivor_id}
    uow.emit(_EVENTS[act], subject=source_id, data=data)


def _tell_survivor(
    uow: UnitOfWork, vault: Vault, member_id: UUID, moved: Mapping[str, Any]
) -> None:
    names = {domain.FIELD_OF[kind] for kind, _, _ in moved["identifiers"]}
    if moved["consents"]:
        names.add("consents")
    common.change(uow, vault, member_id, names or ["merges"])


def _audit(
    uow: UnitOfWork,
    action: str,
    merge_id: UUID,
    source_id: UUID,
    survivor_id: UUID,
    *,
    reason: str | None = None,
) -> None:
    after = {"merge_id": str(merge_id), "source_member_id": str(source_id)}
    uow.audit(action, ("member", survivor_id), after=after, reason=reason)


def _view(uow: UnitOfWork, vault: Vault, merge_id: UUID) -> dict[str, Any]:
    return queries.merge_views(uow.connection, vault, [merge_id])[0]


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _raw(digest: str) -> bytes:
    return base64.b64decode(digest)
