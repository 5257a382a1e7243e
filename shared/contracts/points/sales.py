"""What sales look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from typing import Any

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.fields import (
    MAX_AMOUNT,
    Choice,
    Currency,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    Minor,
    Points,
    StrictInteger,
    Text,
)
from shared.contracts.lines import LinesSchema
from shared.contracts.members.schemas import ReferenceSchema
from shared.contracts.points.schemas import BalancesSchema, says

LINE_KINDS = ("product", "shipping", "gift_card", "fee")
SALE_STATUSES = ("completed", "returned", "cancelled")
MAX_LINES = 1_000
MAX_SALES = 500
MAX_CODES = 30
MAX_QUANTITY = 10**6
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+-]*")
_LONGEST_ID, _LONGEST_TEXT = 100, 200


class SaleLineSchema(WireSchema):
    """One line of a sale: all pieces of one article."""

    line_id = ExternalKey(required=True, metadata=says("Unique within the sale.", "1"))
    sku = Text(required=True, metadata=says("Article.", "TEA-500"))
    category = Text(allow_none=True, load_default=None, metadata=says("Category.", "tea"))
    brand = Text(allow_none=True, load_default=None, metadata=says("Brand.", "Longjing"))
    kind = Choice(
        *LINE_KINDS, load_default="product", metadata=says("Only products earn points.", "product")
    )
    quantity = StrictInteger(
        required=True,
        validate=validate.Range(min=1, max=MAX_QUANTITY),
        metadata=says("Pieces.", 2),
    )
    net_minor = Minor(
        required=True,
        metadata=says(
            "Price of all pieces after the till's own discounts, before the coupons and points of "
            "this sale.",
            6000,
        ),
    )


class SoldLineSchema(SaleLineSchema):
    """A line with what coupons took off it."""

    discount_minor = Minor(load_default=0)


class Lines(fields.List[Any]):
    """A list of lines, read by a short cut.

    A batch has thousands of lines, and the schema takes ten times as long for one. What the short
    cut understands it reads as the schema would; anything else it leaves to the schema, which also
    says what is wrong.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        known = self.inner.schema.fields.keys()  # type: ignore[attr-defined]
        if isinstance(value, list):
            quick = [_plain_line(line, known) for line in value]
            if None not in quick:
                return quick
        return super()._deserialize(value, attr, data, **kwargs)


def _plain_line(line: Any, known: Set[str]) -> dict[str, Any] | None:
    """Return a line as the schema would load it, or None where that takes a closer look."""
    if type(line) is not dict:
        return None
    read: dict[str, Any] = {**_DEFAULTS, **line}
    if "discount_minor" in known:
        read.setdefault("discount_minor", 0)
    if read.keys() != known:
        return None
    return read if all(_PLAIN[name](value) for name, value in read.items()) else None


def _is_plain(text: Any) -> bool:
    return type(text) is str and 1 <= len(text) <= _LONGEST_TEXT and text.isprintable()


def _is_id(text: Any) -> bool:
    return type(text) is str and len(text) <= _LONGEST_ID and bool(_PLAIN_ID.fullmatch(text))


