"""Versions of the tier programme: drafted, tried, published at a date (T5)."""

from __future__ import annotations

import re
from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.tiers import programmes, rpc
from shared.errors import NotFound

resource = Resource("tier_programmes", description="Versions of the tier programme.")

_ONE = "/v1/tier-programmes/<string:version>"


@resource.post(
    "/v1/tier-programmes",
    scopes=("tiers:write",),
    body=programmes.ProgrammeDraftSchema,
    response=programmes.TierProgrammeSchema,
    success=201,
    errors=rpc.CREATE_PROGRAMME.errors,
)
def create_tier_programme(body: dict[str, Any]) -> Response:
    """Write a new version, as a draft."""
    return respond(call(rpc.CREATE_PROGRAMME, body))


@resource.get(
    "/v1/tier-programmes",
    scopes=("tiers:read",),
    query=ListQuery,
    response=list_of(programmes.TierProgrammeSchema),
)
def list_tier_programmes(query: dict[str, Any]) -> Response:
    """List all versions, newest first."""
    return respond_page(rpc.PROGRAMMES, {}, query)


@resource.get(_ONE, scopes=("tiers:read",), response=programmes.TierProgrammeSchema)
def get_tier_programme(version: str) -> Response:
    """Show a version."""
    return respond(call(rpc.PROGRAMME_VERSION, {"version": _number(version)}))


@resource.patch(
    _ONE,
    scopes=("tiers:write",),
    body=programmes.ProgrammePatchSchema,
    response=programmes.TierProgrammeSchema,
    errors=rpc.AMEND_PROGRAMME.errors,
)
def amend_tier_programme(version: str, body: dict[str, Any]) -> Response:
    """Change a draft; a published version never changes."""
    return respond(call(rpc.AMEND_PROGRAMME, {**body, "version": _number(version)}))


@resource.post(
    f"{_ONE}/publish",
    scopes=("tiers:write",),
    body=programmes.PublishSchema,
    response=programmes.TierProgrammeSchema,
    errors=rpc.PUBLISH_PROGRAMME.errors,
)
def publish_tier_programme(version: str, body: dict[str, Any]) -> Response:
    """Fix a draft, in force from a date on.

    From then on members are judged by it: who reaches a higher tier has it at once, who falls short
    keeps its tier until the next review.
    """
    return respond(call(rpc.PUBLISH_PROGRAMME, {**body, "version": _number(version)}))


@resource.post(
    f"{_ONE}/simulate",
    scopes=("tiers:write",),
    response=JobStartedSchema,
    success=202,
    errors=rpc.SIMULATE_PROGRAMME.errors,
)
def simulate_tier_programme(version: str) -> Response:
    """Find out who would move if a version came into force now; nothing is changed.

    A job: its result counts the moves by tier, its file lists the members.
    """
    return respond(call(rpc.SIMULATE_PROGRAMME, {"version": _number(version)}))


def _number(version: str) -> int:
    """Return the version that a path names; raises `NotFound` for what is none."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise NotFound
    return int(version)
