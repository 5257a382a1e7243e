"""What the tiers service answers."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from shared.contracts.base import EmptySchema, PageQuery, page_of
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.method import Method
from shared.contracts.tiers import benefits, overrides, programmes, schemas
from shared.errors import Invalid, NotFound
from shared.errors.jobs import TooManyJobs
from shared.errors.tiers import (
    BenefitExhausted,
    BenefitNotAvailable,
    BenefitOrderCancelled,
    BenefitUseConflict,
    EffectiveFromPast,
    EffectiveFromTaken,
    OverrideAlreadyOpen,
    OverrideBelowEarned,
    OverrideExpiryPast,
    OverrideSelfApproval,
    OverrideStateConflict,
    PlanNotOnSale,
    PlanTaken,
    ProgrammePublished,
    SubscriptionConflict,
    UnknownTier,
)

SERVICE = "tiers"


def _method(
    name: str, request: type[Schema], response: type[Schema], *errors: Any, **options: Any
) -> Method:
    return Method(SERVICE, name, request, response, errors=errors, **options)


PROGRAMME = _method("programme", EmptySchema, programmes.ProgrammeSchema)
MEMBER_TIER = _method("member_tier", schemas.MemberTierQuery, schemas.MemberTierSchema)
"""Answers the entry tier for a member it has not heard of: members decides who exists."""
TIER_HISTORY = _method("tier_history", schemas.HistoryQuery, page_of(schemas.TierChangeSchema))

REQUEST_OVERRIDE = _method(
    "request_override",
    overrides.RequestOverride,
    overrides.OverrideSchema,
    OverrideExpiryPast,
    UnknownTier,
    OverrideBelowEarned,
    OverrideAlreadyOpen,
    success=201,
)
OVERRIDE = _method("override", overrides.OverrideRef, overrides.OverrideSchema, NotFound)
OVERRIDES = _method("overrides", overrides.OverridesQuery, page_of(overrides.OverrideSchema))
APPROVE_OVERRIDE = _method(
    "approve_override",
    overrides.DecideOverride,
    overrides.OverrideSchema,
    NotFound,
    OverrideStateConflict,
    OverrideSelfApproval,
    OverrideExpiryPast,
    UnknownTier,
    OverrideBelowEarned,
)
REJECT_OVERRIDE = _method(
    "reject_override",
    overrides.DecideOverride,
    overrides.OverrideSchema,
    NotFound,
    OverrideStateConflict,
)
REVOKE_OVERRIDE = _method(
    "revoke_override",
    overrides.DecideOverride,
    overrides.OverrideSchema,
    NotFound,
    OverrideStateConflict,
)

CREATE_PROGRAMME = _method(
    "create_programme",
    programmes.ProgrammeDraftSchema,
    programmes.TierProgrammeSchema,
    Invalid,
    success=201,
)
PROGRAMME_VERSION = _method(
    "programme_version", programmes.VersionRef, programmes.TierProgrammeSchema, NotFound
)
PROGRAMMES = _method("programmes", PageQuery, page_of(programmes.TierProgrammeSchema))
AMEND_PROGRAMME = _method(
    "amend_programme",
    programmes.AmendProgramme,
    programmes.TierProgrammeSchema,
    NotFound,
    ProgrammePublished,
    Invalid,
)
PUBLISH_PROGRAMME = _method(
    "publish_programme",
    programmes.PublishProgramme,
    programmes.TierProgrammeSchema,
    NotFound,
    ProgrammePublished,
    EffectiveFromPast,
    EffectiveFromTaken,
)
SIMULATE_PROGRAMME = _method(
    "simulate_programme",
    programmes.VersionRef,
    JobStartedSchema,
    NotFound,
    TooManyJobs,
    success=202,
)

MEMBER_BENEFITS = _method("member_benefits", benefits.BenefitsQuery, benefits.BenefitsSchema)
USE_BENEFIT = _method(
    "use_benefit",
    benefits.UseBenefit,
    benefits.BenefitUseSchema,
    BenefitNotAvailable,
    BenefitExhausted,
    BenefitUseConflict,
    BenefitOrderCancelled,
    success=201,
)
REVERSE_USE = _method("reverse_use", benefits.ReverseUse, benefits.BenefitUseSchema, NotFound)

CREATE_PLAN = _method(
    "create_plan",
    benefits.PlanTermsSchema,
    benefits.PlanSchema,
    UnknownTier,
    PlanTaken,
    success=201,
)
PLAN = _method("plan", benefits.PlanRef, benefits.PlanSchema, NotFound)
PLANS = _method("plans", PageQuery, page_of(benefits.PlanSchema))
AMEND_PLAN = _method("amend_plan", benefits.AmendPlan, benefits.PlanSchema, NotFound, UnknownTier)
BUY_PLAN = _method(
    "buy_plan",
    benefits.BuyPlan,
    benefits.SubscriptionSchema,
    SubscriptionConflict,
    PlanNotOnSale,
    success=201,
)
SUBSCRIPTION = _method(
    "subscription", benefits.SubscriptionRef, benefits.SubscriptionSchema, NotFound
)
SUBSCRIPTIONS = _method(
    "subscriptions", benefits.SubscriptionsQuery, page_of(benefits.SubscriptionSchema)
)
CANCEL_SUBSCRIPTIONS = _method(
    "cancel_subscriptions", benefits.CancelPurchase, benefits.SubscriptionsSchema, NotFound
)
