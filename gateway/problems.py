"""Problem details (A2): every refusal leaves the gateway as RFC 9457 JSON, never as a trace."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response
from marshmallow import INCLUDE, fields
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway.context import request_id
from shared.contracts.base import WireSchema
from shared.errors import LoyaltyError, NotFound, RemoteError

_log = structlog.get_logger(__name__)
_INTERNAL = HTTPStatus.INTERNAL_SERVER_ERROR


class ProblemFieldSchema(WireSchema):
    """One field that is wrong."""

    field = fields.String(required=True, metadata={"example": "lines.0.net_minor"})
    code = fields.String(required=True, metadata={"example": "required"})
    message = fields.String(required=True)


class ProblemSchema(WireSchema):
    """Why a request was refused (RFC 9457); some codes add members, such as ``retry_after_s``."""

    class Meta:
        """Whoever reads a problem must bear with members it does not know."""

        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "Stable, snake_case."})
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(ProblemFieldSchema), required=True)


class TooLarge(LoyaltyError):
    """The request body is too large."""

    code = "payload_too_large"
    status = 413


class UnsupportedMediaType(LoyaltyError):
    """The request body must be application/json."""

    code = "unsupported_media_type"
    status = 415


class MethodRefused(LoyaltyError):
    """This path does not take this method."""

    code = "method_not_allowed"
    status = 405


def problem(error: LoyaltyError) -> Response:
    """Return the HTTP answer for a refusal."""
    title = HTTPStatus(error.status).phrase if isinstance(error, RemoteError) else error.title()
    body: dict[str, Any] = {
        **error.extra,
        "type": f"urn:loyalty:problem:{error.code}",
        "title": title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id(),
        "errors": [item.to_wire() for item in error.errors],
    }
    response = Response(
        json.dumps(body), status=error.status, content_type="application/problem+json"
    )
    retry_after_s = error.extra.get("retry_after_s", 1 if error.retryable else None)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def register(app: Flask) -> None:
    """Turn every exception of the application into a problem."""
    app.register_error_handler(LoyaltyError, problem)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def _http_exception(error: HTTPException) -> Response:
    """Say werkzeug's own refusals (no such path, wrong method, …) in the same form."""
    if isinstance(error, MethodNotAllowed):
        response = problem(MethodRefused())
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    status = error.code or _INTERNAL
    if status == HTTPStatus.NOT_FOUND:
        return problem(NotFound())
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return problem(TooLarge())
    phrase = HTTPStatus(status).phrase
    code = re.sub(r"[^a-z]+", "_", phrase.lower())
    return problem(RemoteError({"code": code, "status": status, "detail": f"{phrase}."}))


def _unexpected(error: Exception) -> Response:
    _log.error("request_failed", exc_info=error)
    return problem(LoyaltyError("The request could not be answered."))
