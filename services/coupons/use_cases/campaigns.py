"""A campaign's life: draft, published, paused, archived; published terms change by version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.coupons.domain import draft_problems, publish_problems, revision_problems
from services.coupons.programme import Programme
from services.coupons.queries import campaign_body
from services.coupons.repository import Change, append_history, campaigns
from shared.db import UnitOfWork
from shared.errors import Invalid
from shared.errors.coupons import CampaignNotPublishable, CampaignStateConflict
from shared.ids import new_id


def create_campaign(uow: UnitOfWork, *, programme: Programme, **draft: Any) -> dict[str, Any]:
    """Store a draft.

    Raises:
        Invalid: what it says contradicts itself.
    """
    columns = campaigns.columns_of({**draft, "validity": draft["validity"] or {}})
    _refuse_contradictions(columns)
    _, wrapped_key = programme.codes.new_key()
    row = campaigns.insert(
        uow.connection,
        {
            **columns,
            "campaign_id": new_id(),
            "status": "draft",
            "version": 1,
            "code_key": wrapped_key,
            "created_at": uow.now,
            "updated_at": uow.now,
        },
    )
    return _written(uow, row, None, "create")


def amend_campaign(uow: UnitOfWork, *, campaign_id: UUID, **changes: Any) -> dict[str, Any]:
    """Change a draft.

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it has been published, which fixes its terms.
        Invalid: what it would say contradicts itself.
    """
    before = campaigns.get(uow.connection, campaign_id, lock=True)
    if before["status"] != "draft":
        raise CampaignStateConflict("Only a draft can be changed.")
    columns = campaigns.columns_of(changes)
    _refuse_contradictions({**before, **columns})
    row = campaigns.move(
        uow.connection, campaign_id, sources=("draft",), target="draft", now=uow.now, **columns
    )
    return _written(uow, row, "draft", "amend")


def publish_campaign(uow: UnitOfWork, *, campaign_id: UUID) -> dict[str, Any]:
    """Let a draft's coupons be issued and used.

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it is no draft.
        CampaignNotPublishable: something is missing, such as any word about expiry (C5).
        CodeTaken: another running campaign has its public code.
    """
    before = campaigns.get(uow.connection, campaign_id, lock=True)
    if before["status"] != "draft":
        raise CampaignStateConflict("Only a draft can be published.")
    problems = publish_problems(campaigns.terms_of(before), uow.now)
    if problems:
        raise CampaignNotPublishable(errors=problems)
    row = campaigns.move(
        uow.connection,
        campaign_id,
        sources=("draft",),
        target="published",
        now=uow.now,
        published_at=uow.now,
    )
    return _written(uow, row, "draft", "publish")


def revise_campaign(uow: UnitOfWork, *, campaign_id: UUID, **changes: Any) -> dict[str, Any]:
    """Replace a published campaign's terms by a new version.

    Coupons that members hold keep the version they were issued under; a public code has the
    present one. Limits go on counting.

    Raises:
        NotFound: there is no such campaign.
        CampaignStateConflict: it is not published; a draft is amended.
        CampaignNotPublishable: the new terms contradict themselves, or change what is fixed.
    """
    before = campaigns.get(uow.connection, campaign_id, lock=True)
    if before["status"] not in ("published", "paused"):
        raise CampaignStateConflict(f"The campaign is {before['status']}.")
    columns = campaigns.columns_of(changes)
    after = campaigns.terms_of({**before, **columns})
    problems = revision_problems(campaigns.terms_of(before), after, uow.now)
    if problems:
        raise CampaignNotPublishable(errors=problems)
    campaigns.supersede(uow.connection, before, campaign_body(before), uow.now)
    row = campaigns.move(
        uow.connection,
        campaign_id,
        sources=(before["status"],),
        target=before["status"],
        now=uow.now,
        **columns,
        version=before["version"] + 1,
        published_at=uow.now,
    )
    return _written(uow, row, before["status"], "revise")


def pause_campaign(uow: UnitOfWork, *, campaign_id: UUID) -> dict[str, Any]:
    """Stop issue and use for a while; what is reserved or used stays so."""
    return _move(uow, campaign_id, ("published",), "paused", "pause")


def resume_campaign(uow: UnitOfWork, *, campaign_id: UUID) -> dict[str, Any]:
    """End a pause."""
    return _move(uow, campaign_id, ("paused",), "published", "resume")


def archive_campaign(uow: UnitOfWork, *, campaign_id: UUID) -> dict[str, Any]:
    """End a campaign for good: no issue, no public code; coupons members hold stay good."""
    return _move(uow, campaign_id, ("draft", "published", "paused"), "archived", "archive")


def _move(
    uow: UnitOfWork, campaign_id: UUID, sources: Sequence[str], target: str, cause: str
) -> dict[str, Any]:
    before = campaigns.get(uow.connection, campaign_id, lock=True)
    if before["status"] not in sources:
        raise CampaignStateConflict(f"The campaign is {before['status']}.")
    row = campaigns.move(uow.connection, campaign_id, sources=sources, target=target, now=uow.now)
    return _written(uow, row, before["status"], cause)


def _written(
    uow: UnitOfWork, row: sa.RowMapping, from_status: str | None, cause: str
) -> dict[str, Any]:
    change = Change(row["campaign_id"], from_status, row["status"], cause)
    append_history(uow, [change])
    before = None if from_status is None else {"status": from_status}
    after = {"status": row["status"], "version": row["version"]}
    uow.audit(f"campaign.{cause}", ("campaign", row["campaign_id"]), before=before, after=after)
    return campaign_body(row)


def _refuse_contradictions(columns: dict[Any, Any]) -> None:
    problems = draft_problems(campaigns.terms_of(columns))
    if problems:
        raise Invalid(errors=problems)
