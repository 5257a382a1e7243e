"""Whether a member may spend, receive or give points now."""

from __future__ import annotations

from services.points.repository.accounts import ERASED, Account
from shared.errors.points import UnknownMember, not_active

__all__ = ["ACTIVE", "ERASED", "is_active", "refuse_unless_active"]

ACTIVE = "active"


def is_active(account: Account) -> bool:
    """Return whether nothing is known that keeps the member from owning points."""
    return account.status in (None, ACTIVE)


def refuse_unless_active(account: Account, *, exists: bool) -> None:
    """Let active members pass.

    A member of whom members' event has not arrived yet passes if the caller has asked members, or
    if the journal knows it.

    Raises:
        UnknownMember: there is nobody with this id, as far as is known.
        MemberNotActive: the account is frozen, closed, merged or erased; each but merged by a code
            of its own.
    """
    if account.status is None and not exists and not account.last_number:
        raise UnknownMember
    if not is_active(account):
        raise not_active(account.status)


def refuse_over(account: Account, told: str | None) -> None:
    """Let active members pass, as far as points has heard and as the caller was ``told``.

    Raises:
        MemberNotActive: as `refuse_unless_active`.
    """
    for status in (account.status, told):
        if status not in (None, ACTIVE):
            raise not_active(status)
