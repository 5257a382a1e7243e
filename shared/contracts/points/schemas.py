"""What points, sales and returns look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import INCLUDE, ValidationError, fields, validate, validates_schema

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Minor,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.members.schemas import ReferenceSchema

LINE_KINDS = ("product", "shipping", "gift_card", "fee")
RETURN_REASONS = ("customer_return", "defect", "wrong_item", "merchant_fault")
CANCEL_REASONS = (
    "customer_request",
    "payment_failed",
    "out_of_stock",
    "price_change",
    "system_fault",
    "fraud",
)
SALE_STATUSES = ("completed", "returned", "cancelled")
TRANSACTION_TYPES = (
    "earn",
    "activate",
    "redeem",
    "hold",
    "release",
    "restore",
    "clawback",
    "expire",
    "adjust",
    "transfer_in",
    "transfer_out",
    "debt_repay",
    "forfeit",
)
MAX_LINES = 1_000
MAX_SALES = 500
MAX_CODES = 30
MAX_QUANTITY = 10**6


def _says(description: str, example: Any = None) -> dict[str, Any]:
    return {"description": description} | ({} if example is None else {"example": example})


class SaleLineSchema(WireSchema):
    """One line of a sale: all pieces of one article."""

    line_id = ExternalKey(required=True, metadata=_says("Unique within the sale.", "1"))
    sku = Text(required=True, metadata=_says("Article.", "TEA-500"))
    category = Text(allow_none=True, load_default=None, metadata=_says("Category.", "tea"))
    brand = Text(allow_none=True, load_default=None, metadata=_says("Brand.", "Longjing"))
    kind = Choice(
        *LINE_KINDS, load_default="product", metadata=_says("Only products earn points.", "product")
    )
    quantity = StrictInteger(
        required=True,
        validate=validate.Range(min=1, max=MAX_QUANTITY),
        metadata=_says("Pieces.", 2),
    )
    net_minor = Minor(
        required=True,
        metadata=_says(
            "Price of all pieces after the till's own discounts, before the coupons and points of "
            "this sale.",
            6000,
        ),
    )


class SaleFactsSchema(WireSchema):
    """What a sale says beside member, lines and coupons."""

    sale_id = ExternalKey(required=True, metadata=_says("The caller's id.", "S001-20261122-0042"))
    occurred_at = Instant(required=True, metadata=_says("When it happened."))
    currency = Currency(required=True, metadata=_says("The programme's currency.", "CNY"))
    store_id = ExternalKey(
        allow_none=True,
        load_default=None,
        metadata=_says("A terminal's own store where left out.", "S001"),
    )
    points_to_redeem = Points(
        load_default=0, metadata=_says("Points that pay a part: 100 at least, half at most.", 0)
    )
    terminal_counter = StrictInteger(
        allow_none=True,
        load_default=None,
        validate=validate.Range(min=0, max=2**53),
        metadata=_says("The terminal's running number; never twice.", 42),
    )


class SaleSchema(SaleFactsSchema):
    """A finished sale as a till or a shop posts it."""

    member = fields.Nested(
        ReferenceSchema,
        allow_none=True,
        load_default=None,
        metadata=_says("Who bought; without it the answer has a receipt code."),
    )
    lines = fields.List(
        fields.Nested(SaleLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    coupons = fields.List(
        Text(max_length=100),
        load_default=list,
        validate=validate.Length(max=MAX_CODES),
        metadata=_says("Coupon codes; one that does not count is named, the sale stands.", []),
    )

    @validates_schema
    def _lines_differ(self, data: dict[str, Any], **_: Any) -> None:
        refuse_repeated_lines(data["lines"])


def refuse_repeated_lines(lines: Sequence[Mapping[str, Any]]) -> None:
    """Refuse two lines with one id.

    Raises:
        ValidationError: naming the field.
    """
    if len({line["line_id"] for line in lines}) != len(lines):
        raise ValidationError("Each line needs its own line_id.", "lines")


class TotalsSchema(WireSchema):
    """What the sale cost: gross less coupons less points is payable."""

    gross_minor = Minor(required=True, metadata=_says("Sum of the lines as given.", 6000))
    discount_minor = Minor(required=True, metadata=_says("Taken off by coupons.", 500))
    points_minor = Minor(required=True, metadata=_says("Paid with points.", 0))
    payable_minor = Minor(required=True, metadata=_says("Left to pay with money.", 5500))


class SalePointsSchema(WireSchema):
    """What the sale did to the member's points."""

    earned = Points(required=True, metadata=_says("Awarded by this sale.", 55))
    pending = Points(required=True, metadata=_says("Part of `earned` not usable yet.", 0))
    redeemed = Points(required=True, metadata=_says("Spent on this sale.", 0))
    available_on = LocalDate(
        required=True, allow_none=True, metadata=_says("Local date from which all are usable.")
    )


