"""Coupon campaigns: what marketing writes, publishes and hands out, and what members claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, stream_with_context

from gateway import uploads
from gateway.backend import call, respond
from gateway.context import own_member_id
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from shared.contracts.coupons import rpc, schemas
from shared.contracts.coupons.pools import GenerateCodesSchema
from shared.contracts.fields import Choice
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.method import Method

resource = Resource("campaigns", description="What coupons are worth, to whom, and until when.")

_ONE = "/v1/campaigns/<uuid:campaign_id>"


class CampaignsQuery(ListQuery):
    """Which campaigns to list."""

    status = Choice(*schemas.CAMPAIGN_STATUSES, metadata={"description": "Only these."})


@resource.post(
    "/v1/campaigns",
    scopes=("campaigns:write",),
    body=schemas.CampaignDraftSchema,
    response=schemas.CampaignSchema,
    success=201,
)
def create_campaign(body: dict[str, Any]) -> Response:
    """Write a campaign, as a draft."""
    return respond(call(rpc.CREATE_CAMPAIGN, body))


@resource.get(
    "/v1/campaigns",
    scopes=("campaigns:read",),
    query=CampaignsQuery,
    response=list_of(schemas.CampaignSchema),
)
def list_campaigns(query: dict[str, Any]) -> Response:
    """List campaigns, newest first."""
    return respond_page(rpc.CAMPAIGNS, {"status": query.get("status")}, query)


@resource.get(_ONE, scopes=("campaigns:read",), response=schemas.CampaignSchema)
def get_campaign(campaign_id: str) -> Response:
    """Show a campaign."""
    return respond(call(rpc.CAMPAIGN, {"campaign_id": campaign_id}))


@resource.patch(
    _ONE,
    scopes=("campaigns:write",),
    body=schemas.CampaignPatchSchema,
    response=schemas.CampaignSchema,
    errors=rpc.AMEND_CAMPAIGN.errors,
)
def amend_campaign(campaign_id: str, body: dict[str, Any]) -> Response:
    """Change a draft; published terms are replaced at `/versions`."""
    return respond(call(rpc.AMEND_CAMPAIGN, {**body, "campaign_id": campaign_id}))


@resource.post(
    f"{_ONE}/versions",
    scopes=("campaigns:write",),
    body=schemas.CampaignPatchSchema,
    response=schemas.CampaignSchema,
    success=201,
    errors=rpc.REVISE_CAMPAIGN.errors,
)
def revise_campaign(campaign_id: str, body: dict[str, Any]) -> Response:
    """Replace a published campaign's terms by a new version.

    Coupons that members hold keep the version they were issued under; a public code has the
    present one. Kind and code are fixed; a limit or budget may change its number, but none comes
    or goes, since uses so far were counted against those there were.
    """
    return respond(call(rpc.REVISE_CAMPAIGN, {**body, "campaign_id": campaign_id}))


@resource.get(
    f"{_ONE}/versions",
    scopes=("campaigns:read",),
    query=ListQuery,
    response=list_of(schemas.CampaignVersionSchema),
)
def list_campaign_versions(campaign_id: str, query: dict[str, Any]) -> Response:
    """List a campaign's terms over time, newest first."""
    return respond_page(rpc.CAMPAIGN_VERSIONS, {"campaign_id": campaign_id}, query)


@resource.get(f"{_ONE}/preview", scopes=("campaigns:read",), response=schemas.CampaignPreviewSchema)
def preview_campaign(campaign_id: str) -> Response:
    """Show a coupon of the campaign as a shopper would see it if it had it now.

    Of a draft it also says what keeps it from being published.
    """
    return respond(call(rpc.PREVIEW_CAMPAIGN, {"campaign_id": campaign_id}))


@resource.post(
    f"{_ONE}/publish",
    scopes=("campaigns:write",),
    response=schemas.CampaignSchema,
    errors=rpc.PUBLISH_CAMPAIGN.errors,
)
def publish_campaign(campaign_id: str) -> Response:
    """Let a draft's coupons be issued and used.

    Refused as long as it hides when its coupons expire: `validity` is a window, days after issue,
    or `never_expires`.
    """
    return _move(rpc.PUBLISH_CAMPAIGN, campaign_id)


@resource.post(
    f"{_ONE}/pause",
    scopes=("campaigns:write",),
    response=schemas.CampaignSchema,
    errors=rpc.PAUSE_CAMPAIGN.errors,
)
def pause_campaign(campaign_id: str) -> Response:
    """Stop issue and use for a while."""
    return _move(rpc.PAUSE_CAMPAIGN, campaign_id)


