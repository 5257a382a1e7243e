"""Codes of coupons: made, spelt, recognised, kept (C8)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.ids import new_id
from shared.security.crypto import DataKey, LookupKey, MasterKey

ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"
"""Capital letters and digits without those taken for another when read or typed: 0 O, 1 I L,
2 Z, 5 S, 8 B, U. The check below needs its size to be even."""

_CHARACTERS = frozenset(ALPHABET)
RANDOM_CHARACTERS = 11
"""Of 24 values each: 50.4 random bits."""

# Drawn at once and spelt by threes: codes are made by the million.
_TRIPLES = tuple(a + b + c for c in ALPHABET for b in ALPHABET for a in ALPHABET)
_BODIES = len(ALPHABET) ** RANDOM_CHARACTERS
_DRAWN_BYTES = 16
"""Drawn for a body: so many more than it needs that no body is likelier than another by 2^-77."""
_STEPS = {
    character: (
        0,  # never comes up
        *(
            ((product + value) % len(ALPHABET) or len(ALPHABET)) * 2 % (len(ALPHABET) + 1)
            for product in range(1, len(ALPHABET) + 1)
        ),
    )
    for value, character in enumerate(ALPHABET)
}
"""ISO 7064's hybrid system, step by step: by the next character, then the product so far."""
_GROUP = 4
_SHOWN = 4
_MASK = "*"
_PURPOSE = "coupon-code"


class StoredCode(NamedTuple):
    """A new coupon's id, and its code as it is stored: hashed and sealed (C8)."""

    coupon_id: UUID
    code_digest: bytes
    code_sealed: bytes
    code_hint: str


def new_code(pattern: str | None = None) -> str:
    """Return a fresh code such as ``K7PX-3FQN-W9TA``; its last character checks the others.

    ``*`` in ``pattern`` stands for it; what is before it adds no secrecy.
    """
    (code,) = new_codes(1, pattern)
    return code


def new_codes(count: int, pattern: str | None = None) -> list[str]:
    """Return so many fresh codes, each as `new_code` makes one."""
    drawn = secrets.token_bytes(count * _DRAWN_BYTES)
    before, _, after = ("", "*", "") if pattern is None else pattern.upper().partition("*")
    made = []
    for start in range(0, len(drawn), _DRAWN_BYTES):
        rest = int.from_bytes(drawn[start : start + _DRAWN_BYTES]) % _BODIES
        body = ""
        while len(body) < RANDOM_CHARACTERS:
            rest, place = divmod(rest, len(_TRIPLES))
            body += _TRIPLES[place]
        # The last three hold a third character that was never drawn.
        body = body[:RANDOM_CHARACTERS]
        full = body + check_character(body)
        made.append(f"{before}{full[:4]}-{full[4:8]}-{full[8:]}{after}")
    return made


def check_character(body: str) -> str:
    """Return the character that completes ``body``, by ISO 7064's hybrid system.

    Any single wrong character is noticed, and nearly every swap of two neighbours.
    """
    size = len(ALPHABET)
    product = size
    for character in body:
        product = _STEPS[character][product]
    return ALPHABET[(size + 1 - product) % size]


def normalise(typed: str) -> str:
    """Return the one form of all spellings of a code: case, blanks and hyphens do not matter."""
    return "".join(typed.split()).replace("-", "").upper()


def is_well_formed(typed: str) -> bool:
    """Return whether this could be a code of `new_code`; most typing mistakes could not."""
    code = normalise(typed)
    return _looks_made_here(code) and check_character(code[:-1]) == code[-1]


def is_mistyped(typed: str) -> bool:
    """Return whether this looks like a code of `new_code` whose check character is wrong.

    Codes that were printed elsewhere and imported look different, or have the right one.
    """
    code = normalise(typed)
    return _looks_made_here(code) and check_character(code[:-1]) != code[-1]


def _looks_made_here(code: str) -> bool:
    return len(code) == RANDOM_CHARACTERS + 1 and _CHARACTERS.issuperset(code)


def hint_of(code: str) -> str:
    """Return the part of a code that staff may see."""
    return code[-_SHOWN:]


def masked(hint: str) -> str:
    """Return how a code looks to those it does not belong to."""
    hidden = _MASK * _GROUP
    return f"{hidden}-{hidden}-{hint}"


@dataclass(frozen=True, slots=True)
class CodeBook:
    """The keys of this service, and what codes need them for."""

    master: MasterKey
    lookup: LookupKey

    def digest(self, typed: str) -> bytes:
        """Return the keyed hash by which a unique code is found."""
        return self.lookup.digest(_PURPOSE, normalise(typed))

    def fingerprint(self, text: str) -> bytes:
        """Return a keyed hash of what an order asked for; it contains codes, so it has a key."""
        return self.lookup.digest("coupon-order", text)

    def new_key(self) -> tuple[DataKey, bytes]:
        """Return a key for a campaign's codes, and its wrapped form."""
        return self.master.new_data_key()

    def key(self, wrapped: bytes) -> DataKey:
        """Return a campaign's key."""
        return self.master.unwrap(wrapped)

    def stored(self, wrapped: bytes, plain: Iterable[str]) -> list[StoredCode]:
        """Return new coupons' ids with their codes as they are stored; ``wrapped`` seals them."""
        key = self.key(wrapped)
        made = []
        for code in plain:
            coupon_id = new_id()
            sealed = seal(key, coupon_id, code)
            made.append(StoredCode(coupon_id, self.digest(code), sealed, hint_of(code)))
        return made

    def seal_result(self, order_id: str, text: str) -> bytes:
        """Encrypt an order's answer, which repeats its codes."""
        return self.master.seal(text.encode(), context=f"order:{order_id}".encode())

    def open_result(self, order_id: str, sealed: bytes) -> str:
        """Decrypt an order's answer."""
        return self.master.open(sealed, context=f"order:{order_id}".encode()).decode()


def seal(key: DataKey, coupon_id: UUID, code: str) -> bytes:
    """Encrypt a coupon's code."""
    return key.seal(code.encode(), context=coupon_id.bytes)


def unseal(key: DataKey, coupon_id: UUID, sealed: bytes) -> str:
    """Decrypt a coupon's code."""
    return key.open(sealed, context=coupon_id.bytes).decode()
