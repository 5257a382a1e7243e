"""What a member has agreed to, and when, and where (M5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.members import queries, repository
from services.members.use_cases import common
from services.members.vault import Vault
from shared.db import UnitOfWork
from shared.ids import new_id

Consent = Mapping[str, Any]
_PROOF_OF = {"member": "app", "terminal": "store", "shop": "web", "staff": "call_center"}


def set_consents(
    uow: UnitOfWork,
    *,
    vault: Vault,
    member_id: UUID,
    consents: Sequence[Consent],
    proof: str | None = None,
) -> Mapping[str, Any]:
    """Note what the member agrees to; what it has said so before is not noted again.

    ``proof`` is where the member said it, by default where the caller works. A member of any
    standing may withdraw. The answer holds every consent that counts now.

    Raises:
        NotFound: no such member.
    """
    common.locked(uow, member_id)
    counting = queries.consents_of(uow.connection, member_id)
    new = [consent for consent in consents if not _says(counting, consent)]
    if new:
        record_consents(uow, member_id, proof or _PROOF_OF.get(uow.actor.kind, "web"), new)
        common.change(uow, vault, member_id, ["consents"])
    return {"consents": queries.consents_of(uow.connection, member_id)}


def record_consents(uow: UnitOfWork, member_id: UUID, proof: str, given: Iterable[Consent]) -> None:
    """Append to the member's history."""
    repository.add_consents(
        uow.connection,
        [
            {
                **consent,
                "consent_id": new_id(),
                "member_id": member_id,
                "at": uow.now,
                "proof": proof,
                "recorded_by": _recorder(uow),
            }
            for consent in given
        ],
    )


def _says(counting: Iterable[Consent], consent: Consent) -> bool:
    """Return whether one of the consents that count says the same of the same version."""
    return any(all(each[name] == value for name, value in consent.items()) for each in counting)


def _recorder(uow: UnitOfWork) -> str:
    """Return who stands for the consent; a person without a member yet is ``anonymous``."""
    return uow.actor.kind if uow.actor.kind == "anonymous" else uow.actor.key
