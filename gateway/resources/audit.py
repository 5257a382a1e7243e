"""The audit trail: who did what, and that nobody has changed the record since (I4)."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields

from gateway.backend import call, json_response
from gateway.paging import ListQuery, list_of, respond_merged_page
from gateway.routing import Resource
from shared.contracts import audit as contract
from shared.contracts.base import WireSchema
from shared.contracts.fields import Choice, StrictBoolean
from shared.contracts.platform import SERVICES, of

resource = Resource("audit", description="Who did what with which right.")

_FILTERS = ("actor", "action", "target", "from", "until")


class AuditListQuery(ListQuery, contract.AuditFilter):
    """Which rows to list."""

    service = Choice(*SERVICES, metadata={"description": "Only those of this service."})


class AuditVerificationSchema(WireSchema):
    """Whether every service's trail is whole."""

    ok = StrictBoolean(required=True)
    services = fields.List(fields.Nested(contract.AuditProofSchema), required=True)


@resource.get(
    "/v1/audit",
    scopes=("audit:read",),
    query=AuditListQuery,
    response=list_of(contract.AuditRowSchema),
)
def list_audit(query: dict[str, Any]) -> Response:
    """List privileged actions of all services, newest first.

    Personal values are not in it: fields are named, or their values masked.
    """
    services = [query["service"]] if "service" in query else SERVICES
    methods = [of(service, contract.LIST_AUDIT) for service in services]
    wanted = {name: query[name] for name in _FILTERS if name in query}
    return respond_merged_page(methods, wanted, query, key="audit_id")


@resource.get("/v1/audit/verify", scopes=("audit:read",), response=AuditVerificationSchema)
def verify_audit() -> Response:
    """Prove the trail of every service, and name the first row that is not what was written.

    Rows that were cut off at the end together with the record of where it is cannot be missed from
    within: keep the heads elsewhere, and compare.
    """
    found = [_proof(service) for service in SERVICES]
    return json_response({"ok": all(each["ok"] for each in found), "services": found})


def _proof(service: str) -> dict[str, Any]:
    """Return one service's proof, made part by part so that no call takes long."""
    method = of(service, contract.VERIFY_AUDIT)
    place: dict[str, Any] = {}
    while True:
        page = call(method, place).body
        if page.pop("complete"):
            return page
        place = {"sequence": page["rows"], "digest": page["head"]}
