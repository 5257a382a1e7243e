"""Versions of the tier programme as they are shown."""

from __future__ import annotations

from typing import Any

from services.tiers.domain.programme import Benefit, Programme, in_force
from services.tiers.repository.programmes import published
from shared.db import Snapshot


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
