from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from gateway.quote_token import QuoteSeal
from shared.calls import Actor
from shared.errors.checkout import QuoteTokenInvalid
from shared.settings import Secret

SHOP = Actor("shop", "web-1")
PROMISE: dict[str, Any] = {"quote_id": "q", "asked": {"codes": ["K7PX-3FQN-W9TA"]}, "earned": 55}


@pytest.fixture
def seal() -> QuoteSeal:
    return QuoteSeal(Secret("gateway key"))


@pytest.mark.rule("H1")
def test_token_gives_its_holder_the_promise_back(seal: QuoteSeal) -> None:
    assert seal.open(seal.seal(PROMISE, SHOP), SHOP) == PROMISE


@pytest.mark.parametrize(
    "other",
    [Actor("shop", "web-2"), Actor("member", "web-1"), Actor("staff", "web-1")],
    ids=lambda actor: actor.key,
)
def test_token_opens_for_nobody_but_whom_it_was_given_to(seal: QuoteSeal, other: Actor) -> None:
    token = seal.seal(PROMISE, SHOP)
    with pytest.raises(QuoteTokenInvalid):
        seal.open(token, other)


def test_token_of_another_installation_does_not_open(seal: QuoteSeal) -> None:
    token = QuoteSeal(Secret("another key")).seal(PROMISE, SHOP)
    with pytest.raises(QuoteTokenInvalid):
        seal.open(token, SHOP)


def test_token_does_not_open_after_any_change(seal: QuoteSeal) -> None:
    token = seal.seal(PROMISE, SHOP)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        # The last character holds bits that no byte has.
        if place == len(token) - 1 and _bytes(changed) == _bytes(token):
            continue
        with pytest.raises(QuoteTokenInvalid):
            seal.open(changed, SHOP)


@pytest.mark.parametrize("length", [0, 1, 3, 10, 40, -1])
def test_truncated_token_does_not_open(seal: QuoteSeal, length: int) -> None:
    with pytest.raises(QuoteTokenInvalid):
        seal.open(seal.seal(PROMISE, SHOP)[:length], SHOP)


@pytest.mark.parametrize("text", ["q1.é", "q1.====", "a.b.c", "q1. ", "q1.AAAA\n"])
def test_what_never_was_a_token_does_not_open(seal: QuoteSeal, text: str) -> None:
    with pytest.raises(QuoteTokenInvalid):
        seal.open(text, SHOP)


@pytest.mark.rule("C8")
def test_token_shows_nothing_of_what_it_holds(seal: QuoteSeal) -> None:
    first, second = (seal.seal(PROMISE, SHOP) for _ in range(2))
    assert first != second
    assert b"K7PX" not in _bytes(first)
    assert b"quote_id" not in _bytes(first)


def test_token_of_200_lines_stays_small(seal: QuoteSeal) -> None:
    chance = random.Random(1)
    lines = [
        {
            "line_id": str(place),
            "sku": f"SKU-{chance.randrange(10**8)}",
            "category": chance.choice(["tea", "cups"]),
            "quantity": chance.randrange(1, 9),
            "net_minor": chance.randrange(10**5),
        }
        for place in range(200)
    ]
    promise = {**PROMISE, "asked": {"lines": lines}, "discounts": [0] * 200}
    assert len(json.dumps(promise)) > 15_000
    assert len(seal.seal(promise, SHOP)) < 8_000


def _bytes(token: str) -> bytes:
    text = token.removeprefix("q1.")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
