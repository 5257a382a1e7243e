"""Cards and ids of other systems: what a member is recognised by beside phone and e-mail (M1).

The ledger hangs on the member, not on its cards: replacing a card moves no point.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.members import domain, repository
from services.members.domain import Identifier
from services.members.use_cases import claims, common
from services.members.vault import Vault, seal_reason
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.members import CardBlocked, TooManyIdentifiers

_REPLACED = "replaced"


def add_card(
    uow: UnitOfWork,
    *,
    vault: Vault,
    member_id: UUID,
    card_number: str,
    replaces: str | None = None,
) -> dict[str, Any]:
    """Give a member a card; ``replaces`` names one that is blocked in the same breath.

    Raises:
        NotFound: no such member, or ``replaces`` is none of its cards.
        MemberClosed, MemberFrozen: its data cannot change.
        CardBlocked: the card is blocked; a blocked card never works again, for nobody.
        IdentifierTaken: somebody else has it; a member is not told, see `claims`.
        TooManyIdentifiers: the member has as many as anybody may have.
    """
    row = common.locked_for_change(uow, member_id)
    if replaces is not None:
        _block(uow, vault, row, replaces, _REPLACED)
    card = Identifier(domain.CARD, domain.comparable_card(card_number))
    _take(uow, vault, row, card)
    common.change(uow, vault, member_id, ["card_numbers"])
    return common.view(uow, vault, member_id)


def block_card(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, card_number: str, reason: str
) -> dict[str, Any]:
    """Block a card for good; blocking it again changes nothing.

    Raises:
        NotFound: no such member, or not its card.
    """
    row = common.locked(uow, member_id)
    if _block(uow, vault, row, card_number, reason):
        common.change(uow, vault, member_id, ["card_numbers"])
    return common.view(uow, vault, member_id)


def add_external_id(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, system: str, id: str
) -> dict[str, Any]:
    """Note under which id another system knows the member.

    Raises:
        NotFound: no such member.
        MemberClosed, MemberFrozen: its data cannot change.
        IdentifierTaken: that id belongs to somebody else.
        TooManyIdentifiers: the member has as many as anybody may have.
    """
    row = common.locked_for_change(uow, member_id)
    if _take(uow, vault, row, Identifier(domain.EXTERNAL, id, system)):
        common.change(uow, vault, member_id, ["external_ids"])
    return common.view(uow, vault, member_id)


def remove_external_id(
    uow: UnitOfWork, *, vault: Vault, member_id: UUID, system: str, id: str
) -> dict[str, Any]:
    """Let another system no longer recognise the member by this id.

    Raises:
        NotFound: no such member, or not its id.
    """
    common.locked(uow, member_id)
    wanted = Identifier(domain.EXTERNAL, id, system)
    if not repository.drop_identifier(uow.connection, member_id, wanted, vault=vault):
        raise NotFound
    common.change(uow, vault, member_id, ["external_ids"])
    return common.view(uow, vault, member_id)


def _take(uow: UnitOfWork, vault: Vault, row: common.Member, wanted: Identifier) -> bool:
    """Give ``wanted`` to the member; return False if it had it already.

    The member's row is locked, so its identifiers can be counted.
    """
    is_card = wanted.kind == domain.CARD
    owned = len(repository.identifiers_of(uow.connection, row.member_id, wanted.kind))
    if owned + (len(claims.cards_of(vault, row)) if is_card else 0) >= domain.MAX_IDENTIFIERS:
        raise TooManyIdentifiers
    if is_card:
        claims.refuse_given_up(vault, row, wanted.value)
    data_key = vault.master.unwrap(row.data_key)
    taken = repository.take_identifiers(
        uow.connection, [wanted], owner=row.member_id, keys=(vault, data_key), now=uow.now
    )
    if not taken:
        if is_card:
            claims.note_card(uow, vault, row.member_id, wanted.value, taken=False)
        return True
    present = repository.identifier(uow.connection, wanted, vault=vault)
    is_mine = present is not None and present.member_id == row.member_id
    if not is_mine and claims.by_person(uow):
        claims.note_card(uow, vault, row.member_id, wanted.value, taken=True)
        return True
    if present is not None and present.blocked_at is not None:
        raise CardBlocked
    if not is_mine:
        raise common.taken(taken)
    return False


def _block(
    uow: UnitOfWork, vault: Vault, row: common.Member, card_number: str, reason: str
) -> bool:
    """Block one of the member's cards; return False if it is blocked already."""
    card = Identifier(domain.CARD, domain.comparable_card(card_number))
    present = repository.identifier(uow.connection, card, vault=vault)
    if present is None or present.member_id != row.member_id:
        blocked = claims.block(uow, vault, row.member_id, card.value)
        if blocked is None:
            raise NotFound
        return blocked
    if present.blocked_at is not None:
        return False
    because = seal_reason(vault.master.unwrap(row.data_key), reason)
    repository.block(uow.connection, card, vault=vault, because=because, now=uow.now)
    return True
