"""Earning rules: what marketing writes and publishes, and what it would cost."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_page
from gateway.routing import Resource
from gateway.sale_commands import resolve
from shared.contracts.fields import Choice
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.points import earning_rules as schemas
from shared.contracts.points import rpc, simulations

resource = Resource("earning_rules", description="What purchases and activities earn.")

_ONE = "/v1/earning-rules/<uuid:rule_id>"
_TOLD = ("currency", "store_id", "channel", "points_to_redeem", "lines")


class RulesQuery(ListQuery):
    """Which rules to list."""

    status = Choice(*schemas.RULE_STATUSES, metadata={"description": "Only these."})
    kind = Choice(*schemas.RULE_KINDS, metadata={"description": "Only these."})


@resource.post(
    "/v1/earning-rules",
    scopes=("rules:write",),
    body=schemas.RuleDraftSchema,
    response=schemas.RuleSchema,
    success=201,
)
def create_earning_rule(body: dict[str, Any]) -> Response:
    """Write an earning rule, as a draft."""
    return respond(call(rpc.CREATE_RULE, body))


@resource.get(
    "/v1/earning-rules",
    scopes=("rules:read",),
    query=RulesQuery,
    response=list_of(schemas.RuleSchema),
)
def list_earning_rules(query: dict[str, Any]) -> Response:
    """List earning rules, newest first."""
    wanted = {name: query.get(name) for name in ("status", "kind")}
    return respond_page(rpc.RULES, wanted, query)


@resource.get(_ONE, scopes=("rules:read",), response=schemas.RuleSchema)
def get_earning_rule(rule_id: str) -> Response:
    """Show an earning rule with all its versions."""
    return respond(call(rpc.RULE, {"rule_id": rule_id}))


@resource.patch(
    _ONE,
    scopes=("rules:write",),
    body=schemas.RulePatchSchema,
    response=schemas.RuleSchema,
    errors=rpc.AMEND_RULE.errors,
)
def amend_earning_rule(rule_id: str, body: dict[str, Any]) -> Response:
    """Change what the next version will say; published versions stay as they are."""
    return respond(call(rpc.AMEND_RULE, {**body, "rule_id": rule_id}))


@resource.post(
    f"{_ONE}/publish",
    scopes=("rules:write",),
    body=schemas.PublishRuleSchema,
    response=schemas.RuleSchema,
    errors=rpc.PUBLISH_RULE.errors,
)
def publish_earning_rule(rule_id: str, body: dict[str, Any]) -> Response:
    """Publish the terms as the rule's next version.

    It is good for what happens from `effective_from` on. Contradictions are named: base rules that
    overlap, impossible windows, caps that are never reached.
    """
    return respond(call(rpc.PUBLISH_RULE, {**body, "rule_id": rule_id}))


@resource.post(
    f"{_ONE}/retire",
    scopes=("rules:write",),
    response=schemas.RuleSchema,
    errors=rpc.RETIRE_RULE.errors,
)
def retire_earning_rule(rule_id: str) -> Response:
    """End a rule for good; what happened before is still judged by it."""
    return respond(call(rpc.RETIRE_RULE, {"rule_id": rule_id}))


@resource.post(
    "/v1/earning-rules/simulate",
    scopes=("rules:simulate",),
    body=simulations.SimulateSchema,
    response=simulations.SimulationSchema,
    errors=rpc.SIMULATE_RULES.errors,
    reads=True,
)
def simulate_earning_rules(body: dict[str, Any]) -> Response:
    """Try rules on a sale, at any time; nothing is written.

    `rules` are drafts, which are then the only rules. Without them the sale is judged by what is
    published at that time. Caps count what has been given so far.
    """
    sale = body["sale"]
    told = {name: sale[name] for name in _TOLD if sale.get(name) is not None}
    member = sale.get("member")
    who = resolve(member) if member else {"member_id": None, "member_status": None}
    return respond(
        call(
            rpc.SIMULATE_RULES,
            {
                "sale": {**told, **who},
                "at": body.get("at") or sale.get("occurred_at"),
                "rules": body.get("rules"),
            },
            idempotent=False,
        )
    )


@resource.post(
    "/v1/earning-rules/simulate-period",
    scopes=("rules:simulate",),
    body=simulations.SimulatePeriodSchema,
    response=JobStartedSchema,
    success=202,
    errors=rpc.SIMULATE_PERIOD.errors,
)
def simulate_period(body: dict[str, Any]) -> Response:
    """Judge the sales of a past period again, in the background.

    The job's `result` says what they cost (`did`) and what they would have cost by these rules
    (`would`), in all and by rule. Cancelled sales are left out, returns count on neither side.
    """
    return respond(call(rpc.SIMULATE_PERIOD, body))
