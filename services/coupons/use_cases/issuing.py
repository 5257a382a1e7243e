"""New coupons: claimed by a member, or issued to some by marketing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons import codes
from services.coupons.domain import (
    Campaign,
    Demand,
    Shopper,
    issue_demands,
    message_for,
    period,
)
from services.coupons.programme import Programme
from services.coupons.queries import coupon_body
from services.coupons.repository import Change, append_history, campaigns, coupons, members, usage
from shared.contracts.coupons import events
from shared.db import UnitOfWork
from shared.errors import NotFound
from shared.errors.coupons import (
    BudgetExhausted,
    CampaignStateConflict,
    LimitReached,
    NotClaimable,
)
from shared.ids import new_id

_REFUSALS = {"budget_exhausted": BudgetExhausted, "limit_reached": LimitReached}


def claim(
    uow: UnitOfWork, *, programme: Programme, campaign_id: UUID, member_id: UUID
) -> dict[str, Any]:
    """Give the member a coupon of its own, with the code in full (C8, C10).

    Raises:
        NotFound: there is no such campaign, or it is a draft.
        NotClaimable: it has none for this member now; ``reason`` says why.
        BudgetExhausted: all of its coupons are taken.
        LimitReached: the member has as many as it may.
    """
    row = campaigns.get(uow.connection, campaign_id)
    campaign = campaigns.campaign_of(row)
    if campaign.status == "draft":
        raise NotFound
    reason = _closed(campaign, uow.now)
    # A member with a token exists, even if this service has not heard of it yet.
    shopper = members.shopper(uow.connection, member_id, programme.entry_tier)
    reason = reason or _not_for(campaign, shopper)
    if reason is not None:
        raise NotClaimable(message_for(reason), reason=reason)
    demands = issue_demands(campaign.terms, member_id)
    # Whoever comes too late for a flash claim hears so without queueing for the counter (C10).
    _refuse_full(demands, usage.read(uow.connection, _keys(campaign_id, demands)), campaign_id)
    _refuse_full(demands, usage.hold(uow.connection, _keys(campaign_id, demands)), campaign_id)
    (body,) = _store(uow, programme, row, [member_id], cause="claim")
    return body


def issue(
    uow: UnitOfWork, *, programme: Programme, campaign_id: UUID, member_ids: Sequence[UUID]
) -> dict[str, Any]:
    """Give each of the members a coupon, or say why not; codes are masked (C8).

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it is not published.
        NotClaimable: it has a public code, or its window is over.
    """
    row = campaigns.get(uow.connection, campaign_id)
    campaign = campaigns.campaign_of(row)
    if campaign.status != "published":
        raise CampaignStateConflict(f"The campaign is {campaign.status}.")
    reason = _closed(campaign, uow.now)
    if reason is not None:
        raise NotClaimable(message_for(reason), reason=reason)
    refused = _refusals(uow, programme, campaign, member_ids)
    chosen = [member_id for member_id in dict.fromkeys(member_ids) if member_id not in refused]
    chosen, full = _within_limits(uow, campaign, chosen)
    bodies = _store(uow, programme, row, chosen, cause="issue")
    rejected = [*((member_id, why) for member_id, why in {**refused, **full}.items())]
    doubled = len(member_ids) - len(set(member_ids))
    if doubled:
        rejected += [(member_id, "duplicate") for member_id in _repeated(member_ids)]
    return {
        "items": [{**body, "code": codes.masked(codes.hint_of(body["code"]))} for body in bodies],
        "rejected": [
            {"member_id": member_id, "reason": why, "message": message_for(why)}
            for member_id, why in rejected
        ],
    }


def _closed(campaign: Campaign, now: datetime) -> str | None:
    """Return why nobody gets a coupon of this campaign now."""
    if campaign.terms.public:
        return "public_code"
    if campaign.status in ("paused", "archived"):
        return campaign.status
    ends_at = campaign.terms.validity.ends_at
    return "lapsed" if ends_at is not None and ends_at <= now else None


def _not_for(campaign: Campaign, shopper: Shopper) -> str | None:
    """Return why this member gets no coupon of this campaign."""
    if not shopper.active:
        return "member_not_active"
    wanted, unwanted = campaign.terms.scope.tiers, campaign.terms.excluded.tiers
    outside = wanted is not None and shopper.tier not in wanted
    return "wrong_tier" if outside or (unwanted and shopper.tier in unwanted) else None


def _refusals(
    uow: UnitOfWork, programme: Programme, campaign: Campaign, member_ids: Sequence[UUID]
) -> dict[UUID, str]:
    known = members.shoppers(uow.connection, member_ids, programme.entry_tier)
    refused = {}
    for member_id in member_ids:
        shopper = known.get(member_id)
        reason = "unknown_member" if shopper is None else _not_for(campaign, shopper)
        if reason is not None:
            refused[member_id] = reason
    return refused


def _within_limits(
    uow: UnitOfWork, campaign: Campaign, member_ids: Sequence[UUID]
) -> tuple[list[UUID], dict[UUID, str]]:
    """Lock the counters and return who still fits in, in order, and why the others do not."""
    demands = {member_id: issue_demands(campaign.terms, member_id) for member_id in member_ids}
    campaign_id = campaign.campaign_id
    keys = [key for each in demands.values() for key in _keys(campaign_id, each)]
    used = usage.hold(uow.connection, keys)
    chosen, full = [], {}
    for member_id, drawn in demands.items():
        reason = _full(drawn, used, campaign_id)
        if reason is not None:
            full[member_id] = reason
            continue
        chosen.append(member_id)
        for demand in drawn:
            used[campaign_id, demand.scope, demand.holder] += demand.amount
    return chosen, full


def _store(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: sa.RowMapping,
    member_ids: Sequence[UUID],
    *,
    cause: str,
) -> list[dict[str, Any]]:
    """Make the coupons, their history and events; returns them with their codes in full."""
    if not member_ids:
        return []
    campaign = campaigns.campaign_of(campaign_row)
    campaign_id = campaign.campaign_id
    drawn = [issue_demands(campaign.terms, member_id) for member_id in member_ids]
    usage.take(uow.connection, ((campaign_id, demand) for each in drawn for demand in each))
    plain = [codes.new_code(campaign.terms.code_pattern) for _ in member_ids]
    rows = _new_rows(uow, programme, campaign_row, list(zip(member_ids, plain, strict=True)))
    coupons.insert(uow.connection, rows)
    append_history(uow, [_issued(row, cause) for row in rows])
    for row in rows:
        uow.emit(events.ISSUED, subject=row["member_id"], data={**row, "cause": cause})
    shown = {**campaign_row, "campaign_status": campaign.status}
    return [
        coupon_body({**shown, **row}, code=code, programme=programme, now=uow.now)
        for row, code in zip(rows, plain, strict=True)
    ]


def _new_rows(
    uow: UnitOfWork,
    programme: Programme,
    campaign_row: sa.RowMapping,
    holders: Sequence[tuple[UUID, str]],
) -> list[dict[str, Any]]:
    key = programme.codes.key(campaign_row["code_key"])
    campaign = campaigns.campaign_of(campaign_row)
    valid_from, valid_until = period(campaign.terms.validity, uow.now, programme.zone)
    rows = []
    for member_id, code in holders:
        coupon_id = new_id()
        rows.append(
            {
                "coupon_id": coupon_id,
                "campaign_id": campaign.campaign_id,
                "version": campaign.version,
                "member_id": member_id,
                "status": "issued",
                "free_status": "issued",
                "code_digest": programme.codes.digest(code),
                "code_sealed": codes.seal(key, coupon_id, code),
                "code_hint": codes.hint_of(code),
                "valid_from": valid_from,
                "valid_until": valid_until,
                "issued_at": uow.now,
                "updated_at": uow.now,
            }
        )
    return rows


def _issued(row: Mapping[str, Any], cause: str) -> Change:
    return Change(
        row["campaign_id"],
        None,
        "issued",
        cause,
        coupon_id=row["coupon_id"],
        member_id=row["member_id"],
    )


def _keys(campaign_id: UUID, demands: Sequence[Demand]) -> list[usage.Key]:
    return [(campaign_id, demand.scope, demand.holder) for demand in demands]


def _full(
    demands: Sequence[Demand], used: Mapping[usage.Key, int], campaign_id: UUID
) -> str | None:
    for demand in demands:
        before = used.get((campaign_id, demand.scope, demand.holder), 0)
        if before + demand.amount > demand.limit:
            return demand.refusal
    return None


def _refuse_full(
    demands: Sequence[Demand], used: Mapping[usage.Key, int], campaign_id: UUID
) -> None:
    reason = _full(demands, used, campaign_id)
    if reason is not None:
        raise _REFUSALS[reason]


def _repeated(member_ids: Sequence[UUID]) -> list[UUID]:
    """Return the members that are listed again, once for each time."""
    seen: set[UUID] = set()
    repeated = []
    for member_id in member_ids:
        if member_id in seen:
            repeated.append(member_id)
        seen.add(member_id)
    return repeated
