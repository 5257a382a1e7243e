"""Versions of the programme: written as drafts, tried, published at a date, then fixed (T5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.tiers.domain.validation import problems
from services.tiers.queries.programmes import draft_body, find_version, version_body
from services.tiers.repository import programmes
from shared.clock import rfc3339
from shared.contracts.base import instance_of
from shared.contracts.tiers.programmes import ProgrammeDraftSchema
from shared.db import UnitOfWork
from shared.errors import Invalid, NotFound
from shared.errors.tiers import EffectiveFromPast, EffectiveFromTaken, ProgrammePublished

_DRAFT = instance_of(ProgrammeDraftSchema)


def create_programme(uow: UnitOfWork, **content: Any) -> dict[str, Any]:
    """Write a draft.

    Raises:
        Invalid: its levels, window or benefits contradict themselves.
    """
    _refuse_contradictions(content)
    row = programmes.add_draft(uow.connection, _DRAFT.dump(content), uow.now)
    return draft_body(row)


def amend_programme(uow: UnitOfWork, *, version: int, **changes: Any) -> dict[str, Any]:
    """Change a draft.

    Raises:
        NotFound: there is no such version.
        ProgrammePublished: it cannot be changed any more.
        Invalid: it would contradict itself.
    """
    row = _draft(uow, version)
    content = _DRAFT.load(row["content"]) | changes
    _refuse_contradictions(content)
    return draft_body(
        programmes.change_draft(uow.connection, version, _DRAFT.dump(content), uow.now)
    )


def publish_programme(
    uow: UnitOfWork, *, version: int, effective_from: datetime | None
) -> dict[str, Any]:
    """Fix a draft; from its date on all members are judged by it.

    Raises:
        NotFound: there is no such version.
        ProgrammePublished: it was published before.
        EffectiveFromPast: its date is over.
        EffectiveFromTaken: another version has this date or a later one.
    """
    programmes.queue_up(uow.connection)
    row = _draft(uow, version)
    content = _DRAFT.load(row["content"])
    starts_at = effective_from or content["effective_from"] or uow.now
    if starts_at < uow.now:
        raise EffectiveFromPast
    if starts_at <= programmes.published(uow.connection)[-1].effective_from:
        raise EffectiveFromTaken
    programmes.publish(
        uow.connection,
        version,
        content,
        effective_from=starts_at,
        published_at=uow.now,
        digest=_digest(content),
    )
    uow.audit(
        "tier_programme.publish",
        ("tier_programme", version),
        before={"status": "draft"},
        after={"status": "published", "effective_from": rfc3339(starts_at)},
    )
    found = find_version(uow, version)
    return version_body(uow, found)


def _draft(uow: UnitOfWork, version: int) -> Mapping[Any, Any]:
    row = programmes.lock_draft(uow.connection, version)
    if row is not None:
        return row
    if any(each.version == version for each in programmes.published(uow.connection)):
        raise ProgrammePublished
    raise NotFound


def _refuse_contradictions(content: Mapping[str, Any]) -> None:
    found = problems(content)
    if found:
        raise Invalid(errors=found)


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(_DRAFT.dump(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