class BalancesSchema(WireSchema):
    """What a member owns and owes."""

    available = Points(required=True, metadata=_says("Can be spent now.", 1280))
    pending = Points(required=True, metadata=_says("Earned, usable later.", 0))
    held = Points(required=True, metadata=_says("Set aside for open orders.", 0))
    debt = Points(required=True, metadata=_says("Owed; repaid by the next points earned.", 0))


class ExplainedLineSchema(WireSchema):
    """A line's part in an award; returns of the line take back at most this."""

    line_id = ExternalKey(required=True)
    eligible_minor = Minor(required=True)
    points = Points(required=True)


class ExplanationSchema(WireSchema):
    """Why an award is what it is (E3)."""

    rule = Text(required=True, metadata=_says("Name of the rule.", "base"))
    version = StrictInteger(required=True, metadata=_says("Version of the rule.", 1))
    inputs = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata=_says(
            "What it was computed from; exact numbers are decimal strings.",
            {"eligible_minor": 5500, "rate": "0.01", "multiplier": "1.25", "tier": "GOLD"},
        ),
    )
    exact = Text(required=True, metadata=_says("Before rounding.", "68.75"))
    rounded = Points(required=True, metadata=_says("Awarded.", 68))
    lines = fields.List(fields.Nested(ExplainedLineSchema), required=True)


class SaleCouponSchema(WireSchema):
    """A coupon that counted."""

    code = Text(required=True, max_length=100, metadata=_says("Masked but for its giver."))
    coupon_id = Id(required=True, allow_none=True, metadata=_says("Null for a public code."))
    campaign_id = Id(required=True)
    name = Text(required=True, max_length=1_000)
    discount_minor = Minor(required=True)


class UnusedCouponSchema(WireSchema):
    """A code that did not count, and why."""

    code = Text(required=True, max_length=100)
    reason = Text(required=True, metadata=_says("Stable code.", "below_minimum"))
    message = Text(required=True, max_length=1_000)


class SaleCouponsSchema(WireSchema):
    """What became of each code (C7)."""

    applied = fields.List(fields.Nested(SaleCouponSchema), required=True)
    skipped = fields.List(fields.Nested(UnusedCouponSchema), required=True)
    rejected = fields.List(fields.Nested(UnusedCouponSchema), required=True)


class SaleAnswerSchema(WireSchema):
    """What a sale did."""

    sale_id = ExternalKey(required=True)
    member_id = Id(required=True, allow_none=True)
    totals = fields.Nested(TotalsSchema, required=True)
    points = fields.Nested(SalePointsSchema, required=True)
    balances = fields.Nested(BalancesSchema, required=True, allow_none=True)
    explain = fields.List(fields.Nested(ExplanationSchema), required=True)
    coupons = fields.Nested(SaleCouponsSchema, required=True)
    tier = Text(
        required=True, allow_none=True, metadata=_says("Tier the award was judged by.", "GOLD")
    )
    receipt_code = Text(metadata=_says("Only for a sale without member: claims its points later."))


class SaleLineViewSchema(SaleLineSchema):
    """A line and what became of it."""

    discount_minor = Minor(required=True, metadata=_says("Taken off by coupons.", 500))
    points_minor = Minor(required=True, metadata=_says("Paid with points.", 0))
    points = Points(required=True, metadata=_says("Earned by this line.", 55))
    returned_quantity = StrictInteger(required=True, metadata=_says("Pieces brought back.", 0))
    refunded_minor = Minor(required=True, metadata=_says("Refunded so far.", 0))
    clawed_back = Points(required=True, metadata=_says("Claimed back by returns so far.", 0))


