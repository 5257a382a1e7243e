"""RPC contracts: the gateway states what it sends and reads, each service is held to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pact import Pact, Verifier

from gateway import create_app
from services.tiers import queries
from shared.calls import CallContext, Reply
from shared.contracts.method import Method
from shared.contracts.platform import SERVICES
from shared.security.scopes import ALL_SCOPES
from shared.security.tokens import SigningKey
from shared.settings import GatewaySettings, Secret
from tests.contracts import till_calls
from tests.contracts.calls import CallNeed
from tests.contracts.checkout_calls import CHECKOUT_CALLS
from tests.contracts.conftest import STATE_TIMEOUT_MS
from tests.contracts.import_calls import IMPORT_CALLS
from tests.contracts.merge_calls import MERGE_CALLS
from tests.contracts.movement_calls import MOVEMENT_CALLS
from tests.contracts.privacy_calls import PRIVACY_CALLS
from tests.support.platform import Person, Platform
from tests.support.stand_ins import OneByOne

GATEWAY = "gateway"
CALLS = (
    *till_calls.CALLS,
    *MOVEMENT_CALLS,
    *CHECKOUT_CALLS,
    *IMPORT_CALLS,
    *MERGE_CALLS,
    *PRIVACY_CALLS,
)
PROVIDERS = sorted({need.method.service for need in CALLS})


def file_pact(need: CallNeed, directory: Path) -> Pact:
    """Write what the gateway needs of one call into ``directory``."""
    pact = Pact(GATEWAY, need.method.service).with_specification("V4")
    (
        pact.upon_receiving(need.description, "Sync")
        .given(need.description)
        .with_body(dict(need.request), "application/json")
        .will_respond_with()
        .with_body({"status": need.method.success, "body": need.answer}, "application/json")
    )
    pact.write_file(directory)
    return pact


def stated(directory: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the pacts' interactions by description."""
    files = [json.loads(path.read_text()) for path in directory.glob("*.json")]
    return {each["description"]: each for file in files for each in file["interactions"]}


class StatedBackend(OneByOne):
    """Answers as the pacts say, and remembers what the gateway sent."""

    def __init__(self, pacts: Mapping[str, Mapping[str, Any]]) -> None:
        self.key = SigningKey.generate()
        self.sent: dict[str, Mapping[str, Any]] = {}
        self._answers = {
            need.method.routing_key: pacts[need.description]["response"][0]["contents"]["content"]
            for need in CALLS
        }

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Answer from the pact."""
        if method.name == "jwks":
            return Reply(200, {"keys": [self.key.public_jwk]})
        self.sent[method.routing_key] = json.loads(json.dumps(payload))
        answer = self._answers[method.routing_key]
        return Reply(answer["status"], answer["body"])

    def token(self) -> str:
        """Return a token that opens every route."""
        now = datetime.now(UTC)
        times = {"iat": now, "nbf": now, "exp": now + timedelta(minutes=5)}
        claims = {"iss": "loyalty", "aud": "loyalty", "sub": "s", "role": "staff", "jti": "j"}
        scope = {"scope": " ".join(ALL_SCOPES), "roles": []}
        return self.key.sign(claims | scope | {k: int(v.timestamp()) for k, v in times.items()})


@pytest.mark.parametrize("need", CALLS, ids=lambda need: need.description)
def test_gateway_sends_and_reads_what_it_states(need: CallNeed, pacts: Path) -> None:
    for each in CALLS:
        file_pact(each, pacts)
    backend = StatedBackend(stated(pacts))
    app = create_app(GatewaySettings(Secret(""), Secret("s")), backend)
    person = Person(app.test_client(), backend.token())
    method, path, body = need.http
    if isinstance(body, bytes):
        answer = _upload(person, path, body)
        status = answer.status_code
    else:
        status, answer, _ = person.request(method, path, body)
    assert status < 300, answer
    sent = backend.sent[need.method.routing_key]
    assert {name: sent[name] for name in need.request} == need.request


def _upload(person: Person, path: str, file: bytes) -> Any:
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": "k"}
    return person.client.post(path, data=file, content_type="text/csv", headers=headers)


@pytest.mark.parametrize("service", PROVIDERS)
def test_service_answers_what_the_gateway_needs(
    service: str, provider: Platform, pacts: Path
) -> None:
    for need in CALLS:
        if need.method.service == service:
            file_pact(need, pacts)
    verify(service, provider, pacts)


def test_service_that_drops_a_field_is_caught(
    provider: Platform, pacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = next(need for need in CALLS if need.method.service == "tiers")
    file_pact(need, pacts)
    verify("tiers", provider, pacts)
    whole = queries.member_tier

    def without_rank(*args: Any, **kwargs: Any) -> dict[str, Any]:
        answer = dict(whole(*args, **kwargs))
        answer["tier"] = {"code": answer["tier"]["code"], "name": answer["tier"]["name"]}
        return answer

    monkeypatch.setattr(queries, "member_tier", without_rank)
    with pytest.raises(RuntimeError):
        verify("tiers", provider, pacts)


def test_each_service_is_under_contract() -> None:
    assert set(PROVIDERS) == set(SERVICES)


def verify(service: str, platform: Platform, pacts: Path) -> None:
    """Hold ``service`` to every pact in ``pacts``; raises when one is broken."""
    needs = {need.description: need for need in CALLS}
    known: dict[str, Mapping[str, Any]] = {}

    def arrange(need: CallNeed) -> Callable[[], None]:
        def state() -> None:
            platform.renew()
            known[need.description] = need.arrange(platform)

        return state

    def answer(name: str, metadata: dict[str, Any] | None) -> Any:
        need = needs[name]
        request = {**need.request, **known[name]}
        reply = platform.backend.call(need.method, request, CallContext("r-1"))
        contents = json.dumps({"status": reply.status, "body": reply.body}).encode()
        return {"contents": contents, "metadata": None, "content_type": "application/json"}

    states = {need.description: arrange(need) for need in CALLS}
    verifier = Verifier(service).set_request_timeout(STATE_TIMEOUT_MS).add_source(pacts)
    verifier.message_handler(answer).state_handler(states, teardown=False).verify()
