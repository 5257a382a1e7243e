"""The catalogue of rewards: what marketing offers for points (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.coupons.domain import reward_problems
from services.coupons.queries import reward_body
from services.coupons.repository import campaigns, rewards
from shared.db import UnitOfWork
from shared.errors import FieldError, Invalid, NotFound
from shared.ids import new_id

_PLAIN = ("name", "description", "kind", "points", "stock", "per_member", "tiers", "campaign_id")


def create_reward(uow: UnitOfWork, **draft: Any) -> dict[str, Any]:
    """Offer something for points.

    Raises:
        Invalid: what it says contradicts itself, or its campaign gives no coupons.
    """
    columns = _columns(draft)
    _refuse_contradictions(uow, columns)
    row = rewards.add(
        uow.connection,
        {**columns, "reward_id": new_id(), "created_at": uow.now, "updated_at": uow.now},
    )
    uow.audit("reward.create", ("reward", row["reward_id"]), after={"points": row["points"]})
    return reward_body(row)


def amend_reward(uow: UnitOfWork, *, reward_id: UUID, **changes: Any) -> dict[str, Any]:
    """Change an offer; orders placed before keep what they were placed for.

    Raises:
        NotFound: there is no such reward.
        Invalid: what it would say contradicts itself, or its campaign gives no coupons.
    """
    before = rewards.get(uow.connection, reward_id, lock=True)
    columns = _columns(changes)
    _refuse_contradictions(uow, {**before, **columns})
    row = rewards.change(uow.connection, reward_id, **columns, updated_at=uow.now)
    uow.audit("reward.amend", ("reward", reward_id), after={"changed": sorted(changes)})
    return reward_body(row)


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: given[name] for name in _PLAIN if name in given}
    if "window" in given:
        window = given["window"] or {}
        columns |= {name: window.get(name) for name in ("starts_at", "ends_at")}
    return columns


def _refuse_contradictions(uow: UnitOfWork, columns: Mapping[Any, Any]) -> None:
    campaign_id = columns["campaign_id"]
    problems = reward_problems(rewards.reward_of(columns), has_campaign=campaign_id is not None)
    if not problems and campaign_id is not None:
        problems = _campaign_problems(uow, campaign_id)
    if problems:
        raise Invalid(errors=problems)


def _campaign_problems(uow: UnitOfWork, campaign_id: UUID) -> list[FieldError]:
    try:
        row = campaigns.get(uow.connection, campaign_id)
    except NotFound:
        return [FieldError("campaign_id", "unknown", "There is no such campaign.")]
    if campaigns.terms_of(row).public:
        message = "A campaign with a public code has no coupons to give."
        return [FieldError("campaign_id", "not_allowed", message)]
    return []