class SaleViewSchema(SaleAnswerSchema):
    """A sale as it stands; `points` and `balances` are those of its recording."""

    status = Choice(*SALE_STATUSES, required=True)
    occurred_at = Instant(required=True)
    recorded_at = Instant(required=True)
    currency = Currency(required=True)
    store_id = ExternalKey(required=True, allow_none=True)
    lines = fields.List(fields.Nested(SaleLineViewSchema), required=True)
    refunded_minor = Minor(required=True)
    points_clawed_back = Points(required=True)
    points_restored = Points(required=True)


class BatchedSaleSchema(SaleSchema):
    """A sale in a batch: the body of ``POST /v1/sales``, judged by itself.

    Only ``sale_id`` must be right for the batch to be read: a sale with any other mistake is
    rejected in its own result and leaves the rest alone.
    """

    class Meta:
        """Each sale is validated by itself."""

        unknown = INCLUDE


class SaleBatchSchema(WireSchema):
    """Sales in the order they happened."""

    sales = fields.List(
        fields.Nested(BatchedSaleSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_SALES),
    )


class ErrorFieldSchema(WireSchema):
    """One field that is wrong."""

    field = fields.String(required=True)
    code = fields.String(required=True)
    message = fields.String(required=True)


class SaleErrorSchema(WireSchema):
    """Why a sale was rejected: the problem that a single post would have answered."""

    code = Text(required=True, metadata=_says("Stable, snake_case.", "unknown_member"))
    status = StrictInteger(required=True, metadata=_says("HTTP status of a single post.", 422))
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorFieldSchema), required=True)


class SaleResultSchema(WireSchema):
    """What became of one sale of a batch."""

    sale_id = ExternalKey(required=True)
    status = Choice("created", "replayed", "rejected", required=True)
    points = fields.Nested(SalePointsSchema, metadata=_says("Unless rejected."))
    coupons = fields.Nested(
        SaleCouponsSchema, metadata=_says("Where the sale named coupons and was not rejected.")
    )
    error = fields.Nested(SaleErrorSchema, metadata=_says("Only where rejected."))


class SaleResultsSchema(WireSchema):
    """One result a sale, in their order."""

    results = fields.List(fields.Nested(SaleResultSchema), required=True)


class ReturnLineSchema(WireSchema):
    """What comes back of one line; cumulative over returns it never exceeds the line."""

    line_id = ExternalKey(required=True, metadata=_says("Line of the sale.", "1"))
    quantity = StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=MAX_QUANTITY),
        metadata=_says("Pieces; 0 for a refund without goods.", 1),
    )
    net_minor = Minor(
        required=True,
        metadata=_says("Refunded value after coupons, the part paid in points included.", 3000),
    )


