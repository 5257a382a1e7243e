"""Wire schemas of campaigns and coupons, for HTTP and RPC alike."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.fields import Choice, ExternalKey, Id, Instant, Minor, StrictBoolean, Text
from shared.contracts.fields import StrictInteger as Integer
from shared.contracts.members.events import CHANNELS
from shared.contracts.members.schemas import ReferenceSchema

KINDS = ("amount_off", "percent_off", "fixed_price", "gift", "free_shipping")
CODE_TYPES = ("unique", "public")
CAMPAIGN_STATUSES = ("draft", "published", "paused", "archived")
TRIGGERS = ("enrolled", "tier_upgraded", "birthday")
COUPON_STATUSES = ("issued", "reserved", "redeemed", "restored", "void", "expired", "gifted")

MAX_SCOPE_VALUES = 5_000
MAX_LIMIT = 10**9
MAX_ISSUED_AT_ONCE = 500
MAX_CODE = 100


class CampaignScopeSchema(WireSchema):
    """What a campaign is good for; a key left out means no restriction by it."""

    skus = fields.List(Text(), validate=validate.Length(min=1, max=MAX_SCOPE_VALUES))
    categories = fields.List(Text(), validate=validate.Length(min=1, max=MAX_SCOPE_VALUES))
    brands = fields.List(Text(), validate=validate.Length(min=1, max=MAX_SCOPE_VALUES))
    stores = fields.List(ExternalKey(), validate=validate.Length(min=1, max=MAX_SCOPE_VALUES))
    channels = fields.List(Choice(*CHANNELS), validate=validate.Length(min=1, max=len(CHANNELS)))
    tiers = fields.List(Text(), validate=validate.Length(min=1, max=100))


class CampaignValiditySchema(WireSchema):
    """When a campaign's coupons are good: a window, days after issue, or explicitly for ever."""

    starts_at = Instant(
        data_key="from",
        metadata={"description": "First instant.", "example": "2026-03-01T00:00:00Z"},
    )
    ends_at = Instant(
        data_key="until",
        metadata={"description": "First instant after.", "example": "2026-04-01T00:00:00Z"},
    )
    days_after_issue = Integer(
        validate=validate.Range(min=0, max=3_650),
        metadata={
            "description": "Good until the end of the local day, this many days after issue.",
            "example": 30,
        },
    )
    never_expires = StrictBoolean(
        validate=validate.Equal(True),
        metadata={"description": "True, or left out: nothing never expires by accident."},
    )


class CampaignLimitsSchema(WireSchema):
    """How often at most; a key left out means no such limit."""

    total = Integer(
        validate=validate.Range(min=1, max=MAX_LIMIT),
        metadata={"description": "Coupons issued (unique codes) or uses (public code)."},
    )
    per_member = Integer(validate=validate.Range(min=1, max=MAX_LIMIT))
    per_member_per_day = Integer(
        validate=validate.Range(min=1, max=MAX_LIMIT),
        metadata={"description": "Uses of a member within a local day."},
    )
    per_store = Integer(
        validate=validate.Range(min=1, max=MAX_LIMIT),
        metadata={"description": "Uses within a store."},
    )


class StackingSchema(WireSchema):
    """What a coupon combines with: one per category and order; an exclusive one with few."""

    category = Text(load_default="general", max_length=100)
    exclusive = StrictBoolean(load_default=False)
    joint_with = fields.List(
        Text(max_length=100),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={"description": "Categories an exclusive coupon combines with."},
    )


class CampaignCodeSchema(WireSchema):
    """Whether each coupon has a code of its own or all share one that anybody may type."""

    type = Choice(*CODE_TYPES, load_default="unique")
    value = Text(
        min_length=3,
        max_length=40,
        allow_none=True,
        load_default=None,
        validate=validate.Regexp(
            r"\A[A-Za-z0-9][A-Za-z0-9_-]*\Z", error="Use letters, digits, - and _"
        ),
        metadata={"description": "The public code; case does not matter.", "example": "SPRING10"},
    )
    pattern = Text(
        max_length=14,
        allow_none=True,
        load_default=None,
        validate=validate.Regexp(
            r"\A[A-Za-z0-9]{1,12}-\*\Z", error="Use up to 12 letters and digits, then -*"
        ),
        metadata={
            "description": "How unique codes begin; `*` stands for the random part.",
            "example": "TEA-*",
        },
    )


