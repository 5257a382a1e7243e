"""Second factors of staff, as they travel (I3)."""

from __future__ import annotations

from marshmallow import fields

from shared.contracts.base import WireSchema
from shared.contracts.fields import Id, StrictBoolean, Text


class TotpSecretSchema(WireSchema):
    """What an authenticator app needs; shown once."""

    secret = fields.String(
        required=True, metadata={"description": "To type in.", "example": "JBSWY3DPEHPK3PXP"}
    )
    otpauth_uri = fields.String(
        required=True, metadata={"example": "otpauth://totp/Loyalty:li?secret=JBSWY3DPEHPK3PXP"}
    )


class TotpCodeSchema(WireSchema):
    """A code that an authenticator app shows."""

    code = Text(required=True, max_length=20, metadata={"example": "287082"})


class TotpStateSchema(WireSchema):
    """Whether a code is asked for at sign-in."""

    active = StrictBoolean(required=True)


class TotpResetSchema(WireSchema):
    """Why somebody's second factor is taken away."""

    reason = Text(required=True, max_length=500, metadata={"example": "Lost the phone."})


class TotpCodeCommand(TotpCodeSchema):
    """`TotpCodeSchema` with whose app it is."""

    staff_id = Id(required=True)


class TotpResetCommand(TotpResetSchema):
    """`TotpResetSchema` with whose it is."""

    staff_id = Id(required=True)
