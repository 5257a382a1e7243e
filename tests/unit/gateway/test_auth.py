from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway import auth
from gateway.auth import Claims, TokenVerifier
from shared.calls import Actor
from shared.errors import Unauthenticated
from shared.errors.backend import BackendUnavailable
from shared.errors.identity import TokenExpired
from shared.security import tokens
from shared.security.tokens import SigningKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = SigningKey.generate()


class Issuer:
    """A source of keys that counts how often it is asked and can be away."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.away = False

    def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.away:
            raise BackendUnavailable
        return {"keys": [key.public_jwk for key in self.keys]}


class Stopwatch:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def token_of(key: SigningKey = KEY, **changes: Any) -> str:
    begins = int(NOW.timestamp())
    plain = {
        "iss": "loyalty",
        "aud": "loyalty",
        "sub": "m-1",
        "iat": begins,
        "nbf": begins,
        "exp": begins + 900,
        "jti": "1",
        "role": "member",
        "scope": "self:read self:write",
    }
    return key.sign({**plain, **changes})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(KEY)


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def verifier(issuer: Issuer, stopwatch: Stopwatch) -> TokenVerifier:
    return TokenVerifier(
        issuer, issuer="loyalty", audience="loyalty", now=lambda: NOW, monotonic=stopwatch
    )


@pytest.mark.rule("I1")
def test_claims_name_actor_and_scopes(verifier: TokenVerifier) -> None:
    found = verifier.verify(
        token_of(role="terminal", sub="t-1", store_id="s-1", scope="sales:write sales:read")
    )
    assert found.actor == Actor("terminal", "t-1", (), "s-1")
    assert found.scopes == {"sales:write", "sales:read"}
    assert found.values["jti"] == "1"


def test_staff_token_names_roles(verifier: TokenVerifier) -> None:
    found = verifier.verify(token_of(role="staff", sub="x", roles=["support", "auditor"]))
    assert found.actor == Actor("staff", "x", ("support", "auditor"))


@pytest.mark.rule("A3")
def test_people_without_member_are_told_apart_by_their_phones(verifier: TokenVerifier) -> None:
    one, other = (verifier.verify(token_of(sub="", phone_digest=digest)) for digest in "ab")
    assert one.actor == Actor("anonymous", "a")
    assert one.actor.key != other.actor.key


@pytest.mark.parametrize("changes", [{"role": 1}, {"scope": ["a"]}, {"roles": "admin"}])
def test_token_of_another_shape_is_refused(
    verifier: TokenVerifier, changes: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(token_of(**changes))


def test_keys_are_fetched_once_while_fresh(
    verifier: TokenVerifier, issuer: Issuer, stopwatch: Stopwatch
) -> None:
    for stopwatch.seconds in (0.0, 1.0, auth.KEYS_FRESH_S - 1):
        verifier.verify(token_of())
    assert issuer.asked == 1
    stopwatch.seconds = auth.KEYS_FRESH_S
    verifier.verify(token_of())
    assert issuer.asked == 2


@pytest.mark.rule("I1")
def test_new_key_is_fetched_when_its_first_token_comes(
    verifier: TokenVerifier, issuer: Issuer, stopwatch: Stopwatch
) -> None:
    verifier.verify(token_of())
    rotated = SigningKey.generate()
    issuer.keys.append(rotated)
    stopwatch.seconds = auth.REFETCH_PAUSE_S
    assert isinstance(verifier.verify(token_of(rotated)), Claims)
    assert isinstance(verifier.verify(token_of(KEY)), Claims)


def test_invented_key_ids_do_not_hammer_the_issuer(
    verifier: TokenVerifier, issuer: Issuer, stopwatch: Stopwatch
) -> None:
    for number in range(50):
        stopwatch.seconds = number * auth.REFETCH_PAUSE_S / 50
        with pytest.raises(Unauthenticated):
            verifier.verify(token_of(SigningKey.generate()))
    assert issuer.asked == 1


@pytest.mark.rule("I1")
def test_retired_key_is_refused_after_the_next_fetch(
    verifier: TokenVerifier, issuer: Issuer, stopwatch: Stopwatch
) -> None:
    verifier.verify(token_of())
    issuer.keys = [SigningKey.generate()]
    stopwatch.seconds = auth.KEYS_FRESH_S
    with pytest.raises(Unauthenticated):
        verifier.verify(token_of())


def test_known_keys_go_on_while_the_issuer_is_away(
    verifier: TokenVerifier, issuer: Issuer, stopwatch: Stopwatch
) -> None:
    verifier.verify(token_of())
    issuer.away = True
    stopwatch.seconds = auth.KEYS_USABLE_S - 1
    verifier.verify(token_of())
    stopwatch.seconds = auth.KEYS_USABLE_S
    with pytest.raises(BackendUnavailable):
        verifier.verify(token_of())
    issuer.away = False
    stopwatch.seconds += auth.FAILURE_PAUSE_S
    verifier.verify(token_of())


@pytest.mark.rule("A2")
def test_without_any_keys_the_answer_is_503_and_the_issuer_has_peace(
    verifier: TokenVerifier, issuer: Issuer
) -> None:
    issuer.away = True
    for _ in range(10):
        with pytest.raises(BackendUnavailable):
            verifier.verify(token_of())
    assert issuer.asked == 1


def test_many_threads_fetch_the_keys_once(verifier: TokenVerifier, issuer: Issuer) -> None:
    token, results = token_of(), list[Claims]()
    threads = [
        threading.Thread(target=lambda: results.append(verifier.verify(token))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(results), issuer.asked) == (20, 1)


@pytest.mark.rule("I1")
def test_token_seen_before_still_expires(issuer: Issuer) -> None:
    times = [NOW, NOW + timedelta(seconds=899), NOW + timedelta(seconds=900)]
    verifier = TokenVerifier(issuer, issuer="loyalty", audience="loyalty", now=lambda: times.pop(0))
    token = token_of()
    assert verifier.verify(token) is verifier.verify(token)
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_signature_is_checked_once_per_token_and_key_set(
    verifier: TokenVerifier, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = list[str]()
    real = tokens.verify

    def counting(token: str, **how: Any) -> dict[str, Any]:
        checked.append(token)
        return real(token, **how)

    monkeypatch.setattr(tokens, "verify", counting)
    one, other = token_of(jti="1"), token_of(jti="2")
    for token in (one, other, one, other):
        verifier.verify(token)
    assert checked == [one, other]
    stopwatch.seconds = auth.KEYS_FRESH_S
    verifier.verify(one)
    assert checked == [one, other, one]


def test_remembered_tokens_are_bounded(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "MAX_REMEMBERED", 3)
    for number in range(10):
        verifier.verify(token_of(jti=str(number)))
        assert len(verifier._verified) <= 3


@pytest.mark.rule("I1")
def test_forgery_of_a_remembered_token_is_refused(verifier: TokenVerifier) -> None:
    token = token_of()
    verifier.verify(token)
    with pytest.raises(Unauthenticated):
        verifier.verify(token[:-4] + "AAAA")