class CampaignTriggerSchema(WireSchema):
    """Upon what each member is given a coupon of the campaign, once."""

    on = Choice(
        *TRIGGERS,
        required=True,
        metadata={
            "description": "`enrolled`: joins, other than by import. `tier_upgraded`: rises to a "
            "tier for the first time. `birthday`: the birthday's month begins, once a year."
        },
    )
    tiers = fields.List(
        Text(),
        validate=validate.Length(min=1, max=100),
        metadata={"description": "With `tier_upgraded`: only upon rising to these."},
    )


class CampaignDraftSchema(WireSchema):
    """A campaign as its author writes it."""

    name = Text(required=True, metadata={"example": "Spring, 10 off"})
    kind = Choice(*KINDS, required=True)
    value = Minor(
        minimum=1,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "Minor units off, whole percent (1-100), or the unit price; "
            "none for free_shipping and gift.",
            "example": 1000,
        },
    )
    gift_sku = Text(
        allow_none=True,
        load_default=None,
        metadata={"description": "Article that a gift adds at 0.", "example": "MUG-1"},
    )
    max_discount_minor = Minor(minimum=1, allow_none=True, load_default=None)
    min_spend_minor = Minor(
        allow_none=True,
        load_default=None,
        metadata={"description": "Least price of the eligible lines, before discounts."},
    )
    scope = fields.Nested(CampaignScopeSchema, load_default=dict)
    excluded = fields.Nested(CampaignScopeSchema, data_key="exclude", load_default=dict)
    validity = fields.Nested(CampaignValiditySchema, allow_none=True, load_default=None)
    limits = fields.Nested(CampaignLimitsSchema, load_default=dict)
    budget_minor = Minor(minimum=1, allow_none=True, load_default=None)
    stacking = fields.Nested(StackingSchema, load_default=lambda: StackingSchema().load({}))
    code = fields.Nested(CampaignCodeSchema, load_default=lambda: CampaignCodeSchema().load({}))
    restore_on_partial_return = StrictBoolean(load_default=False)
    giftable = StrictBoolean(
        load_default=False,
        metadata={"description": "Whether a member may give its coupon to another, once."},
    )
    trigger = fields.Nested(CampaignTriggerSchema, allow_none=True, load_default=None)
    terms = Text(min_length=0, max_length=4_000, load_default="")
    priority = Integer(
        load_default=100,
        validate=validate.Range(min=0, max=1_000_000),
        metadata={"description": "Lower goes first."},
    )


class CampaignPatchSchema(WireSchema):
    """What of a draft to change; an object given replaces the whole object."""

    name = Text()
    kind = Choice(*KINDS)
    value = Minor(minimum=1, allow_none=True)
    gift_sku = Text(allow_none=True)
    max_discount_minor = Minor(minimum=1, allow_none=True)
    min_spend_minor = Minor(allow_none=True)
    scope = fields.Nested(CampaignScopeSchema)
    excluded = fields.Nested(CampaignScopeSchema, data_key="exclude")
    validity = fields.Nested(CampaignValiditySchema, allow_none=True)
    limits = fields.Nested(CampaignLimitsSchema)
    budget_minor = Minor(minimum=1, allow_none=True)
    stacking = fields.Nested(StackingSchema)
    code = fields.Nested(CampaignCodeSchema)
    restore_on_partial_return = StrictBoolean()
    giftable = StrictBoolean()
    trigger = fields.Nested(CampaignTriggerSchema, allow_none=True)
    terms = Text(min_length=0, max_length=4_000)
    priority = Integer(validate=validate.Range(min=0, max=1_000_000))


class CampaignSchema(CampaignDraftSchema):
    """A campaign."""

    campaign_id = Id(required=True)
    status = Choice(*CAMPAIGN_STATUSES, required=True)
    version = Integer(
        required=True, metadata={"description": "Rises when published terms are replaced."}
    )
    created_at = Instant(required=True)
    published_at = Instant(
        required=True, allow_none=True, metadata={"description": "Of this version."}
    )


class CampaignVersionSchema(CampaignDraftSchema):
    """The terms of a campaign as they were, or are, from `published_at` on."""

    version = Integer(required=True)
    published_at = Instant(required=True)
    superseded_at = Instant(
        required=True, allow_none=True, metadata={"description": "Null for the present version."}
    )


class CampaignProblemSchema(WireSchema):
    """One thing that is wrong with a draft."""

    field = fields.String(required=True, metadata={"example": "validity"})
    code = fields.String(required=True, metadata={"example": "required"})
    message = fields.String(required=True)


