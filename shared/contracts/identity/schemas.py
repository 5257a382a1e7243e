"""Shapes of signing in, and of staff, stores, terminals and clients."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.security.scopes import STAFF_ROLES

MIN_PASSWORD_LENGTH = 12
MAX_OVERLAP_S = 7 * 86_400
DEFAULT_OVERLAP_S = 86_400

GRANTS: Mapping[str, tuple[str, ...]] = {
    "otp": ("phone", "code"),
    "password": ("username", "password"),
    "client_credentials": ("client_id", "client_secret"),
    "refresh_token": ("refresh_token",),
}
"""The fields that each ``grant_type`` takes: all of these and no others."""


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


class TimeZone(Text):
    """A name of the IANA time zone database."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if name not in _time_zones():
            raise ValidationError("Not an IANA time zone such as Asia/Shanghai.")
        return name


class Phone(Text):
    """A phone number as people write it; the service that keeps it normalises it to E.164."""

    def __init__(self, **kwargs: Any) -> None:
        """Accept up to 40 characters."""
        metadata = {"description": "Phone number, E.164 or national.", "example": "+8613800138000"}
        super().__init__(max_length=40, metadata=metadata, **kwargs)


def _new_password(*, required: bool) -> Text:
    return Text(
        required=required,
        min_length=MIN_PASSWORD_LENGTH,
        max_length=256,
        load_only=True,
        metadata={
            "description": f"At least {MIN_PASSWORD_LENGTH} characters.",
            "example": "correct horse battery",
        },
    )


def _roles(*, required: bool) -> fields.List[str]:
    return fields.List(
        Choice(*STAFF_ROLES),
        required=required,
        validate=validate.Length(min=1, max=len(STAFF_ROLES)),
        metadata={"description": "What the person may do.", "example": ["support"]},
    )


# --- signing in -----------------------------------------------------------------------------


class OtpRequestSchema(WireSchema):
    """Ask for a one-time code."""

    phone = Phone(required=True)


class OtpCommandSchema(OtpRequestSchema):
    """Ask for a one-time code, from an address."""

    address = Text(required=True, metadata={"description": "Network address of the caller."})


class OtpIssuedSchema(WireSchema):
    """A code is on its way."""

    expires_in = StrictInteger(
        required=True, metadata={"description": "Seconds for which it is valid.", "example": 300}
    )
    sandbox_code = fields.String(metadata={"description": "The code itself, in the sandbox only."})


class TokenRequestSchema(WireSchema):
    """Ask for an access token; which fields are needed depends on ``grant_type``."""

    grant_type = Choice(*GRANTS, required=True, metadata={"example": "password"})
    phone = Phone()
    code = Text(max_length=20, metadata={"description": "The one-time code."})
    username = Text(metadata={"example": "admin"})
    password = Text(max_length=256)
    totp = Text(
        max_length=20,
        metadata={
            "description": "With `password`, where the user has a second factor: the code its "
            "authenticator app shows. Each code signs in once.",
            "example": "287082",
        },
    )
    client_id = Text()
    client_secret = Text(max_length=256)
    refresh_token = Text(max_length=256)

    @validates_schema
    def _fields_fit_grant(self, data: Mapping[str, Any], **_: Any) -> None:
        wanted = GRANTS.get(data.get("grant_type", ""))
        if wanted is None:
            return
        every = {name for names in GRANTS.values() for name in names}
        if data["grant_type"] != "password":
            every.add("totp")
        wrong = {name: ["Missing data for required field."] for name in wanted if name not in data}
        wrong |= {
            name: ["Unknown field for this grant_type."]
            for name in sorted(every.intersection(data).difference(wanted))
        }
        if wrong:
            raise ValidationError(wrong)


class TokenCommandSchema(TokenRequestSchema):
    """A token request as the gateway passes it on."""

    member_id = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "Owner of the phone of an `otp` grant, null when it has none."},
    )


class TokenSchema(WireSchema):
    """An access token and what comes with it."""

    access_token = fields.String(required=True, metadata={"description": "A signed JWT."})
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = StrictInteger(required=True, metadata={"description": "Seconds.", "example": 900})
    refresh_token = fields.String(
        metadata={"description": "Good for one use; for people, not for machines."}
    )
    scope = fields.String(
        required=True,
        metadata={"description": "Scopes, separated by blanks.", "example": "self:read self:write"},
    )


class RevokeRequestSchema(WireSchema):
    """Sign out: end a refresh token and all of its family."""

    refresh_token = Text(required=True, max_length=256)


class JwksSchema(WireSchema):
    """The public keys that verify access tokens (RFC 7517)."""

    keys = fields.List(fields.Dict(keys=fields.String()), required=True)


# --- staff ----------------------------------------------------------------------------------


class StaffSchema(WireSchema):
    """Somebody who works with the platform."""

    staff_id = Id(required=True)
    username = fields.String(required=True, metadata={"example": "li.na"})
    roles = _roles(required=True)
    active = StrictBoolean(required=True)
    second_factor = StrictBoolean(
        required=True, metadata={"description": "Whether a code is asked for at sign-in."}
    )
    created_at = Instant(required=True)


