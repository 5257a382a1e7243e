"""Resources: a blueprint whose every operation names the scopes that open it (deny by default).

An operation's declaration is its documentation: what stands in `/openapi.json` is what is checked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request
from flask_smorest import Blueprint
from marshmallow import Schema

from gateway.bodies import fingerprint, read_json
from gateway.context import current
from gateway.limits import RateLimited
from gateway.problems import ProblemSchema, UnsupportedMediaType
from shared.calls import Idempotency
from shared.contracts.base import load
from shared.errors import (
    Forbidden,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    Invalid,
    LoyaltyError,
    Malformed,
    NotFound,
    RequestInProgress,
    Unauthenticated,
)
from shared.errors.backend import BackendTimeout, BackendUnavailable

View = Callable[..., Response]
PUBLIC: tuple[str, ...] = ()
"""Scopes of the few operations that need no token."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    scopes: tuple[str, ...]
    response: type[Schema] | None
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    success: int = 200
    errors: tuple[type[LoyaltyError], ...] = ()
    reads: bool = False
    """True for a POST that changes nothing; it needs no Idempotency-Key (A3)."""
    repeats: bool = False
    """True where the caller names the thing: a late duplicate answers 200 as the first did (L7)."""
    personal_path: bool = False
    """True where the path holds a personal value: services get a keyed digest of it (M4)."""
    consumes: str = ""
    """Media type of the body where it is a file, which the view passes on (`gateway.uploads`)."""
    produces: tuple[str, ...] = ()
    """Media types of the answer where it is a file, or may be one instead of JSON."""
    awaits: type[Schema] | None = None
    """What a 202 answers where a second person may have to agree first (L9, T4)."""
    validates: bool = True
    """False where the service answers for each item of the body by itself."""

    @property
    def takes_values(self) -> bool:
        """Whether the caller chooses anything that may be of a wrong form."""
        chosen = self.body is not None or self.query is not None or self.needs_key
        return chosen or "<" in self.path

    @property
    def signs_in(self) -> bool:
        """Whether it is for people and programs without a token; those are limited by address."""
        return not self.scopes and self.method == "POST"

    @property
    def needs_key(self) -> bool:
        """Whether a request must carry an Idempotency-Key (A3)."""
        changes = self.method not in ("GET", "HEAD") and not self.reads
        return changes and not self.path.startswith("/v1/auth")


