"""Calls of the identity service."""

from __future__ import annotations

from marshmallow import Schema

from shared.contracts.base import EmptySchema, PageQuery, page_of
from shared.contracts.identity import schemas, second_factor
from shared.contracts.method import Method
from shared.errors import Invalid, LoyaltyError, NotFound
from shared.errors import identity as errors


def _method(
    name: str,
    request: type[Schema],
    response: type[Schema],
    *refusals: type[LoyaltyError],
    success: int = 200,
) -> Method:
    return Method("identity", name, request, response, success=success, errors=refusals)


JWKS = _method("jwks", EmptySchema, schemas.JwksSchema)
REQUEST_OTP = _method(
    "request_otp",
    schemas.OtpCommandSchema,
    schemas.OtpIssuedSchema,
    errors.OtpThrottled,
    success=202,
)
ISSUE_TOKEN = _method(
    "issue_token", schemas.TokenCommandSchema, schemas.TokenSchema, errors.InvalidCredentials
)
REVOKE_TOKEN = _method("revoke_token", schemas.RevokeRequestSchema, EmptySchema)

CREATE_STAFF = _method(
    "create_staff",
    schemas.NewStaffSchema,
    schemas.StaffSchema,
    errors.UsernameTaken,
    success=201,
)
GET_STAFF = _method("get_staff", schemas.StaffKey, schemas.StaffSchema, NotFound)
LIST_STAFF = _method("list_staff", PageQuery, page_of(schemas.StaffSchema))
UPDATE_STAFF = _method(
    "update_staff",
    schemas.StaffChangeCommand,
    schemas.StaffSchema,
    NotFound,
    errors.LastAdmin,
)

_TOTP = (NotFound, errors.SecondFactorMissing)
BEGIN_TOTP = _method(
    "begin_totp",
    schemas.StaffKey,
    second_factor.TotpSecretSchema,
    NotFound,
    errors.SecondFactorActive,
    success=201,
)
CONFIRM_TOTP = _method(
    "confirm_totp",
    second_factor.TotpCodeCommand,
    second_factor.TotpStateSchema,
    *_TOTP,
    errors.SecondFactorActive,
    errors.TotpWrong,
)
REMOVE_TOTP = _method(
    "remove_totp",
    second_factor.TotpCodeCommand,
    second_factor.TotpStateSchema,
    *_TOTP,
    errors.TotpWrong,
)
RESET_TOTP = _method(
    "reset_totp",
    second_factor.TotpResetCommand,
    second_factor.TotpStateSchema,
    *_TOTP,
    errors.OwnSecondFactor,
)

CREATE_STORE = _method(
    "create_store", schemas.NewStoreSchema, schemas.StoreSchema, errors.StoreExists, success=201
)
GET_STORE = _method("get_store", schemas.StoreKey, schemas.StoreSchema, NotFound, Invalid)
LIST_STORES = _method("list_stores", PageQuery, page_of(schemas.StoreSchema))
UPDATE_STORE = _method("update_store", schemas.StoreChangeCommand, schemas.StoreSchema, NotFound)

CREATE_TERMINAL = _method(
    "create_terminal",
    schemas.NewTerminalSchema,
    schemas.TerminalCreatedSchema,
    errors.TerminalExists,
    errors.UnknownStore,
    success=201,
)
GET_TERMINAL = _method(
    "get_terminal", schemas.TerminalKey, schemas.TerminalSchema, NotFound, Invalid
)
LIST_TERMINALS = _method(
    "list_terminals", schemas.TerminalPageQuery, page_of(schemas.TerminalSchema)
)
UPDATE_TERMINAL = _method(
    "update_terminal",
    schemas.TerminalChangeCommand,
    schemas.TerminalSchema,
    NotFound,
    errors.UnknownStore,
)
ROTATE_TERMINAL = _method(
    "rotate_terminal",
    schemas.TerminalRotateCommand,
    schemas.RotatedSchema,
    NotFound,
    errors.CredentialsInactive,
)

CREATE_CLIENT = _method(
    "create_client", schemas.NewClientSchema, schemas.ClientCreatedSchema, success=201
)
GET_CLIENT = _method("get_client", schemas.ClientKey, schemas.ClientSchema, NotFound, Invalid)
LIST_CLIENTS = _method("list_clients", PageQuery, page_of(schemas.ClientSchema))
UPDATE_CLIENT = _method(
    "update_client", schemas.ClientChangeCommand, schemas.ClientSchema, NotFound
)
ROTATE_CLIENT = _method(
    "rotate_client",
    schemas.ClientRotateCommand,
    schemas.RotatedSchema,
    NotFound,
    errors.CredentialsInactive,
)