def _is_amount(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_AMOUNT


_DEFAULTS = {"category": None, "brand": None, "kind": "product"}
_PLAIN: dict[str, Callable[[Any], bool]] = {
    "line_id": _is_id,
    "sku": _is_plain,
    "category": lambda text: text is None or _is_plain(text),
    "brand": lambda text: text is None or _is_plain(text),
    "kind": lambda kind: type(kind) is str and kind in LINE_KINDS,
    "quantity": lambda pieces: type(pieces) is int and 1 <= pieces <= MAX_QUANTITY,
    "net_minor": _is_amount,
    "discount_minor": _is_amount,
}


class SaleFactsSchema(WireSchema):
    """What a sale says beside member, lines and coupons."""

    sale_id = ExternalKey(required=True, metadata=says("The caller's id.", "S001-20261122-0042"))
    occurred_at = Instant(required=True, metadata=says("When it happened."))
    currency = Currency(required=True, metadata=says("The programme's currency.", "CNY"))
    store_id = ExternalKey(
        allow_none=True,
        load_default=None,
        metadata=says("A terminal's own store where left out.", "S001"),
    )
    points_to_redeem = Points(
        load_default=0, metadata=says("Points that pay a part: 100 at least, half at most.", 0)
    )
    offline_allowance = Text(
        allow_none=True,
        load_default=None,
        max_length=2_000,
        metadata=says(
            "The `signature` of the allowance that a till spent `points_to_redeem` by while it was "
            "offline."
        ),
    )
    terminal_counter = StrictInteger(
        allow_none=True,
        load_default=None,
        validate=validate.Range(min=0, max=2**53),
        metadata=says("The terminal's running number; never twice.", 42),
    )


class SaleSchema(SaleFactsSchema, LinesSchema):
    """A finished sale as a till or a shop posts it."""

    member = fields.Nested(
        ReferenceSchema,
        allow_none=True,
        load_default=None,
        metadata=says("Who bought; without it the answer has a receipt code."),
    )
    lines = Lines(
        fields.Nested(SaleLineSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_LINES),
    )
    coupons = fields.List(
        Text(max_length=100),
        load_default=list,
        validate=validate.Length(max=MAX_CODES),
        metadata=says("Coupon codes; one that does not count is named, the sale stands.", []),
    )


class TotalsSchema(WireSchema):
    """What the sale cost: gross less coupons less points is payable."""

    gross_minor = Minor(required=True, metadata=says("Sum of the lines as given.", 6000))
    discount_minor = Minor(required=True, metadata=says("Taken off by coupons.", 500))
    points_minor = Minor(required=True, metadata=says("Paid with points.", 0))
    payable_minor = Minor(required=True, metadata=says("Left to pay with money.", 5500))


class SalePointsSchema(WireSchema):
    """What the sale did to the member's points."""

    earned = Points(required=True, metadata=says("Awarded by this sale.", 55))
    pending = Points(required=True, metadata=says("Part of `earned` not usable yet.", 0))
    redeemed = Points(required=True, metadata=says("Spent on this sale.", 0))
    available_on = LocalDate(
        required=True, allow_none=True, metadata=says("Local date from which all are usable.")
    )


class ExplainedLineSchema(WireSchema):
    """A line's part in an award."""

    line_id = ExternalKey(required=True)
    eligible_minor = Minor(required=True)
    points = Points(
        metadata=says(
            "Under its base rule: all the points of the line; returns take back at most these.", 55
        )
    )
    exact = Text(metadata=says("Under another rule: what it adds to the line, exactly.", "13.75"))


class ExplanationSchema(WireSchema):
    """Why an award is what it is (E3)."""

    rule = Text(required=True, metadata=says("Name of the rule.", "base"))
    version = StrictInteger(required=True, metadata=says("Version of the rule.", 1))
    rule_id = Id(metadata=says("Of a published rule; the programme's own has none."))
    inputs = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata=says(
            "What it was computed from; exact numbers are decimal strings.",
            {"eligible_minor": 5500, "rate": "0.01", "multiplier": "1.25", "tier": "GOLD"},
        ),
    )
    exact = Text(required=True, metadata=says("Before caps and rounding.", "68.75"))
    rounded = Points(
        required=True, metadata=says("Awarded; what a cap cut says `cap` in `inputs`.", 68)
    )
    lines = fields.List(fields.Nested(ExplainedLineSchema), required=True)


class SaleCouponSchema(WireSchema):
    """A coupon that counted."""

    code = Text(required=True, max_length=100, metadata=says("Masked but for its giver."))
    coupon_id = Id(required=True, allow_none=True, metadata=says("Null for a public code."))
    campaign_id = Id(required=True)
    name = Text(required=True, max_length=1_000)
    gift_sku = Text(
        allow_none=True, load_default=None, metadata=says("Article to add at 0; of a gift only.")
    )
    discount_minor = Minor(required=True)


class UnusedCouponSchema(WireSchema):
    """A code that did not count, and why."""

    code = Text(required=True, max_length=100)
    reason = Text(required=True, metadata=says("Stable code.", "below_minimum"))
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
        required=True, allow_none=True, metadata=says("Tier the award was judged by.", "GOLD")
    )
    receipt_code = Text(metadata=says("Only for a sale without member: claims its points later."))


class SaleLineViewSchema(SaleLineSchema):
    """A line and what became of it."""

    discount_minor = Minor(required=True, metadata=says("Taken off by coupons.", 500))
    points_minor = Minor(required=True, metadata=says("Paid with points.", 0))
    points = Points(required=True, metadata=says("Earned by this line.", 55))
    returned_quantity = StrictInteger(required=True, metadata=says("Pieces brought back.", 0))
    refunded_minor = Minor(required=True, metadata=says("Refunded so far.", 0))
    clawed_back = Points(required=True, metadata=says("Claimed back by returns so far.", 0))


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
    claimed_at = Instant(
        required=True,
        allow_none=True,
        metadata=says("When it was claimed by its receipt code; its points are the claim's."),
    )


class SaleBatchSchema(WireSchema):
    """Sales in the order they happened.

    Only ``sale_id`` must be right for the batch to be read: a sale with any other mistake is
    rejected in its own result and leaves the rest alone.
    """

    sales = fields.List(
        fields.Nested(SaleSchema),
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

    code = Text(required=True, metadata=says("Stable, snake_case.", "unknown_member"))
    status = StrictInteger(required=True, metadata=says("HTTP status of a single post.", 422))
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorFieldSchema), required=True)


class SaleResultSchema(WireSchema):
    """What became of one sale of a batch."""

    sale_id = ExternalKey(required=True)
    status = Choice("created", "replayed", "rejected", required=True)
    points = fields.Nested(SalePointsSchema, metadata=says("Unless rejected."))
    coupons = fields.Nested(
        SaleCouponsSchema, metadata=says("Where the sale named coupons and was not rejected.")
    )
    error = fields.Nested(SaleErrorSchema, metadata=says("Only where rejected."))


class SaleResultsSchema(WireSchema):
    """One result a sale, in their order."""

    results = fields.List(fields.Nested(SaleResultSchema), required=True)
