"""Versions of the tier programme as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.tiers.domain.programme import Benefit, Programme, in_force
from services.tiers.repository import programmes
from services.tiers.repository.programmes import published
from shared.contracts.base import instance_of
from shared.contracts.tiers.programmes import ProgrammeDraftSchema
from shared.db import Snapshot
from shared.errors import NotFound


def programme(snapshot: Snapshot) -> dict[str, Any]:
    """Return the programme in force as `ProgrammeSchema` has it."""
    return programme_body(in_force(published(snapshot.connection), snapshot.now))


def programme_body(shown: Programme) -> dict[str, Any]:
    """Return a published version in the shape of its schema."""
    return {
        "version": shown.version,
        "name": shown.name,
        "metric": shown.metric,
        "window": window_body(shown),
        "review_months": shown.review_months,
        "grace_days": shown.grace_days,
        "effective_from": shown.effective_from,
        "levels": [
            {
                "code": level.code,
                "name": level.name,
                "rank": level.rank,
                "threshold": level.threshold,
                "multiplier": level.multiplier,
                "benefits": [_terms(benefit) for benefit in level.benefits],
            }
            for level in shown.levels
        ],
    }


def window_body(shown: Programme) -> dict[str, Any]:
    """Return which sales count."""
    return {"type": shown.window.type, "months": shown.window.months}


def _terms(benefit: Benefit) -> dict[str, Any]:
    quota = benefit.quota
    return {
        "code": benefit.code,
        "kind": benefit.kind,
        "name": benefit.name,
        "value": benefit.value,
        "campaign_id": benefit.campaign_id,
        "quota": quota and {"count": quota.count, "per": quota.per},
    }


def find_version(snapshot: Snapshot, version: int) -> Programme:
    """Return a published version; raises `NotFound`."""
    for found in published(snapshot.connection):
        if found.version == version:
            return found
    raise NotFound


def any_version(snapshot: Snapshot, version: int) -> Programme:
    """Return a version, draft or published; raises `NotFound`."""
    draft = programmes.find_draft(snapshot.connection, version)
    if draft is None:
        return find_version(snapshot, version)
    content = instance_of(ProgrammeDraftSchema).load(draft["content"])
    return programmes.programme_of(version, content, snapshot.now)


def programme_version(snapshot: Snapshot, *, version: int) -> dict[str, Any]:
    """Return a version, draft or published; raises `NotFound`."""
    draft = programmes.find_draft(snapshot.connection, version)
    if draft is not None:
        return draft_body(draft)
    return version_body(snapshot, find_version(snapshot, version))


def programme_list(
    snapshot: Snapshot, *, limit: int, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of versions, newest first; there are never many."""
    bodies = [draft_body(row) for row in programmes.drafts(snapshot.connection)]
    bodies += [version_body(snapshot, each) for each in published(snapshot.connection)]
    bodies.sort(key=lambda body: -int(body["version"]))
    if after is not None:
        bodies = [body for body in bodies if body["version"] < int(after["version"])]
    page = bodies[:limit]
    following = {"version": page[-1]["version"]} if len(bodies) > limit else None
    return {"items": page, "next": following}


def draft_body(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a draft in the shape of its schema."""
    content = instance_of(ProgrammeDraftSchema).load(row["content"])
    shown = programme_body(programmes.programme_of(row["version"], content, row["created_at"]))
    wanted = content["effective_from"]
    return {
        **shown,
        "status": "draft",
        "in_force": False,
        "effective_from": wanted,
        "published_at": None,
    }


def version_body(snapshot: Snapshot, shown: Programme) -> dict[str, Any]:
    """Return a published version in the shape of its schema."""
    current = in_force(published(snapshot.connection), snapshot.now)
    return {
        **programme_body(shown),
        "status": "published",
        "in_force": current.version == shown.version,
        "published_at": programmes.published_at(snapshot.connection)[shown.version],
    }