class NewStaffSchema(WireSchema):
    """Let somebody work with the platform."""

    username = ExternalKey(required=True, metadata={"description": "In any case.", "example": "li"})
    password = _new_password(required=True)
    roles = _roles(required=True)


class StaffChangeSchema(WireSchema):
    """Change roles, password or access; a field left out stays."""

    roles = _roles(required=False)
    password = _new_password(required=False)
    active = StrictBoolean(metadata={"description": "False ends all sessions."})


class StaffKey(WireSchema):
    """Names a staff member."""

    staff_id = Id(required=True)


class StaffChangeCommand(StaffChangeSchema, StaffKey):
    """A change of one staff member."""


# --- stores ---------------------------------------------------------------------------------


class StoreSchema(WireSchema):
    """A place where members shop."""

    store_id = ExternalKey(required=True, metadata={"example": "SH-001"})
    name = Text(required=True, metadata={"example": "Nanjing Road"})
    time_zone = TimeZone(required=True, metadata={"example": "Asia/Shanghai"})
    active = StrictBoolean(required=True)
    created_at = Instant(required=True)


class NewStoreSchema(WireSchema):
    """Open a store."""

    store_id = ExternalKey(required=True, metadata={"example": "SH-001"})
    name = Text(required=True, metadata={"example": "Nanjing Road"})
    time_zone = TimeZone(required=True, metadata={"example": "Asia/Shanghai"})


class StoreChangeSchema(WireSchema):
    """Change a store; a field left out stays."""

    name = Text()
    time_zone = TimeZone()
    active = StrictBoolean()


class StoreKey(WireSchema):
    """Names a store."""

    store_id = ExternalKey(required=True)


class StoreChangeCommand(StoreChangeSchema, StoreKey):
    """A change of one store."""


# --- terminals and clients ------------------------------------------------------------------


class TerminalSchema(WireSchema):
    """A till, bound to one store."""

    terminal_id = ExternalKey(required=True, metadata={"example": "SH-001-T1"})
    store_id = ExternalKey(required=True, metadata={"example": "SH-001"})
    client_id = fields.String(required=True)
    active = StrictBoolean(required=True)
    created_at = Instant(required=True)


class NewTerminalSchema(WireSchema):
    """Set up a till in a store."""

    terminal_id = ExternalKey(required=True, metadata={"example": "SH-001-T1"})
    store_id = ExternalKey(required=True, metadata={"example": "SH-001"})


class TerminalChangeSchema(WireSchema):
    """Move a till to another store, or switch it off or on; a field left out stays."""

    store_id = ExternalKey()
    active = StrictBoolean(metadata={"description": "False refuses new tokens."})


class TerminalKey(WireSchema):
    """Names a terminal."""

    terminal_id = ExternalKey(required=True)


class TerminalChangeCommand(TerminalChangeSchema, TerminalKey):
    """A change of one terminal."""


class TerminalPageQuery(PageQuery):
    """Which terminals to list."""

    store_id = ExternalKey(load_default=None, allow_none=True)


class ClientSchema(WireSchema):
    """A program that acts for the chain, such as the web shop."""

    client_id = fields.String(required=True)
    name = Text(required=True, metadata={"example": "Web shop"})
    role = Choice("shop", required=True)
    active = StrictBoolean(required=True)
    created_at = Instant(required=True)


class NewClientSchema(WireSchema):
    """Let a program in."""

    name = Text(required=True, metadata={"example": "Web shop"})
    role = Choice("shop", required=True)


class ClientChangeSchema(WireSchema):
    """Rename a client, or switch it off or on; a field left out stays."""

    name = Text()
    active = StrictBoolean(metadata={"description": "False refuses new tokens."})


class ClientKey(WireSchema):
    """Names a client."""

    client_id = Text(required=True)


class ClientChangeCommand(ClientChangeSchema, ClientKey):
    """A change of one client."""


class RotateSchema(WireSchema):
    """Replace a secret."""

    overlap_s = StrictInteger(
        load_default=DEFAULT_OVERLAP_S,
        validate=validate.Range(min=0, max=MAX_OVERLAP_S),
        metadata={
            "description": "Seconds for which the present secret still works; 0 ends it now."
        },
    )


class TerminalRotateCommand(RotateSchema, TerminalKey):
    """Replace a terminal's secret."""


class ClientRotateCommand(RotateSchema, ClientKey):
    """Replace a client's secret."""


class _SecretSchema(WireSchema):
    client_secret = fields.String(
        required=True, metadata={"description": "Shown this once; only its hash is kept."}
    )


class TerminalCreatedSchema(TerminalSchema, _SecretSchema):
    """A till and its credentials."""


class ClientCreatedSchema(ClientSchema, _SecretSchema):
    """A client and its credentials."""


class RotatedSchema(_SecretSchema):
    """The new secret, and until when the one before works."""

    client_id = fields.String(required=True)
    previous_valid_until = Instant(required=True)
