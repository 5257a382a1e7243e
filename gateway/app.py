"""The composition of the gateway: `create_app` is the only way to make one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import structlog
from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Rule

from gateway import openapi, problems
from gateway.auth import TokenVerifier
from gateway.backend import Backend
from gateway.clock import PlatformClock
from gateway.context import begin, current
from gateway.guessing import GuessLimits
from gateway.keys import outside_keys, signing_keys
from gateway.limits import RateLimits
from gateway.resources import RESOURCES, SANDBOX_RESOURCES
from gateway.routing import Resource
from shared.settings import GatewaySettings

_REQUESTS = Counter("loyalty_http_requests", "Answered requests", ["method", "endpoint", "status"])
_SECONDS = Histogram("loyalty_http_seconds", "Time to answer", ["method", "endpoint"])


@dataclass(frozen=True, slots=True)
class Platform:
    """What the views of one application share."""

    settings: GatewaySettings
    backend: Backend
    verifier: TokenVerifier
    limits: RateLimits
    guesses: GuessLimits
    clock: PlatformClock


def create_app(settings: GatewaySettings, backend: Backend) -> Flask:
    """Return the WSGI application that answers the HTTP API by calling ``backend``."""
    app = Flask("gateway", static_folder=None)
    app.config.update(openapi.configuration(), MAX_CONTENT_LENGTH=settings.max_body_bytes)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    clock = PlatformClock(backend, sandbox=settings.sandbox)
    app.extensions["loyalty"] = Platform(
        settings=settings,
        backend=backend,
        verifier=TokenVerifier(
            outside_keys(settings.jwks_url) if settings.jwks_url else signing_keys(backend),
            issuer=settings.issuer,
            audience=settings.audience,
            now=clock.now,
        ),
        limits=RateLimits(settings),
        guesses=GuessLimits(settings),
        clock=clock,
    )
    if settings.trusted_proxies:
        # Only what the operator's own proxies added is believed; callers can write the rest.
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    app.before_request(_open)
    app.after_request(_close)
    api = openapi.Document(app)
    problems.register(app)
    names = RESOURCES + (SANDBOX_RESOURCES if settings.sandbox else ())
    for name in names:
        api.register_blueprint(_resource(name))
    openapi.finish(app, api)
    _refuse_undeclared(app)
    return app


def _resource(name: str) -> Resource:
    resource: Resource = import_module(f"gateway.resources.{name}").resource
    return resource


def _open() -> None:
    context = begin()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=context.request_id)
    g.timer = _SECONDS.labels(request.method, request.endpoint or "none").time()
    g.timer.__enter__()


def _close(response: Response) -> Response:
    context = current()
    response.headers["X-Request-Id"] = context.request_id
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.extend(context.headers)
    g.timer.__exit__(None, None, None)
    _REQUESTS.labels(request.method, request.endpoint or "none", response.status_code).inc()
    return response


def _refuse_undeclared(app: Flask) -> None:
    """Fail at start when a route does not say who may use it (deny by default).

    Raises:
        TypeError: naming the routes.
    """
    undeclared = [rule.rule for rule in app.url_map.iter_rules() if not _is_declared(app, rule)]
    if undeclared:
        raise TypeError(f"routes without declared scopes: {', '.join(sorted(undeclared))}")


def _is_declared(app: Flask, rule: Rule) -> bool:
    view = app.view_functions[rule.endpoint]
    return hasattr(view, "operation") or rule.endpoint in openapi.PUBLIC_ENDPOINTS