class ReturnSchema(WireSchema):
    """Goods of a sale come back."""

    return_id = ExternalKey(required=True, metadata=_says("The caller's id.", "R-0007"))
    occurred_at = Instant(required=True, metadata=_says("When it happened."))
    lines = fields.List(
        fields.Nested(ReturnLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    reason_code = Choice(*RETURN_REASONS, required=True)

    @validates_schema
    def _lines_differ(self, data: dict[str, Any], **_: Any) -> None:
        refuse_repeated_lines(data["lines"])


class CancelSchema(WireSchema):
    """A sale is undone as a whole."""

    reason_code = Choice(*CANCEL_REASONS, required=True)
    merchant_fault = StrictBoolean(
        load_default=False,
        metadata=_says("Points that come back stay usable for 7 days at least.", False),
    )


class ReturnPointsSchema(WireSchema):
    """What the return did to the member's points (S1, S3, S4)."""

    clawed_back = Points(required=True, metadata=_says("Taken back from the member's lots.", 10))
    restored = Points(required=True, metadata=_says("Spent points that went home.", 0))
    debt = Points(required=True, metadata=_says("Newly owed.", 0))
    uncollected = Points(required=True, metadata=_says("Given up.", 0))


class RefundSchema(WireSchema):
    """What the customer gets back."""

    money_minor = Minor(required=True, metadata=_says("To pay out in money.", 3000))
    points = Points(required=True, metadata=_says("Given back as points.", 0))


class ReturnAnswerSchema(WireSchema):
    """What a return or cancel did."""

    sale_id = ExternalKey(required=True)
    return_id = ExternalKey(required=True, allow_none=True, metadata=_says("Null for a cancel."))
    member_id = Id(required=True, allow_none=True)
    status = Choice(*SALE_STATUSES, required=True, metadata=_says("Of the sale, from now on."))
    points = fields.Nested(ReturnPointsSchema, required=True)
    refund = fields.Nested(RefundSchema, required=True)
    coupons_restored = fields.List(
        Text(max_length=100),
        required=True,
        metadata=_says("Masked codes of coupons that can be used again."),
    )
    balances = fields.Nested(BalancesSchema, required=True, allow_none=True)


class LifetimeSchema(WireSchema):
    """What happened to a member's points so far.

    Earned − redeemed − expired − clawed back + adjusted is what the member owns less what it owes.
    """

    earned = Points(required=True, metadata=_says("Without adjustments.", 5000))
    redeemed = Points(required=True, metadata=_says("Less what came back.", 1200))
    expired = Points(required=True, metadata=_says("Lapsed unused.", 100))
    clawed_back = Points(required=True, metadata=_says("Taken or owed for returns.", 20))
    adjusted = Points(
        required=True, minimum=-(10**12), metadata=_says("Net of corrections by staff.", 0)
    )


class ExpiringSchema(WireSchema):
    """Points that lapse at one instant (L4)."""

    points = Points(required=True, metadata=_says("Lapse then.", 300))
    expires_at = Instant(required=True, metadata=_says("From this instant they are gone."))
    expires_on = LocalDate(required=True, metadata=_says("Last local day they can be used."))
    days_left = StrictInteger(required=True, metadata=_says("Local days until then.", 41))


class BalanceSchema(WireSchema):
    """A member's points now."""

    member_id = Id(required=True)
    balances = fields.Nested(BalancesSchema, required=True)
    lifetime = fields.Nested(LifetimeSchema, required=True)
    expiring = fields.List(fields.Nested(ExpiringSchema), required=True)
    as_of = Instant(required=True)


class TransactionReferenceSchema(WireSchema):
    """What caused an entry."""

    kind = Text(required=True, metadata=_says("sale, return, cancel or lot.", "sale"))
    id = Text(required=True, max_length=300, metadata=_says("Its id.", "S001-20261122-0042"))


class TransactionLotSchema(WireSchema):
    """A lot that an entry gave to (+) or took from (−)."""

    lot_id = Id(required=True)
    points = StrictInteger(required=True, metadata=_says("Signed.", 55))
    expires_at = Instant(required=True, allow_none=True)


class TransactionSchema(WireSchema):
    """An entry of the journal."""

    id = Id(required=True)
    type = Choice(*TRANSACTION_TYPES, required=True)
    points = StrictInteger(required=True, metadata=_says("Signed effect on `available`.", 55))
    balance_after = Points(required=True, metadata=_says("`available` after it.", 1280))
    occurred_at = Instant(required=True)
    posted_at = Instant(required=True)
    reason_code = Text(required=True, allow_none=True)
    reference = fields.Nested(TransactionReferenceSchema, required=True)
    lots = fields.List(fields.Nested(TransactionLotSchema), required=True)


class DriftSchema(WireSchema):
    """A figure that differs from what the journal or the lots say."""

    member_id = Id(required=True)
    account = Text(required=True, metadata=_says("Which figure.", "available"))
    cached = StrictInteger(required=True)
    computed = StrictInteger(required=True)
    source = Text(required=True, metadata=_says("postings or lots", "postings"))


class VerificationSchema(WireSchema):
    """Whether cache = Σ postings = Σ lots' remaining, per account (L2)."""

    ok = StrictBoolean(required=True)
    accounts_checked = StrictInteger(required=True)
    postings_checked = StrictInteger(required=True)
    drift = fields.List(
        fields.Nested(DriftSchema), required=True, metadata=_says("The first 100 differences.")
    )
