"""Coupons given by themselves: by campaigns upon joining, rising, a birthday, and by tiers.

Each occasion is taken by a unique key before anything is given for it, so that neither an event
that comes again nor a sweep that runs twice gives anything twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import structlog

from services.coupons.domain import Shopper, issue_demands
from services.coupons.programme import Programme
from services.coupons.repository import campaigns, grants, members, usage
from services.coupons.use_cases import eligibility, minting
from shared.contracts.event import Envelope
from shared.contracts.tiers import events as tier_events
from shared.db import UnitOfWork
from shared.errors import NotFound

_log = structlog.get_logger(__name__)
_MEMBERS_AT_ONCE = 200


def grant_enrolled(uow: UnitOfWork, programme: Programme, member_id: UUID) -> None:
    """Welcome a member that has just joined."""
    _grant_all(uow, programme, member_id, on="enrolled", occasion="enrolled")


def grant_upgraded(uow: UnitOfWork, programme: Programme, member_id: UUID, tier: str) -> None:
    """Greet a member in a tier; the way down and up again is no second occasion."""
    for row in campaigns.triggered(uow.connection, "tier_upgraded"):
        if row["trigger_tiers"] is None or tier in row["trigger_tiers"]:
            _grant(uow, programme, row, member_id, f"tier/{tier}")


def grant_birthday(
    uow: UnitOfWork, programme: Programme, member_id: UUID, birth_month: int | None
) -> None:
    """Give a member its birthday coupons if this is the month, and the sweep may have passed it."""
    month = _month(uow, programme)
    if birth_month == month.month:
        _grant_all(uow, programme, member_id, on="birthday", occasion=_birthday(month))


def grant_birthdays(uow: UnitOfWork, *, programme: Programme) -> int:
    """Give coupons to some of those whose birthday's month it is; returns to how many."""
    month = _month(uow, programme)
    for row in campaigns.triggered(uow.connection, "birthday"):
        if eligibility.closed(campaigns.campaign_of(row), uow.now):
            continue
        campaign_id = row["campaign_id"]
        found = grants.born_in(uow.connection, campaign_id, month, limit=_MEMBERS_AT_ONCE)
        for member_id in found:
            _grant(uow, programme, row, member_id, _birthday(month))
        if found:
            return len(found)
    return 0


def grant_benefit(uow: UnitOfWork, event: Envelope, *, programme: Programme) -> None:
    """Give the coupon that a tier promises, once for the grant (T6).

    The event may overtake the one of the tier itself: the tier that gives is the member's by it.
    """
    gift = event.read(tier_events.BENEFIT_GRANTED)
    if gift["campaign_id"] is None:
        return  # it is points, which is another's business
    try:
        row = campaigns.get(uow.connection, gift["campaign_id"])
    except NotFound:
        _log.error("benefit_of_unknown_campaign", grant_id=str(gift["grant_id"]))
        return
    occasion = f"benefit/{gift['grant_id']}"
    _grant(uow, programme, row, gift["member_id"], occasion, tier=gift["tier"])


def _grant_all(
    uow: UnitOfWork, programme: Programme, member_id: UUID, *, on: str, occasion: str
) -> None:
    for row in campaigns.triggered(uow.connection, on):
        _grant(uow, programme, row, member_id, occasion)


def _grant(
    uow: UnitOfWork,
    programme: Programme,
    row: campaigns.Row,
    member_id: UUID,
    occasion: str,
    *,
    tier: str | None = None,
) -> None:
    key = (row["campaign_id"], member_id, occasion)
    if not grants.enter(uow.connection, key, uow.now):
        return
    shopper = members.shopper(uow.connection, member_id, programme.entry_tier, lock=True)
    refusal = _refusal(uow, row, shopper if tier is None else replace(shopper, tier=tier))
    if refusal is not None:
        grants.settle(uow.connection, key, refusal=refusal)
        return
    (coupon,) = minting.mint(uow, programme, row, [member_id], cause="trigger")
    grants.settle(uow.connection, key, coupon_id=coupon["coupon_id"])


def _refusal(uow: UnitOfWork, row: campaigns.Row, shopper: Shopper) -> str | None:
    """Return why there is nothing to give; with the counters locked where there is."""
    campaign = campaigns.campaign_of(row)
    if campaign.status == "draft":
        return "draft"
    reason = eligibility.closed(campaign, uow.now) or eligibility.not_for(campaign, shopper)
    if reason is not None:
        return reason
    demands = issue_demands(campaign.terms, shopper.member_id)
    used = usage.hold(uow.connection, eligibility.keys_of(campaign.campaign_id, demands))
    return eligibility.full(demands, used, campaign.campaign_id)


def _month(uow: UnitOfWork, programme: Programme) -> date:
    return uow.now.astimezone(programme.zone).date().replace(day=1)


def _birthday(month: date) -> str:
    """Name the occasion: whoever corrects the birthday has had this year's."""
    return f"birthday/{month.year}"
