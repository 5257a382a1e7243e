"""What the points service answers."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import EmptySchema, PageQuery, WireSchema, page_of
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.identity.schemas import JwksSchema
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.lines import LinesSchema
from shared.contracts.members.codes import REFUSALS as CODE_REFUSALS
from shared.contracts.members.events import MEMBER_STATUSES
from shared.contracts.members.schemas import REFERENCE_TYPES
from shared.contracts.method import Method
from shared.contracts.points import (
    activities,
    checkouts,
    claims,
    pos,
    quotes,
    returns,
    sales,
    schemas,
    simulations,
)
from shared.contracts.points import earning_rules as rules
from shared.errors import NotFound
from shared.errors import checkout as checkout_errors
from shared.errors import members as member_errors
from shared.errors import points as errors
from shared.errors.jobs import TooManyJobs

SERVICE = "points"
UNKNOWN = rules.UNKNOWN


class RecordSaleSchema(sales.SaleFactsSchema, LinesSchema):
    """A sale with its member resolved and its coupons settled by the gateway."""

    member_id = Id(required=True, allow_none=True)
    member_status = Choice(
        *MEMBER_STATUSES, UNKNOWN, *CODE_REFUSALS, allow_none=True, load_default=None
    )
    """What members says of who is named; `UNKNOWN` when nobody answers to that, null if none is.

    Of a rotating code that does not count, it is the reason.
    It is judged here, not by the gateway: a retry gets its answer however the member fares since.
    """
    identified_by = Choice(*REFERENCE_TYPES, allow_none=True, load_default=None)
    """What the member was recognised by: a card spends less than a code (M2)."""
    lines = sales.Lines(
        fields.Nested(sales.SoldLineSchema),
        required=True,
        validate=validate.Length(min=1, max=sales.MAX_LINES),
    )
    codes_digest = Text(allow_none=True, load_default=None)
    """Digest of the coupon codes given: they are content, but never stored here (C8)."""
    coupons = fields.Nested(sales.SaleCouponsSchema, allow_none=True, load_default=None)
    """What coupons answered, codes masked; null for a sale without codes."""
    checkout_attempt = StrictInteger(allow_none=True, load_default=None)
    """Which opening of the order's checkout this sale completes; needed where coupons apply."""


class RecordSalesSchema(WireSchema):
    """Sales in the order they happened."""

    sales = fields.List(
        fields.Nested(RecordSaleSchema),
        required=True,
        validate=validate.Length(min=1, max=sales.MAX_SALES),
    )


class SaleIdSchema(WireSchema):
    """One sale by id."""

    sale_id = ExternalKey(required=True)


class ReturnSaleSchema(returns.ReturnSchema):
    """`ReturnSchema` with which sale it is of."""

    sale_id = ExternalKey(required=True)


class CancelSaleSchema(returns.CancelSchema):
    """`CancelSchema` with which sale it is of."""

    sale_id = ExternalKey(required=True)


class ClaimSaleSchema(WireSchema):
    """Who claims which sale, its member resolved by the gateway."""

    sale_id = ExternalKey(required=True)
    receipt_code = Text(required=True, max_length=100)
    member_id = Id(required=True, allow_none=True)
    member_status = Choice(
        *MEMBER_STATUSES, UNKNOWN, *CODE_REFUSALS, allow_none=True, load_default=None
    )


class MemberPointsSchema(WireSchema):
    """One member's points."""

    member_id = Id(required=True)
    exists = StrictBoolean(load_default=False)
    """True when the caller knows that there is such a member, though points may not yet."""


class MemberTransactionsSchema(PageQuery):
    """One member's journal, newest first."""

    member_id = Id(required=True)
    exists = StrictBoolean(load_default=False)
    """As in `MemberPointsSchema`."""


_SALE_REFUSALS = (
    errors.CurrencyMismatch,
    errors.SaleInFuture,
    errors.SaleTooOld,
    errors.UnknownMember,
    member_errors.CodeInvalid,
    member_errors.CodeExpired,
    member_errors.CodeUsed,
    *errors.NOT_ACTIVE,
    errors.CardSpendingLimit,
    errors.MemberRequired,
    errors.InsufficientPoints,
    errors.OfflineAllowanceExceeded,
    errors.RedemptionOutOfRange,
    errors.SaleIdConflict,
    errors.TerminalCounterConflict,
    errors.CheckoutNotOpen,
)

