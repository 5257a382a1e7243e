"""What the coupons service offers to the gateway."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.coupons.orders import (
    CouponQuoteSchema,
    OrderSchema,
    OrderStateSchema,
    QuoteQuery,
    ReleaseSchema,
    ReservationSchema,
    ReservePromisedSchema,
    ReserveSchema,
)
from shared.contracts.coupons.pools import (
    ExportCodesCommand,
    ExportedCodesSchema,
    GenerateCodesCommand,
    ImportCodesCommand,
)
from shared.contracts.coupons.schemas import (
    CAMPAIGN_STATUSES,
    COUPON_STATUSES,
    CampaignDraftSchema,
    CampaignPatchSchema,
    CampaignPreviewSchema,
    CampaignSchema,
    CampaignVersionSchema,
    CouponChangeSchema,
    CouponSchema,
    CouponStateSchema,
    IssueCouponsSchema,
    IssuedCouponsSchema,
    VoidCouponSchema,
)
from shared.contracts.fields import Choice, Id, StrictBoolean, Text
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.method import Method
from shared.errors import Invalid, NotFound
from shared.errors.checkout import QuoteNotCovered
from shared.errors.coupons import (
    BudgetExhausted,
    CampaignNotPublishable,
    CampaignStateConflict,
    CodeTaken,
    CouponStateConflict,
    GiftRefused,
    LimitReached,
    NotClaimable,
    NotGiftable,
    OrderClosed,
    OrderConflict,
    ReservationExpired,
)
from shared.errors.jobs import TooManyJobs

SERVICE = "coupons"


class CampaignRef(WireSchema):
    """Names a campaign."""

    campaign_id = Id(required=True)


class AmendCampaign(CampaignPatchSchema):
    """Change a draft."""

    campaign_id = Id(required=True)


class CampaignVersionsQuery(PageQuery):
    """A campaign's versions, newest first."""

    campaign_id = Id(required=True)


class CampaignsQuery(PageQuery):
    """Which campaigns to list, newest first."""

    status = Choice(*CAMPAIGN_STATUSES, allow_none=True, load_default=None)


class ClaimCommand(WireSchema):
    """A member takes a coupon of a campaign."""

    campaign_id = Id(required=True)
    member_id = Id(required=True)


class IssueCommand(IssueCouponsSchema):
    """Give a coupon of a campaign to each of some members."""

    campaign_id = Id(required=True)


class WalletQuery(PageQuery):
    """A member's coupons, soonest expiry first."""

    member_id = Id(required=True)
    status = Choice(*COUPON_STATUSES, allow_none=True, load_default=None)
    owner = StrictBoolean(load_default=False)
    """True when the member itself asks: only then codes come in full (C8)."""


class VoidCommand(VoidCouponSchema):
    """Withdraw a coupon."""

    code = Text(required=True, max_length=100)
    """The code, or the coupon's id: staff see codes masked."""


class GiftCommand(WireSchema):
    """A member gives its coupon away."""

    code = Text(required=True, max_length=100)
    member_id = Id(required=True)
    receiver_id = Id(required=True, allow_none=True)
    """Null where nobody active answers to the reference: refused like any other obstacle there."""
    message = Text(allow_none=True, load_default=None, max_length=500)


class CouponHistoryQuery(PageQuery):
    """What became of a member's coupon, oldest first."""

    member_id = Id(required=True)
    coupon_id = Id(required=True)


class CouponRef(WireSchema):
    """Names a coupon of a member's."""

    member_id = Id(required=True)
    coupon_id = Id(required=True)


class CouponCodeSchema(WireSchema):
    """A coupon's code in full: for its owner only (C8)."""

    code = Text(required=True)


def _method(name: str, request: type[Schema], response: type[Schema], **options: Any) -> Method:
    return Method(SERVICE, name, request, response, **options)