@resource.post(
    f"{_ONE}/resume",
    scopes=("campaigns:write",),
    response=schemas.CampaignSchema,
    errors=rpc.RESUME_CAMPAIGN.errors,
)
def resume_campaign(campaign_id: str) -> Response:
    """End a pause."""
    return _move(rpc.RESUME_CAMPAIGN, campaign_id)


@resource.post(
    f"{_ONE}/archive",
    scopes=("campaigns:write",),
    response=schemas.CampaignSchema,
    errors=rpc.ARCHIVE_CAMPAIGN.errors,
)
def archive_campaign(campaign_id: str) -> Response:
    """End a campaign for good; coupons that members hold stay good."""
    return _move(rpc.ARCHIVE_CAMPAIGN, campaign_id)


@resource.post(
    f"{_ONE}/claims",
    scopes=("self:write",),
    response=schemas.CouponSchema,
    success=201,
    errors=rpc.CLAIM.errors,
)
def claim_coupon(campaign_id: str) -> Response:
    """Take a coupon of the campaign, with a code of your own."""
    payload = {"campaign_id": campaign_id, "member_id": own_member_id("me")}
    return respond(call(rpc.CLAIM, payload))


@resource.post(
    f"{_ONE}/issue",
    scopes=("coupons:issue",),
    body=schemas.IssueCouponsSchema,
    response=schemas.IssuedCouponsSchema,
    success=201,
    errors=rpc.ISSUE.errors,
)
def issue_coupons(campaign_id: str, body: dict[str, Any]) -> Response:
    """Give a coupon to each of some members.

    Every member is either in `items` or in `rejected` with the reason.
    """
    return respond(call(rpc.ISSUE, {**body, "campaign_id": campaign_id}))


@resource.post(
    f"{_ONE}/codes",
    scopes=("campaigns:write",),
    body=GenerateCodesSchema,
    response=JobStartedSchema,
    success=202,
    errors=rpc.START_CODES.errors,
)
def generate_codes(campaign_id: str, body: dict[str, Any]) -> Response:
    """Make codes for nobody in particular, as a job: whoever brings one may use it."""
    return respond(call(rpc.START_CODES, {**body, "campaign_id": campaign_id}))


@resource.post(
    f"{_ONE}/codes/import",
    scopes=("campaigns:write",),
    consumes="text/csv",
    response=JobStartedSchema,
    success=202,
    errors=(*rpc.IMPORT_CODES.errors, *uploads.ERRORS),
)
def import_codes(campaign_id: str) -> Response:
    """Take in codes that were printed elsewhere, as a job; the first row names the column `code`.

    `status` and `valid_until` may stand beside it, as in the export, and are not looked at: terms
    and dates are the campaign's. The job's file lists the rows that were not taken, with the
    reason; a code that is there already is one of them, so a file sent twice adds nothing.
    """
    started = call(rpc.IMPORT_CODES, {"campaign_id": campaign_id})
    return uploads.respond_upload(rpc.SERVICE, started)


@resource.get(
    f"{_ONE}/codes.csv",
    scopes=("campaigns:write",),
    response=None,
    produces=("text/csv",),
    errors=rpc.EXPORT_CODES.errors,
)
def export_codes(campaign_id: str) -> Response:
    """Download the codes made ahead, as `code,status,valid_until`.

    Each code comes in full once, masked from then on. A download that breaks off has not counted
    for its end: the next one has that part in full again.
    """
    first = _codes_after(campaign_id, 0)
    response = Response(stream_with_context(_csv(campaign_id, first)))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="codes-{campaign_id}.csv"'
    return response


def _csv(campaign_id: str, first: Mapping[str, Any]) -> Iterator[str]:
    yield "code,status,valid_until\r\n"
    page = first
    while page["next"] is not None:
        yield "".join(
            f"{item['code']},{item['status']},{item['valid_until'] or ''}\r\n"
            for item in page["items"]
        )
        page = _codes_after(campaign_id, page["next"])


def _codes_after(campaign_id: str, number: int) -> Mapping[str, Any]:
    payload = {"campaign_id": campaign_id, "after": number}
    return call(rpc.EXPORT_CODES, payload, idempotent=False).body


def _move(method: Method, campaign_id: str) -> Response:
    return respond(call(method, {"campaign_id": campaign_id}))