class Resource(Blueprint):  # type: ignore[misc]  # flask-smorest is untyped
    """The operations on one kind of thing."""

    def __init__(self, name: str, *, description: str) -> None:
        """Name the resource as it stands in the API's table of contents."""
        super().__init__(name, name, description=description)

    def get(self, path: str, **options: Any) -> Callable[[View], View]:
        """Declare a GET; options are the fields of `Operation`."""
        return self._operation("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[View], View]:
        """Declare a POST; options are the fields of `Operation`."""
        return self._operation("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[View], View]:
        """Declare a PUT; options are the fields of `Operation`."""
        return self._operation("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[View], View]:
        """Declare a PATCH; options are the fields of `Operation`."""
        return self._operation("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[View], View]:
        """Declare a DELETE; options are the fields of `Operation`."""
        return self._operation("DELETE", path, **options)

    def _operation(
        self, method: str, path: str, *, scopes: Sequence[str], **options: Any
    ) -> Callable[[View], View]:
        operation = Operation(method=method, path=path, scopes=tuple(scopes), **options)

        def decorate(view: View) -> View:
            @functools.wraps(view)
            def handle(**path_values: Any) -> Response:
                return _answer(operation, view, path_values)

            documented = self.doc(**_documentation(operation, view))(handle)
            documented.operation = operation
            self.route(path, methods=[method], endpoint=view.__name__)(documented)
            return view

        return decorate


def _answer(operation: Operation, view: View, path_values: dict[str, Any]) -> Response:
    """Open the door or not, check what came, and only then let the view work."""
    context = current()
    if operation.scopes:
        _authorise(operation)
    elif operation.signs_in:
        limits = current_app.extensions["loyalty"].limits
        limits.hit_address(context, request.remote_addr or "unknown")
    arguments: dict[str, Any] = {name: str(value) for name, value in path_values.items()}
    if operation.query is not None:
        arguments["query"] = _query(operation.query)
    body = _file_of(operation, arguments) if operation.consumes else _body(operation)
    if operation.needs_key:
        key = request.headers.get("Idempotency-Key", "")
        if not _KEY.fullmatch(key):
            raise IdempotencyKeyRequired
        secret = current_app.extensions["loyalty"].settings.secret_key
        path = fingerprint(request.path, secret) if operation.personal_path else request.path
        route = f"{operation.method} {path}"
        context.idempotency = Idempotency(key, route, fingerprint(body, secret))
    if operation.body is not None:
        arguments["body"] = body
    return view(**arguments)


def _authorise(operation: Operation) -> None:
    """Let the caller in.

    Raises:
        Unauthenticated: no valid token.
        Forbidden: the token's scopes do not open this operation.
    """
    context = current()
    platform = current_app.extensions["loyalty"]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    claims = platform.verifier.verify(token.strip())
    context.claims = claims.values
    context.actor = claims.actor
    platform.limits.hit(context)
    if not claims.scopes.intersection(operation.scopes):
        raise Forbidden


def _file_of(operation: Operation, arguments: Mapping[str, Any]) -> Any:
    """Let a file come in, unread; return what stands for it in the request's fingerprint.

    The file's content is compared by whoever reads it.
    """
    if request.mimetype != operation.consumes:
        raise UnsupportedMediaType(f"The request body must be {operation.consumes}.")
    request.max_content_length = current_app.extensions["loyalty"].settings.max_upload_bytes
    return {"query": arguments.get("query")}


def _body(operation: Operation) -> Any:
    if operation.method in ("GET", "HEAD", "DELETE") and operation.body is None:
        return {}
    body = read_json()
    if not isinstance(body, dict):
        raise Invalid("The request body must be a JSON object.")
    if operation.body is None:
        if body:
            raise Invalid("This request takes no fields.")
    elif operation.validates:
        load(operation.body, body)
    return body


def _query(schema: type[Schema]) -> Mapping[str, Any]:
    """Return the query's values as JSON primitives; a name given twice is refused."""
    given = request.args.to_dict(flat=False)
    doubled = [name for name, values in given.items() if len(values) > 1]
    if doubled:
        raise Invalid(f"Given more than once: {', '.join(sorted(doubled))}.")
    loaded = load(schema, {name: values[0] for name, values in given.items()})
    primitives: Mapping[str, Any] = schema().dump(loaded)
    return primitives


def _documentation(operation: Operation, view: View) -> dict[str, Any]:
    summary, _, description = (view.__doc__ or "").strip().partition("\n")
    doc: dict[str, Any] = {
        "summary": summary.rstrip("."),
        "operationId": view.__name__,
        "security": [{"bearer": list(operation.scopes)}] if operation.scopes else [],
        "x-scopes": list(operation.scopes),
        "responses": _documented_responses(operation),
    }
    text = " ".join(description.split())
    if operation.scopes:
        scopes = " or ".join(f"`{scope}`" for scope in operation.scopes)
        text = f"{text}\n\nScope: {scopes}." if text else f"Scope: {scopes}."
    if text:
        doc["description"] = text
    parameters: list[dict[str, Any]] = []
    if operation.query is not None:
        parameters.append({"in": "query", "schema": operation.query})
    if operation.needs_key:
        parameters.append(_IDEMPOTENCY_HEADER)
    if parameters:
        doc["parameters"] = parameters
    if operation.consumes:
        content = {operation.consumes: {"schema": {"type": "string"}}}
        doc["requestBody"] = {"required": True, "content": content}
    elif operation.body is not None:
        doc["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": operation.body}},
        }
    return doc


_IDEMPOTENCY_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "Names this request; sent again with the same body it gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def _documented_responses(operation: Operation) -> dict[str, Any]:
    plain: dict[str, Any] = {"description": "Done."}
    content: dict[str, Any] = {}
    if operation.response is not None:
        content["application/json"] = {"schema": operation.response}
    content |= {kind: {"schema": {"type": "string"}} for kind in operation.produces}
    if content:
        plain["content"] = content
    responses: dict[str, Any] = {str(operation.success): plain}
    if operation.repeats:
        responses["200"] = {**plain, "description": "Known already; answered as it was then."}
    if operation.awaits is not None:
        waiting = {"application/json": {"schema": operation.awaits}}
        described = "Waits for the approval of somebody else."
        responses["202"] = {"description": described, "content": waiting}
    by_status: dict[int, list[type[LoyaltyError]]] = {}
    for error in (*_common_errors(operation), *operation.errors):
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        described = "; ".join(dict.fromkeys(f"`{e.code}`: {e.title()}" for e in errors))
        responses[str(status)] = {
            "description": described,
            "content": {"application/problem+json": {"schema": ProblemSchema}},
        }
    return responses


def _common_errors(operation: Operation) -> list[type[LoyaltyError]]:
    errors: list[type[LoyaltyError]] = [BackendUnavailable, BackendTimeout]
    if operation.takes_values:
        errors.append(Invalid)
    if operation.scopes:
        errors += [Unauthenticated, Forbidden, RateLimited]
    elif operation.signs_in:
        errors.append(RateLimited)
    if "<" in operation.path:
        errors.append(NotFound)
    if operation.body is not None:
        errors.append(Malformed)
    if operation.consumes:
        errors.append(UnsupportedMediaType)
    if operation.needs_key:
        errors += [IdempotencyKeyRequired, IdempotencyKeyReused, RequestInProgress]
    return errors
