"""Random requests drawn from the API's own description, against real services (A2, A6).

Each operation gets a bounded number of them, valid and broken, from somebody who may use it. None
may end in a server error, in an undocumented status, or in a body its schema does not describe.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks as openapi_checks

from gateway import create_app
from shared.security.scopes import scopes_of
from shared.settings import GatewaySettings, Secret
from tests.support.platform import DirectBackend, Person, Platform, build
from tests.support.postgres import TestServer

EXAMPLES = int(os.environ.get("LOYALTY_FUZZ_EXAMPLES", "10"))
"""Requests per operation and mode; more of them find more, in as much more time."""
PHONE = "+8613800138000"
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
_SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
# What puts somebody into each kind of scope; a route is fuzzed as the first who may use it.
_ROLES: Mapping[str, tuple[str, ...]] = {
    "terminal": (),
    "shop": (),
    "member": (),
    "manager": ("manager", "auditor"),
    "admin": ("admin",),
}


def _cases() -> list[tuple[str, str, GenerationMode]]:
    """Return each operation with each mode that has anything to choose for it."""
    app = create_app(GatewaySettings(Secret(""), Secret("x"), sandbox=True), DirectBackend({}))
    document = app.extensions["openapi"]()
    return [
        (path, method, mode)
        for path, item in document["paths"].items()
        for method in set(item) & {"get", "post", "put", "patch", "delete"}
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if mode is GenerationMode.POSITIVE or _has_input(item, method)
    ]


def _has_input(item: Mapping[str, Any], method: str) -> bool:
    given_here = item[method].get("parameters") or item[method].get("requestBody")
    return bool(given_here or item.get("parameters"))


@pytest.fixture(scope="module")
def fuzzed(postgres_server: TestServer) -> Platform:
    return build(postgres_server.database)


@pytest.fixture(scope="module")
def people(fuzzed: Platform) -> dict[str, Person]:
    till = fuzzed.terminal()
    till.post("/v1/members", {"phone": PHONE, "channel": "store", "name": "Li Lei"})
    fuzzed.settle()
    return {
        "terminal": till,
        "shop": fuzzed.shop(),
        "member": fuzzed.shopper(PHONE),
        "manager": fuzzed.staff(*_ROLES["manager"]),
        "admin": fuzzed.admin(),
    }


@pytest.fixture(scope="module")
def described(fuzzed: Platform) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", fuzzed.app)


@pytest.mark.rule("A2")
@pytest.mark.rule("A6")
@pytest.mark.parametrize(("path", "method", "mode"), sorted(_cases()))
def test_no_request_breaks_the_platform(
    *, path: str, method: str, mode: GenerationMode, described: Any, people: dict[str, Person]
) -> None:
    operation = described[path][method]
    asking = _somebody_with(set(operation.definition.raw["x-scopes"]), people)

    @given(case=operation.as_strategy(generation_mode=mode))
    @_SETTINGS
    def ask(case: Any) -> None:
        headers = {} if asking is None else {"Authorization": f"Bearer {asking.token}"}
        if mode is GenerationMode.POSITIVE and method != "get":
            headers["Idempotency-Key"] = str(uuid4())
        case.call_and_validate(headers=headers, checks=_CHECKS)

    ask()


def _somebody_with(scopes: set[str], people: Mapping[str, Person]) -> Person | None:
    for kind, roles in _ROLES.items():
        if scopes & scopes_of("staff" if roles else kind, roles):
            return people[kind]
    return None
