"""Benefits, plans and paid membership on the wire (T6, T7)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Minor,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.tiers.programmes import BENEFIT_KINDS, described

SUBSCRIPTION_STATUSES = ("active", "cancelled", "refunded")
USE_STATUSES = ("used", "reversed")
_ORDER = described("The order or sale it is for; cancelled, it takes the use back.", "order-1")


class QuotaSchema(WireSchema):
    """How much of a benefit is used in the running period."""

    count = StrictInteger(required=True, metadata=described("Uses in each period.", 5))
    used = StrictInteger(required=True, metadata=described("Uses so far.", 2))
    remaining = StrictInteger(required=True, metadata=described("Uses left.", 3))
    period_ends_on = LocalDate(
        required=True, metadata=described("Last local day of the period.", "2026-12-31")
    )


class BenefitSchema(WireSchema):
    """Something a tier gives beside its multiplier (T6)."""

    code = Text(required=True, metadata=described("Stable code.", "SHIPPING"))
    kind = Choice(*BENEFIT_KINDS, required=True)
    name = Text(required=True, metadata=described("Name to show.", "Free shipping"))
    value = StrictInteger(
        required=True,
        allow_none=True,
        metadata=described("Percent off of a `member_price`, points of a `birthday_gift`.", 5),
    )
    quota = fields.Nested(
        QuotaSchema,
        required=True,
        allow_none=True,
        metadata=described("Null where uses are not counted."),
    )
    valid_until = Instant(
        required=True,
        allow_none=True,
        metadata=described("Until when the tier is certain; null for the entry tier."),
    )


class BenefitsSchema(WireSchema):
    """All that a member's tier gives it now."""

    member_id = Id(required=True)
    tier = Text(required=True, metadata=described("Code of the tier.", "GOLD"))
    items = fields.List(fields.Nested(BenefitSchema), required=True)
    next_cursor = Text(
        required=True, allow_none=True, metadata=described("Always null: one page has them all.")
    )


class UseSchema(WireSchema):
    """One use of a benefit, under an id of the caller's."""

    use_id = ExternalKey(
        required=True, metadata=described("Names the use; again, it is the same use.", "use-1")
    )
    reference = ExternalKey(required=True, metadata=_ORDER)


class BenefitUseSchema(WireSchema):
    """A use of a benefit and what is left of it."""

    use_id = ExternalKey(required=True, metadata=described("The caller's id of it.", "use-1"))
    member_id = Id(required=True)
    code = Text(required=True, metadata=described("Code of the benefit.", "SHIPPING"))
    kind = Choice(*BENEFIT_KINDS, required=True)
    tier = Text(required=True, metadata=described("The tier that gave it.", "GOLD"))
    reference = ExternalKey(required=True, metadata=_ORDER)
    status = Choice(*USE_STATUSES, required=True)
    used_at = Instant(required=True)
    reversed_at = Instant(required=True, allow_none=True)
    quota = fields.Nested(
        QuotaSchema,
        required=True,
        allow_none=True,
        metadata=described("Null where uses are not counted, or the tier gives it no more."),
    )


class BenefitsQuery(WireSchema):
    """Whose benefits; ``enrolled_at`` as for `MemberTierQuery`."""

    member_id = Id(required=True)
    enrolled_at = Instant(load_default=None, allow_none=True)


class UseBenefit(UseSchema, BenefitsQuery):
    """Use a benefit."""

    code = Text(required=True, max_length=50)


class ReverseUse(WireSchema):
    """Take a use back."""

    member_id = Id(required=True)
    code = Text(required=True, max_length=50)
    use_id = ExternalKey(required=True)


class PlanTermsSchema(WireSchema):
    """A paid membership that is for sale (T7)."""

    plan = ExternalKey(required=True, metadata=described("Code of the plan.", "plus-12"))
    name = Text(required=True, max_length=100, metadata=described("Name to show.", "Plus"))
    tier = Text(
        required=True, max_length=50, metadata=described("Code of the tier it gives.", "GOLD")
    )
    months = StrictInteger(
        required=True,
        validate=validate.Range(min=1, max=120),
        metadata=described("How long it runs.", 12),
    )
    price_minor = Minor(required=True, metadata=described("Price in minor units.", 19_900))
    cooling_off_days = StrictInteger(
        load_default=14,
        validate=validate.Range(min=0, max=365),
        metadata=described("Within so many days a cancelled purchase is refunded whole.", 14),
    )


class PlanPatchSchema(WireSchema):
    """Changes of a plan; what was bought keeps its terms."""

    name = Text(max_length=100)
    tier = Text(max_length=50)
    months = StrictInteger(validate=validate.Range(min=1, max=120))
    price_minor = Minor()
    cooling_off_days = StrictInteger(validate=validate.Range(min=0, max=365))
    on_sale = StrictBoolean(metadata=described("False: nobody can buy it any more."))


class PlanSchema(PlanTermsSchema):
    """A plan."""

    cooling_off_days = StrictInteger(required=True, metadata=described("In days.", 14))
    on_sale = StrictBoolean(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class PlanRef(WireSchema):
    """Names a plan."""

    plan = ExternalKey(required=True)


class AmendPlan(PlanPatchSchema, PlanRef):
    """Change a plan."""


class PurchaseSchema(WireSchema):
    """A paid membership was bought."""

    plan = ExternalKey(required=True, metadata=described("Code of the plan.", "plus-12"))
    order_id = ExternalKey(
        required=True, metadata=described("Names the purchase; again, it is the same.", "order-1")
    )
    paid_minor = Minor(required=True, metadata=described("What was paid for it.", 19_900))


class CancelPurchaseSchema(WireSchema):
    """Which paid membership to cancel."""

    subscription_id = Id(
        load_default=None,
        allow_none=True,
        metadata=described("Left out: all that run or are to come."),
    )


class SubscriptionSchema(WireSchema):
    """A paid membership (T7)."""

    subscription_id = Id(required=True)
    member_id = Id(required=True)
    plan = ExternalKey(required=True, metadata=described("Code of the plan.", "plus-12"))
    order_id = ExternalKey(required=True, metadata=described("The purchase.", "order-1"))
    tier = Text(required=True, metadata=described("Code of the tier it gives.", "GOLD"))
    status = Choice(
        *SUBSCRIPTION_STATUSES,
        required=True,
        metadata=described("`cancelled` keeps what is paid for, `refunded` has ended."),
    )
    paid_minor = Minor(required=True)
    refund_minor = Minor(required=True, metadata=described("To be paid back.", 0))
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    refundable_until = Instant(required=True)
    bought_at = Instant(required=True)
    cancelled_at = Instant(required=True, allow_none=True)


class SubscriptionsSchema(WireSchema):
    """Paid memberships of one member."""

    items = fields.List(fields.Nested(SubscriptionSchema), required=True)


class BuyPlan(PurchaseSchema, BenefitsQuery):
    """Note a purchase."""


class CancelPurchase(CancelPurchaseSchema):
    """Cancel a member's paid membership."""

    member_id = Id(required=True)


class SubscriptionsQuery(PageQuery):
    """A member's paid memberships, newest first."""

    member_id = Id(required=True)


class SubscriptionRef(WireSchema):
    """Names one of a member's paid memberships."""

    member_id = Id(required=True)
    subscription_id = Id(required=True)