class CampaignPreviewSchema(WireSchema):
    """A coupon of the campaign as a shopper would see it if it had it now."""

    headline = fields.String(required=True, metadata={"example": "10 % off, 20.00 CNY at most"})
    conditions = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What has to hold, a sentence each; the expiry always first."},
    )
    name = fields.String(required=True)
    terms = fields.String(required=True)
    code = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The public code, or what a unique one looks like."},
    )
    valid_from = Instant(required=True, allow_none=True)
    valid_until = Instant(required=True, allow_none=True)
    valid_until_local = fields.String(required=True, allow_none=True)
    time_zone = fields.String(required=True, metadata={"example": "Asia/Shanghai"})
    days_left = Integer(required=True, allow_none=True)
    problems = fields.List(
        fields.Nested(CampaignProblemSchema),
        required=True,
        metadata={"description": "What keeps a draft from being published."},
    )


class CouponSchema(WireSchema):
    """A member's coupon (C5)."""

    coupon_id = Id(required=True)
    headline = fields.String(
        required=True,
        metadata={"description": "What it is worth, spelt out.", "example": "5.00 CNY off"},
    )
    code = fields.String(
        required=True, metadata={"description": "In full for its owner only, masked otherwise."}
    )
    campaign_id = Id(required=True)
    name = fields.String(required=True)
    kind = Choice(*KINDS, required=True)
    value = Minor(required=True, allow_none=True)
    gift_sku = fields.String(required=True, allow_none=True)
    max_discount_minor = Minor(required=True, allow_none=True)
    min_spend_minor = Minor(required=True, allow_none=True)
    status = Choice(*COUPON_STATUSES, required=True)
    valid_from = Instant(required=True)
    valid_until = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "First instant at which it is no longer good; null is never."},
    )
    valid_until_local = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The same instant in `time_zone`.",
            "example": "2026-04-01T00:00:00+08:00",
        },
    )
    time_zone = fields.String(required=True, metadata={"example": "Asia/Shanghai"})
    days_left = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Local days after today on which it is still good; null: never."},
    )
    expires_soon = StrictBoolean(required=True)
    giftable = StrictBoolean(
        required=True, metadata={"description": "Whether it may be given to another member now."}
    )
    gift_message = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What the giver wrote; shown to its owner only."},
    )
    terms = fields.String(required=True)
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it cannot be used now, such as `lapsed` or `used`."},
    )


class IssuedCouponSchema(CouponSchema):
    """A coupon with whom it was issued to; its code is masked (C8)."""

    member_id = Id(required=True)


class RefusedMemberSchema(WireSchema):
    """A member who got no coupon."""

    member_id = Id(required=True)
    reason = fields.String(required=True, metadata={"example": "limit_reached"})
    message = fields.String(required=True)


class IssueCouponsSchema(WireSchema):
    """Whom to issue a coupon each."""

    member_ids = fields.List(
        Id(), required=True, validate=validate.Length(min=1, max=MAX_ISSUED_AT_ONCE)
    )


class IssuedCouponsSchema(WireSchema):
    """What came of an issue: every member is in one of the two lists."""

    items = fields.List(fields.Nested(IssuedCouponSchema), required=True)
    rejected = fields.List(fields.Nested(RefusedMemberSchema), required=True)


class VoidCouponSchema(WireSchema):
    """Why a coupon is withdrawn."""

    reason = Text(required=True, max_length=500, metadata={"example": "Printed twice."})


class GiftCouponSchema(WireSchema):
    """Whom to give a coupon."""

    to = fields.Nested(ReferenceSchema, required=True)
    message = Text(allow_none=True, load_default=None, max_length=500)


class CouponStateSchema(WireSchema):
    """How a coupon stands; its code is masked."""

    coupon_id = Id(required=True)
    code = fields.String(required=True, metadata={"example": "****-****-K7PX"})
    campaign_id = Id(required=True)
    member_id = Id(required=True, allow_none=True)
    status = Choice(*COUPON_STATUSES, required=True)


class CouponChangeSchema(WireSchema):
    """One change of a coupon's status (C1)."""

    at = Instant(required=True)
    from_status = fields.String(required=True, allow_none=True)
    to_status = Choice(*COUPON_STATUSES, required=True)
    cause = fields.String(required=True, metadata={"example": "claim"})
    reason = fields.String(required=True, allow_none=True)
    order_id = fields.String(required=True, allow_none=True)
    by = fields.String(required=True, metadata={"description": "Who caused it: kind of actor."})
    actor_id = fields.String(
        required=True, allow_none=True, metadata={"description": "Told to staff only."}
    )
