"""Rotating codes as they travel (M2)."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.contracts.base import WireSchema
from shared.contracts.fields import Choice, ExternalKey, Id, Instant, StrictBoolean, Text
from shared.contracts.members.events import MEMBER_STATUSES
from shared.contracts.members.schemas import MAX_REFERENCES, described

REFUSALS = ("code_invalid", "code_expired", "code_used")
"""Why a code does not count."""


class CodeSchema(WireSchema):
    """A member's code of this step."""

    barcode = Text(
        required=True,
        metadata=described("20 digits, for a till that is online.", "48151623421098765432"),
    )
    signed = Text(
        required=True,
        max_length=1_024,
        metadata=described("A JWT that `/v1/codes/jwks.json` verifies, for a till that is not."),
    )
    expires_at = Instant(required=True, metadata=described("When the next code is to be shown."))


class CodeKeySchema(WireSchema):
    """A public key, as RFC 8037 writes it."""

    kty = Text(required=True, metadata=described("Key type.", "OKP"))
    crv = Text(required=True, metadata=described("Curve.", "Ed25519"))
    x = Text(required=True, metadata=described("The key itself, base64url."))
    kid = Text(required=True, metadata=described("Name of the key in a code's header."))
    alg = Text(required=True, metadata=described("Algorithm.", "EdDSA"))
    use = Text(required=True, metadata=described("What for.", "sig"))


class CodeKeysSchema(WireSchema):
    """The keys that verify signed codes (RFC 7517)."""

    keys = fields.List(fields.Nested(CodeKeySchema), required=True)


class UseSchema(WireSchema):
    """A code that a till scanned for a sale."""

    value = Text(required=True, max_length=1_024)
    use_id = ExternalKey(required=True)
    """The sale's id: a retry names the same."""
    spends = StrictBoolean(required=True)
    """Whether points are spent on it: then the code counts once, and only now."""
    at = Instant(required=True)
    """When the sale occurred: one that does not spend is judged by the code of then (S5)."""


class UsesSchema(WireSchema):
    """Several codes at once."""

    uses = fields.List(
        fields.Nested(UseSchema), required=True, validate=validate.Length(max=MAX_REFERENCES)
    )


class UseResultSchema(WireSchema):
    """Whose code it is; ``refusal`` says why it does not count."""

    found = StrictBoolean(required=True)
    member_id = Id(required=True, allow_none=True)
    status = Choice(*MEMBER_STATUSES, required=True, allow_none=True)
    refusal = Choice(*REFUSALS, required=True, allow_none=True)


class UsedSchema(WireSchema):
    """One answer a use, in their order."""

    results = fields.List(fields.Nested(UseResultSchema), required=True)
