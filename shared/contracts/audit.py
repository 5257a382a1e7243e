"""The audit trail on the wire (I4)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import Id, Instant, StrictBoolean, StrictInteger, Text
from shared.contracts.method import Method

GENESIS = "00" * 32


def _described(description: str, example: Any = None) -> dict[str, Any]:
    return {"description": description} | ({} if example is None else {"example": example})


class PartySchema(WireSchema):
    """Somebody who acted, or something that was acted on."""

    kind = fields.String(required=True, metadata=_described("What it is.", "staff"))
    id = fields.String(required=True)


class AuditRowSchema(WireSchema):
    """One privileged action. Its hash covers the row and the hash of the row before it."""

    audit_id = Id(required=True)
    at = Instant(required=True)
    service = fields.String(required=True, metadata=_described("Who noted it.", "identity"))
    actor = fields.Nested(PartySchema, required=True)
    action = fields.String(required=True, metadata=_described("What was done.", "staff.update"))
    target = fields.Nested(PartySchema, required=True)
    before = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    after = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True)
    hash = fields.String(required=True, metadata=_described("SHA-256 in hex."))


class AuditFilter(WireSchema):
    """Which rows to list."""

    actor = Text(metadata=_described("Id, or kind and id.", "staff:0192f3a0-0000-7000-8000-1"))
    action = Text(max_length=60, metadata=_described("Exactly this.", "staff.update"))
    target = Text(metadata=_described("Id, or kind and id.", "store:SH-001"))
    since = Instant(data_key="from", metadata=_described("Not before."))
    until = Instant(metadata=_described("Before."))


class AuditQuery(AuditFilter, PageQuery):
    """`AuditFilter` for one page, newest first."""


class AuditPlaceSchema(WireSchema):
    """Where to go on proving: after the row of this number and hash."""

    sequence = StrictInteger(load_default=0, validate=validate.Range(min=0))
    digest = Text(load_default=GENESIS, validate=validate.Regexp(r"\A[0-9a-f]{64}\Z"))


class BrokenRowSchema(WireSchema):
    """The first row that is not what was written."""

    sequence = StrictInteger(required=True, metadata=_described("Number within the service.", 17))
    audit_id = Id(required=True, allow_none=True, metadata=_described("Null where it is missing."))
    problem = fields.String(required=True)


class AuditProofSchema(WireSchema):
    """Whether one service's trail is whole."""

    service = fields.String(required=True)
    ok = StrictBoolean(required=True)
    rows = StrictInteger(required=True, metadata=_described("Rows that are as written.", 421))
    head = fields.String(
        required=True,
        metadata=_described("Hash of the last of them; kept elsewhere, it proves later cuts."),
    )
    broken = fields.Nested(BrokenRowSchema, required=True, allow_none=True)


class AuditProofPage(AuditProofSchema):
    """`AuditProofSchema` as far as one call looks."""

    complete = StrictBoolean(required=True)


LIST_AUDIT = Method("platform", "list_audit", AuditQuery, page_of(AuditRowSchema))
VERIFY_AUDIT = Method("platform", "verify_audit", AuditPlaceSchema, AuditProofPage, timeout_s=30)
"""Each is addressed by `shared.contracts.platform.of`."""
