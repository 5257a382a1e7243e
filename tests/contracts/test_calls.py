"""RPC contracts: the gateway states what it sends and reads, each service is held to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pact import Pact

from gateway import create_app
from services.tiers import queries
from shared.calls import SYSTEM, CallContext, Reply
from shared.contracts.method import Method
from shared.contracts.platform import SERVICES
from shared.contracts.tiers import rpc as tiers
from shared.errors import LoyaltyError
from shared.security.scopes import ALL_SCOPES
from shared.security.tokens import SigningKey
from shared.settings import GatewaySettings, Secret
from tests.contracts import till_calls
from tests.contracts.calls import CallNeed
from tests.contracts.campaign_calls import CAMPAIGN_CALLS
from tests.contracts.checkout_calls import CHECKOUT_CALLS
from tests.contracts.identity_calls import IDENTITY_CALLS
from tests.contracts.import_calls import IMPORT_CALLS
from tests.contracts.ledger_calls import LEDGER_CALLS
from tests.contracts.members_calls import MEMBERS_CALLS
from tests.contracts.merge_calls import MERGE_CALLS
from tests.contracts.movement_calls import MOVEMENT_CALLS
from tests.contracts.needs import MEMBER
from tests.contracts.platform_calls import NOW, PLATFORM_CALLS
from tests.contracts.privacy_calls import PRIVACY_CALLS
from tests.contracts.programme_calls import PROGRAMME_CALLS
from tests.contracts.providers import hold
from tests.contracts.reward_calls import REWARD_CALLS
from tests.contracts.second_factor_calls import SECOND_FACTOR_CALLS
from tests.contracts.tiers_calls import TIERS_CALLS
from tests.support.platform import Person, Platform
from tests.support.stand_ins import OneByOne

GATEWAY = "gateway"
CALLS = (
    *till_calls.CALLS,
    *MOVEMENT_CALLS,
    *CAMPAIGN_CALLS,
    *CHECKOUT_CALLS,
    *IMPORT_CALLS,
    *MERGE_CALLS,
    *SECOND_FACTOR_CALLS,
    *PLATFORM_CALLS,
    *PRIVACY_CALLS,
    *PROGRAMME_CALLS,
    *REWARD_CALLS,
    *IDENTITY_CALLS,
    *LEDGER_CALLS,
    *MEMBERS_CALLS,
    *TIERS_CALLS,
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
        self.sent: dict[str, list[Mapping[str, Any]]] = {}
        self._refused: tuple[Method, type[LoyaltyError]] | None = None
        self._by_need = {
            need: pacts[need.description]["response"][0]["contents"]["content"] for need in CALLS
        }
        self._needs: Sequence[CallNeed] = CALLS

    def begin(self, need: CallNeed) -> None:
        """Answer as this need has it, and any other call as some need has it: its like first."""
        self.sent.clear()
        with_it = CHECKOUT_CALLS if need in CHECKOUT_CALLS else ()
        self._needs = (need, *with_it, *CALLS)
        self._refused = need.refused

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Answer from the pact."""
        sent = json.loads(json.dumps(payload))
        self.sent.setdefault(method.routing_key, []).append(sent)
        if method.name == "jwks":
            return Reply(200, {"keys": [self.key.public_jwk]})
        if self._refused is not None and method == self._refused[0]:
            raise self._refused[1]
        stated = [each for each in self._needs if each.method.routing_key == method.routing_key]
        asked = (need for need in stated if need.request.items() <= payload.items())
        answer = self._by_need[next(asked, stated[0])]
        return Reply(answer["status"], deepcopy(answer["body"]))

    def token(self, role: str) -> str:
        """Return a token that opens every route, of somebody in a role of the API."""
        now = datetime.fromisoformat(NOW)
        times = {"iat": now, "nbf": now, "exp": now + timedelta(minutes=5)}
        claims = {"iss": "loyalty", "aud": "loyalty", "sub": MEMBER, "role": role, "jti": "j"}
        scope = {"scope": " ".join(ALL_SCOPES), "roles": []}
        return self.key.sign(claims | scope | {k: int(v.timestamp()) for k, v in times.items()})