RECORD_SALE = Method(
    SERVICE,
    "record_sale",
    RecordSaleSchema,
    sales.SaleAnswerSchema,
    success=201,
    errors=_SALE_REFUSALS,
)
RECORD_SALES = Method(
    SERVICE, "record_sales", RecordSalesSchema, sales.SaleResultsSchema, timeout_s=30
)
GET_SALE = Method(SERVICE, "get_sale", SaleIdSchema, sales.SaleViewSchema, errors=(NotFound,))
RETURN_SALE = Method(
    SERVICE,
    "return_sale",
    ReturnSaleSchema,
    returns.ReturnAnswerSchema,
    success=201,
    errors=(
        NotFound,
        errors.SaleInFuture,
        errors.SaleTooOld,
        errors.UnknownLine,
        errors.ReturnExceedsSale,
        errors.ReturnIdConflict,
        errors.SaleCancelled,
    ),
)
CANCEL_SALE = Method(
    SERVICE,
    "cancel_sale",
    CancelSaleSchema,
    returns.ReturnAnswerSchema,
    errors=(NotFound, errors.SaleCancelled),
)
BALANCE = Method(SERVICE, "balance", MemberPointsSchema, schemas.BalanceSchema, errors=(NotFound,))
TRANSACTIONS = Method(
    SERVICE,
    "transactions",
    MemberTransactionsSchema,
    page_of(schemas.TransactionSchema),
    errors=(NotFound,),
)
VERIFY = Method(SERVICE, "verify", EmptySchema, schemas.VerificationSchema, timeout_s=60)
CREATE_RULE = Method(SERVICE, "create_rule", rules.RuleDraftSchema, rules.RuleSchema, success=201)
RULES = Method(SERVICE, "rules", rules.RulesQuery, page_of(rules.RuleSchema))
RULE = Method(SERVICE, "rule", rules.RuleIdSchema, rules.RuleSchema, errors=(NotFound,))
AMEND_RULE = Method(
    SERVICE,
    "amend_rule",
    rules.AmendRuleSchema,
    rules.RuleSchema,
    errors=(NotFound, errors.RuleStateConflict),
)
PUBLISH_RULE = Method(
    SERVICE,
    "publish_rule",
    rules.PublishRuleCommand,
    rules.RuleSchema,
    errors=(NotFound, errors.RuleStateConflict, errors.RuleNotValid),
)
RETIRE_RULE = Method(
    SERVICE,
    "retire_rule",
    rules.RuleIdSchema,
    rules.RuleSchema,
    errors=(NotFound, errors.RuleStateConflict),
)
SIMULATE_RULES = Method(
    SERVICE,
    "simulate_rules",
    simulations.SimulateCommand,
    simulations.SimulationSchema,
    errors=(
        errors.CurrencyMismatch,
        errors.UnknownMember,
        errors.MemberRequired,
        errors.RedemptionOutOfRange,
        errors.RuleNotValid,
    ),
)
QUOTE_SALE = Method(
    SERVICE,
    "quote_sale",
    quotes.QuoteSaleSchema,
    quotes.QuotedSaleSchema,
    errors=(
        errors.CurrencyMismatch,
        *errors.NOT_ACTIVE,
        errors.MemberRequired,
        errors.InsufficientPoints,
        errors.RedemptionOutOfRange,
    ),
)
SIMULATE_PERIOD = Method(
    SERVICE,
    "simulate_period",
    simulations.SimulatePeriodSchema,
    JobStartedSchema,
    success=202,
    errors=(errors.RuleNotValid, TooManyJobs),
)
RECORD_ACTIVITY = Method(
    SERVICE,
    "record_activity",
    activities.RecordActivitySchema,
    activities.ActivityAnswerSchema,
    success=201,
    errors=(
        errors.UnknownMember,
        *errors.NOT_ACTIVE,
        member_errors.CodeInvalid,
        member_errors.CodeExpired,
        member_errors.CodeUsed,
        errors.ActivityIdConflict,
        errors.ActivityInFuture,
        errors.ActivityTooOld,
    ),
)
OPEN_CHECKOUT = Method(
    SERVICE,
    "open_checkout",
    checkouts.OpenCheckoutSchema,
    checkouts.CheckoutSchema,
    errors=(
        *errors.NOT_ACTIVE,
        errors.HoldConflict,
        checkout_errors.OrderIdConflict,
        checkout_errors.QuoteExpired,
        checkout_errors.QuoteNotCovered,
    ),
)
READY_CHECKOUT = Method(
    SERVICE,
    "ready_checkout",
    checkouts.CheckoutAttemptSchema,
    checkouts.CheckoutSchema,
    success=201,
    errors=(NotFound, checkout_errors.CheckoutClosed),
)
CHECKOUT = Method(
    SERVICE,
    "checkout",
    checkouts.CheckoutIdSchema,
    checkouts.CheckoutSchema,
    errors=(NotFound,),
)
COMPLETE_CHECKOUT = Method(
    SERVICE,
    "complete_checkout",
    checkouts.CompleteCheckoutCommand,
    sales.SaleAnswerSchema,
    success=201,
    errors=(
        NotFound,
        checkout_errors.CheckoutClosed,
        checkout_errors.CheckoutNotReady,
        checkout_errors.OrderIdConflict,
        checkout_errors.PaidBeforeOpened,
        *errors.NOT_ACTIVE,
        errors.SaleInFuture,
        errors.SaleTooOld,
    ),
)
CANCEL_CHECKOUT = Method(
    SERVICE,
    "cancel_checkout",
    checkouts.CloseCheckoutSchema,
    checkouts.CheckoutSchema,
    errors=(NotFound, errors.CheckoutCompleted),
)
CLAIM_SALE = Method(
    SERVICE,
    "claim_sale",
    ClaimSaleSchema,
    claims.ClaimAnswerSchema,
    errors=(
        NotFound,
        errors.SaleAlreadyClaimed,
        errors.ClaimTooLate,
        errors.UnknownMember,
        member_errors.CodeInvalid,
        member_errors.CodeExpired,
        member_errors.CodeUsed,
        *errors.NOT_ACTIVE,
    ),
)
OFFLINE_ALLOWANCE = Method(
    SERVICE,
    "offline_allowance",
    pos.AllowanceRequestSchema,
    pos.AllowanceSchema,
    errors=(*errors.NOT_ACTIVE,),
)
ALLOWANCE_KEYS = Method(SERVICE, "allowance_keys", EmptySchema, JwksSchema)
LIST_POS_EXCEPTIONS = Method(
    SERVICE, "list_pos_exceptions", pos.PosExceptionPageQuery, page_of(pos.PosExceptionSchema)
)
GET_POS_EXCEPTION = Method(
    SERVICE,
    "get_pos_exception",
    pos.PosExceptionKey,
    pos.PosExceptionSchema,
    errors=(NotFound,),
)
RESOLVE_POS_EXCEPTION = Method(
    SERVICE,
    "resolve_pos_exception",
    pos.ResolveExceptionSchema,
    pos.PosExceptionSchema,
    errors=(NotFound, errors.PosExceptionSettled),
)
