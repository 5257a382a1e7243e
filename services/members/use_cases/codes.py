"""Rotating codes: shown by members, read by tills, used once a step to spend (M2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.members import codes, domain, queries, repository
from services.members.use_cases import common
from services.members.vault import CODE_KEYS, Vault
from shared.db import UnitOfWork
from shared.db.keyring import Rotation

Use = Mapping[str, Any]


def show_code(uow: UnitOfWork, *, vault: Vault, member_id: UUID) -> dict[str, Any]:
    """Return the member's code of this step.

    Raises:
        NotFound: no such member.
        MemberClosed, MemberFrozen, MemberMerged: no till serves it.
    """
    row = common.locked_for_change(uow, member_id)
    handle = row.code_handle or repository.give_handle(uow.connection, member_id)
    step = domain.step_at(uow.now)
    secret = codes.secret_of(vault.master.unwrap(row.data_key))
    key = CODE_KEYS.signing_key(uow, vault.master)
    return {
        "barcode": codes.barcode(handle, secret, step),
        "signed": codes.sign(key, member_id, step, issuer=vault.issuer),
        "expires_at": codes.ends_at(step),
    }


def code_keys(uow: UnitOfWork, *, vault: Vault) -> Mapping[str, Any]:
    """Return the public keys of signed codes; the first call ever makes the first key."""
    CODE_KEYS.signing_key(uow, vault.master)
    return {"keys": CODE_KEYS.published(uow.connection, uow.now)}


def rotate_code_key(uow: UnitOfWork, *, vault: Vault) -> Rotation:
    """Let the next key sign codes; see `KeyRing.rotate`."""
    return CODE_KEYS.rotate(uow, vault.master)


def use_codes(uow: UnitOfWork, *, vault: Vault, uses: Sequence[Use]) -> Mapping[str, Any]:
    """Return, for each use of a code in order, whose it is, or why it does not count.

    A use is known by its ``use_id`` (the sale's): coming again, however late, it counts as it did.
    One that spends counts once a step; one that does not is judged at its own time, so that a till
    that was offline may report it later.
    """
    return {"results": [_use(uow, vault, use) for use in uses]}


def _use(uow: UnitOfWork, vault: Vault, use: Use) -> dict[str, Any]:
    at = uow.now if use["spends"] else min(use["at"], uow.now)
    read = queries.read_code(uow, vault=vault, value=use["value"], at=at, use_id=use["use_id"])
    if read.member_id is None or read.step is None:
        return _refused(read.refusal)
    if not repository.is_known_use(uow.connection, read.member_id, read.step, use):
        if read.refusal is not None:
            return _refused(read.refusal)
        if not repository.note_use(uow.connection, read.member_id, read.step, use, uow.now):
            return _refused(domain.CODE_USED)
    member_id, status = read.member_id, read.status
    if status == domain.MERGED:
        # Shown before the merge, or by an app that has not heard of it.
        member_id = queries.survivor(uow.connection, member_id)
        status = queries.status(uow, member_id=member_id)["status"]
    return {"found": True, "member_id": member_id, "status": status, "refusal": None}


def _refused(refusal: str | None) -> dict[str, Any]:
    return {"found": False, "member_id": None, "status": None, "refusal": refusal}


def forget_uses(uow: UnitOfWork) -> int:
    """Delete a batch of uses that nothing will ask for again."""
    return repository.delete_uses(uow.connection, before=uow.now - domain.USES_KEPT)