CREATE_CAMPAIGN = _method(
    "create_campaign", CampaignDraftSchema, CampaignSchema, success=201, errors=(Invalid,)
)
CAMPAIGN = _method("campaign", CampaignRef, CampaignSchema, errors=(NotFound,))
CAMPAIGNS = _method("campaigns", CampaignsQuery, page_of(CampaignSchema))
AMEND_CAMPAIGN = _method(
    "amend_campaign",
    AmendCampaign,
    CampaignSchema,
    errors=(NotFound, CampaignStateConflict, Invalid),
)
REVISE_CAMPAIGN = _method(
    "revise_campaign",
    AmendCampaign,
    CampaignSchema,
    success=201,
    errors=(NotFound, CampaignStateConflict, CampaignNotPublishable),
)
CAMPAIGN_VERSIONS = _method(
    "campaign_versions",
    CampaignVersionsQuery,
    page_of(CampaignVersionSchema),
    errors=(NotFound,),
)
PREVIEW_CAMPAIGN = _method(
    "preview_campaign", CampaignRef, CampaignPreviewSchema, errors=(NotFound,)
)
PUBLISH_CAMPAIGN = _method(
    "publish_campaign",
    CampaignRef,
    CampaignSchema,
    errors=(NotFound, CampaignStateConflict, CampaignNotPublishable, CodeTaken),
)
PAUSE_CAMPAIGN = _method(
    "pause_campaign", CampaignRef, CampaignSchema, errors=(NotFound, CampaignStateConflict)
)
RESUME_CAMPAIGN = _method(
    "resume_campaign", CampaignRef, CampaignSchema, errors=(NotFound, CampaignStateConflict)
)
ARCHIVE_CAMPAIGN = _method(
    "archive_campaign", CampaignRef, CampaignSchema, errors=(NotFound, CampaignStateConflict)
)
CLAIM = _method(
    "claim",
    ClaimCommand,
    CouponSchema,
    success=201,
    errors=(NotFound, NotClaimable, BudgetExhausted, LimitReached),
)
ISSUE = _method(
    "issue",
    IssueCommand,
    IssuedCouponsSchema,
    success=201,
    timeout_s=15,
    errors=(NotFound, NotClaimable),
)
WALLET = _method("wallet", WalletQuery, page_of(CouponSchema))
QUOTE = _method("quote", QuoteQuery, CouponQuoteSchema)
START_CODES = _method(
    "start_codes",
    GenerateCodesCommand,
    JobStartedSchema,
    success=202,
    errors=(NotFound, CampaignStateConflict, NotClaimable, BudgetExhausted, TooManyJobs),
)
IMPORT_CODES = _method(
    "import_codes",
    ImportCodesCommand,
    JobStartedSchema,
    success=202,
    errors=(NotFound, CampaignStateConflict, NotClaimable, TooManyJobs),
)
EXPORT_CODES = _method("export_codes", ExportCodesCommand, ExportedCodesSchema, errors=(NotFound,))
VOID = _method("void", VoidCommand, CouponStateSchema, errors=(NotFound, CouponStateConflict))
GIFT = _method("gift", GiftCommand, CouponSchema, errors=(NotFound, NotGiftable, GiftRefused))
COUPON_CODE = _method("coupon_code", CouponRef, CouponCodeSchema, errors=(NotFound,))
HISTORY = _method("history", CouponHistoryQuery, page_of(CouponChangeSchema), errors=(NotFound,))
RESERVE = _method("reserve", ReserveSchema, ReservationSchema, errors=(OrderClosed, OrderConflict))
RESERVE_PROMISED = _method(
    "reserve_promised",
    ReservePromisedSchema,
    OrderStateSchema,
    errors=(OrderClosed, OrderConflict, ReservationExpired, QuoteNotCovered),
)
CONFIRM = _method(
    "confirm", OrderSchema, OrderStateSchema, errors=(NotFound, OrderClosed, ReservationExpired)
)
RELEASE = _method("release", ReleaseSchema, OrderStateSchema, errors=(OrderClosed,))
