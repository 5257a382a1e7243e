"""`/openapi.json` (OpenAPI 3.1) and the pages at `/docs` (A6)."""

from __future__ import annotations

import threading
from typing import Any

from flask import Blueprint, Flask, redirect
from flask_smorest import Api
from flask_swagger_ui import get_swaggerui_blueprint

import shared.contracts.fields as wire
from gateway.backend import json_response
from gateway.routing import Resource
from shared import __version__

_DOCS = "docs"
PUBLIC_ENDPOINTS = frozenset({"home", "openapi_document", f"{_DOCS}.show"})
"""Endpoints that serve documentation and need no declaration of scopes."""

_DESCRIPTION = """\
Members, points, coupons and tiers of a retail chain.

Money is an integer in minor units (`*_minor`), points are integers, times are RFC 3339 UTC. Every
request that changes something carries an `Idempotency-Key`; sent again with the same body it gets
the same answer. Errors are problem details (RFC 9457) with a stable `code`.
"""


class Document(Api):  # type: ignore[misc]  # flask-smorest is untyped
    """The API's description; every operation lists its own errors, so there is no default one.

    Describing everything takes longer than the rest of a start: it waits until somebody asks.
    """

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        """Begin with nothing to describe."""
        super().__init__(app)
        self._described = threading.Lock()
        self._resources: list[Resource] = []
        self._document: dict[str, Any] | None = None

    def register_blueprint(self, resource: Resource) -> None:
        """Serve a resource, and describe it once that is asked for."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][resource.name] = self
        self._app.register_blueprint(resource)
        self._resources.append(resource)

    def to_dict(self) -> dict[str, Any]:
        """Return the document."""
        with self._described:
            if self._document is None:
                for resource in self._resources:
                    resource.register_views_in_doc(
                        self, self._app, self.spec, name=resource.name, parameters=None
                    )
                    self.spec.tag({"name": resource.name, "description": resource.description})
                self._document = self.spec.to_dict()
            return self._document


def configuration() -> dict[str, Any]:
    """Return the settings flask-smorest wants."""
    return {
        "API_TITLE": "Loyalty",
        "API_VERSION": __version__,
        "OPENAPI_VERSION": "3.1.0",
        "API_SPEC_OPTIONS": {
            "info": {"description": _DESCRIPTION, "license": {"name": "Apache-2.0"}},
        },
    }


def finish(app: Flask, api: Document) -> None:
    """Complete the document and serve it with its pages."""
    _map_fields(api)
    api.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )

    app.extensions["openapi"] = api.to_dict
    app.add_url_rule(
        "/openapi.json",
        "openapi_document",
        lambda: json_response(app.extensions["openapi"]()),
        methods=["GET"],
    )
    app.add_url_rule("/", "home", lambda: redirect("/docs/"), methods=["GET"])
    app.register_blueprint(_pages())


def _pages() -> Blueprint:
    """Return Swagger UI, whose files come with its package: nothing is loaded from elsewhere."""
    pages: Blueprint = get_swaggerui_blueprint(
        "/docs", "/openapi.json", config={"app_name": "Loyalty API"}, blueprint_name=_DOCS
    )
    return pages


def _map_fields(api: Api) -> None:
    """Give the wire's own fields their JSON Schema."""
    for field, kind, form in (
        (wire.Instant, "string", "date-time"),
        (wire.LocalDate, "string", "date"),
        (wire.Id, "string", "uuid"),
        (wire.StrictBoolean, "boolean", None),
    ):
        api.register_field(field, kind, form)
