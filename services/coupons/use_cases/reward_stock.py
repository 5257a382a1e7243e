"""What an order of a reward takes, and gives back when it is undone (R1)."""

from __future__ import annotations

from dataclasses import replace

from services.coupons.domain import Campaign, Demand, issue_demands, message_for, not_orderable
from services.coupons.programme import Programme
from services.coupons.repository import campaigns, members, rewards, usage
from services.coupons.use_cases import eligibility
from services.coupons.use_cases.alarms import raise_alarms
from shared.db import UnitOfWork
from shared.errors.coupons import BudgetExhausted, LimitReached, OutOfStock, RewardNotAvailable

_REFUSALS = {"budget_exhausted": BudgetExhausted, "limit_reached": LimitReached}
Row = rewards.Row


def take(uow: UnitOfWork, programme: Programme, row: Row, order: Row) -> None:
    """Take an order's pieces: of the member's share, of the stock, of the campaign's coupons.

    Args:
        uow: The transaction; the order is new in it, and locked.
        programme: For the entry tier.
        row: The reward.
        order: What it is for.

    Raises:
        RewardNotAvailable: not for this member, or not now; ``reason`` says why.
        LimitReached: the member has as many as it may.
        OutOfStock: there are not so many left.
        BudgetExhausted: its campaign has no coupon left.
    """
    member_id, quantity = order["member_id"], order["quantity"]
    shopper = members.shopper(uow.connection, member_id, programme.entry_tier, lock=True)
    reason = not_orderable(rewards.reward_of(row), shopper, uow.now)
    campaign = _campaign(uow, order)
    if reason is None and campaign is not None:
        reason = eligibility.closed(campaign, uow.now) or eligibility.not_for(campaign, shopper)
        reason = "reward_not_begun" if campaign.status == "draft" else reason
    if reason is not None:
        raise RewardNotAvailable(message_for(reason), reason=reason)
    # Whoever comes too late hears so without queueing for the reward's row.
    if row["stock"] is not None and row["stock"] < quantity:
        raise OutOfStock
    if not rewards.take_of_member(uow.connection, row, member_id, quantity):
        raise LimitReached(f"A member may order {row['per_member']} of this reward.")
    if not rewards.take_stock(uow.connection, row["reward_id"], quantity):
        raise OutOfStock
    if campaign is not None:
        _take_coupons(uow, campaign, order)


def give_back(uow: UnitOfWork, order: Row) -> None:
    """Put all of them back; the order is locked, and had them."""
    rewards.give_back(uow.connection, order)
    campaign = _campaign(uow, order)
    if campaign is not None:
        demands = _coupon_demands(campaign, order)
        usage.give_back(uow.connection, ((campaign.campaign_id, demand) for demand in demands))


def _take_coupons(uow: UnitOfWork, campaign: Campaign, order: Row) -> None:
    """Count the coupons to come, so that there will be some when they are paid."""
    demands = _coupon_demands(campaign, order)
    keys = eligibility.keys_of(campaign.campaign_id, demands)
    reason = eligibility.full(demands, usage.hold(uow.connection, keys), campaign.campaign_id)
    if reason is not None:
        raise _REFUSALS[reason]
    drawn = ((campaign.campaign_id, demand) for demand in demands)
    raise_alarms(uow, usage.take(uow.connection, drawn))


def _coupon_demands(campaign: Campaign, order: Row) -> list[Demand]:
    return [
        replace(demand, amount=demand.amount * order["quantity"])
        for demand in issue_demands(campaign.terms, order["member_id"])
    ]


def _campaign(uow: UnitOfWork, order: Row) -> Campaign | None:
    """Return the campaign whose coupons an order gives: which limits it has never changes."""
    if order["campaign_id"] is None:
        return None
    return campaigns.campaign_of(campaigns.get(uow.connection, order["campaign_id"]))