@pytest.fixture(scope="module")
def stated_gateway(tmp_path_factory: pytest.TempPathFactory) -> tuple[StatedBackend, Flask]:
    """Give the gateway over services that answer as the pacts say."""
    directory = tmp_path_factory.mktemp("pacts")
    for each in CALLS:
        file_pact(each, directory)
    backend = StatedBackend(stated(directory))
    settings = GatewaySettings(Secret(""), Secret("s"), sandbox=True, rate_limits=False)
    app = create_app(settings, backend)
    return backend, app


@pytest.mark.parametrize("need", CALLS, ids=lambda need: need.description)
def test_gateway_sends_and_reads_what_it_states(
    need: CallNeed, stated_gateway: tuple[StatedBackend, Flask]
) -> None:
    backend, app = stated_gateway
    role = "staff" if need.asking == SYSTEM else need.asking.kind
    person = Person(app.test_client(), backend.token(role))
    backend.begin(need)
    method, path, body = need.http
    if isinstance(body, bytes):
        answer = _upload(person, path, body)
        status = answer.status_code
    else:
        status, answer, _ = person.request(method, path, body)
    assert status < 300 or need.refused is not None, answer
    sent = [
        {name: each.get(name) for name in need.request}
        for each in backend.sent[need.method.routing_key]
    ]
    assert need.request in sent


def _upload(person: Person, path: str, file: bytes) -> Any:
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": "k"}
    return person.client.post(path, data=file, content_type="text/csv", headers=headers)


@pytest.mark.parametrize("service", PROVIDERS)
def test_service_answers_what_the_gateway_needs(
    service: str, provider: Platform, pacts: Path
) -> None:
    needs = [need for need in CALLS if need.method.service == service]
    verify(service, provider, needs, pacts)


def test_service_that_drops_a_field_is_caught(
    provider: Platform, pacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = next(need for need in CALLS if need.method == tiers.MEMBER_TIER)
    verify("tiers", provider, [need], pacts / "whole")
    whole = queries.member_tier

    def without_rank(*args: Any, **kwargs: Any) -> dict[str, Any]:
        answer = dict(whole(*args, **kwargs))
        answer["tier"] = {"code": answer["tier"]["code"], "name": answer["tier"]["name"]}
        return answer

    monkeypatch.setattr(queries, "member_tier", without_rank)
    with pytest.raises(RuntimeError):
        verify("tiers", provider, [need], pacts / "without")


def test_each_service_is_under_contract() -> None:
    assert set(PROVIDERS) == set(SERVICES)


def verify(service: str, platform: Platform, needs: Sequence[CallNeed], pacts: Path) -> None:
    """Hold ``service`` to what is needed of it; raises when it does not keep to it.

    Needs of one state come one after the other: as long as they only read, it is made once.
    """
    scene = _Scene(platform, {need.description: need for need in needs})
    states = {need.description: partial(scene.arrange, need) for need in needs}
    by_state: dict[Any, Path] = {}
    for need in needs:
        directory = by_state.setdefault(need.arrange, pacts / str(len(by_state)))
        file_pact(need, directory)
    hold(service, by_state.values(), states, scene.answer)


class _Scene:
    """A platform in the state of one need after the other."""

    def __init__(self, platform: Platform, needs: Mapping[str, CallNeed]) -> None:
        self._platform = platform
        self._needs = needs
        self._arranged: Callable[[Platform], Mapping[str, Any]] | None = None
        self._values: Mapping[str, Any] = {}

    def arrange(self, need: CallNeed) -> None:
        """Make the state of a need, unless nothing has changed in it."""
        if need.arrange is not self._arranged:
            self._platform.renew()
            self._values = need.arrange(self._platform)
            self._arranged = need.arrange

    def answer(self, name: str) -> Any:
        """Make the call that a need is about."""
        need = self._needs[name]
        if need.http[0] != "GET":
            self._arranged = None
        taken = self._values if need.takes is None else need.takes
        request = {**need.request, **{name: self._values[name] for name in taken}}
        reply = self._platform.backend.call(
            need.method, request, CallContext("r-1", actor=need.asking)
        )
        return {"status": reply.status, "body": reply.body}
