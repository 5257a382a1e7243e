"""What members and tiers tell about members, kept for scopes and issues, and what it sets off."""

from __future__ import annotations

from services.coupons.programme import Programme
from services.coupons.repository import members
from services.coupons.use_cases.granting import grant_birthday, grant_enrolled, grant_upgraded
from shared.contracts.event import Envelope
from shared.contracts.members import events as member_events
from shared.contracts.tiers import events as tier_events
from shared.db import UnitOfWork


def welcome(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Note that a member exists, and give it what campaigns give upon joining.

    Whoever was imported has been a member for long, and is not welcomed.
    """
    member = event.read(member_events.ENROLLED)
    member_id, birth_month = member["member_id"], member["birth_month"]
    members.set_status(uow.connection, member_id, member["status"], event.sequence)
    members.set_birth_month(uow.connection, member_id, birth_month, event.sequence)
    if member["channel"] != "import":
        grant_enrolled(uow, programme, member_id)
    grant_birthday(uow, programme, member_id, birth_month)


def follow_status(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Note whether a member is active, and the month of its birthday."""
    member = event.read(member_events.UPDATED)
    member_id, birth_month = member["member_id"], member["birth_month"]
    members.set_status(uow.connection, member_id, member["status"], event.sequence)
    if member["enrolled_at"] is None:  # told by a release that knew no birthdays
        return
    if members.set_birth_month(uow.connection, member_id, birth_month, event.sequence):
        grant_birthday(uow, programme, member_id, birth_month)


def follow_tier(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Note a member's tier (T8), and give it what campaigns give upon rising to it."""
    change = event.read(tier_events.CHANGED)
    member_id, tier = change["member_id"], change["tier"]
    risen = members.set_tier(
        uow.connection, member_id, tier, rank=change["rank"], sequence=event.sequence
    )
    if risen:
        grant_upgraded(uow, programme, member_id, tier)
