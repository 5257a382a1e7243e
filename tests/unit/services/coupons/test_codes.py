from __future__ import annotations

import math

import pytest

from services.coupons import codes
from services.coupons.codes import ALPHABET, CodeBook, is_well_formed, new_code, normalise
from shared.ids import new_id
from shared.security.crypto import LookupKey, MasterKey, new_key


@pytest.fixture
def book() -> CodeBook:
    return CodeBook(MasterKey(new_key()), LookupKey(new_key()))


@pytest.mark.rule("C8")
def test_code_has_at_least_50_random_bits_and_a_check_character() -> None:
    assert codes.RANDOM_CHARACTERS * math.log2(len(ALPHABET)) >= 50
    assert len(normalise(new_code())) == codes.RANDOM_CHARACTERS + 1


@pytest.mark.rule("C8")
def test_alphabet_has_one_character_of_each_group_that_looks_alike() -> None:
    for group in ("0OQD", "1ILJ", "2Z", "5S", "8B", "UV"):
        kept = set(group) & set(ALPHABET)
        assert kept <= {"Q", "D", "J", "V"}, group
    assert set(ALPHABET).isdisjoint("01258BILOSUZ")


@pytest.mark.rule("C8")
def test_codes_made_at_once_differ_and_follow_the_pattern() -> None:
    made = codes.new_codes(2_000, "tea-*")
    assert len(set(made)) == len(made)
    assert all(is_well_formed(code.removeprefix("TEA-")) for code in made)
    bodies = (normalise(code.removeprefix("TEA-"))[: codes.RANDOM_CHARACTERS] for code in made)
    for characters in zip(*bodies, strict=True):
        assert set(characters) == set(ALPHABET)


def test_code_is_spelt_in_groups_of_four() -> None:
    assert [len(group) for group in new_code().split("-")] == [4, 4, 4]


@pytest.mark.rule("C8")
def test_any_wrong_character_is_noticed() -> None:
    code = normalise(new_code())
    for place, right in enumerate(code):
        for wrong in set(ALPHABET) - {right}:
            assert not is_well_formed(code[:place] + wrong + code[place + 1 :])


@pytest.mark.rule("C8")
def test_nearly_every_swap_of_neighbours_is_noticed() -> None:
    swaps = unnoticed = 0
    for _ in range(300):
        code = normalise(new_code())
        for place in range(len(code) - 1):
            first, second = code[place], code[place + 1]
            if first != second:
                swaps += 1
                swapped = code[:place] + second + first + code[place + 2 :]
                unnoticed += is_well_formed(swapped)
    assert unnoticed / swaps < 0.02


@pytest.mark.parametrize("body", ["7", "46", "K7PX3FQNW9T", "YYYYYYYYYYY"])
def test_check_character_is_that_of_iso_7064(body: str) -> None:
    assert codes.check_character(body) == _by_the_standard(body)


def _by_the_standard(body: str) -> str:
    """The hybrid system M + 1, M for M = 24, as the standard words it."""
    product = 24
    for character in body:
        total = (product + ALPHABET.index(character)) % 24
        product = 2 * (total if total else 24) % 25
    # The check value c makes (P + c) % 24 == 1.
    return next(char for value, char in enumerate(ALPHABET) if (product + value) % 24 == 1)


@pytest.mark.parametrize("spell", [str.lower, lambda code: code.replace("-", " "), normalise])
def test_spelling_does_not_matter(book: CodeBook, spell: object) -> None:
    code = new_code()
    spelt = spell(code)  # type: ignore[operator]
    assert is_well_formed(spelt)
    assert book.digest(spelt) == book.digest(code)


@pytest.mark.parametrize(
    "typed", ["", "-", "SPRING10", "ÄÖÜÄ-ÖÜÄÖ-ÜÄÖÜ", "K7PX-3FQN-W9T", "0" * 12]
)
def test_what_cannot_be_a_code_is_known_without_looking(typed: str) -> None:
    assert not is_well_formed(typed)


@pytest.mark.rule("C8")
def test_sealed_code_opens_for_its_coupon_only(book: CodeBook) -> None:
    key, wrapped = book.new_key()
    coupon_id, code = new_id(), new_code()
    sealed = codes.seal(key, coupon_id, code)
    assert code.encode() not in sealed
    assert codes.unseal(book.key(wrapped), coupon_id, sealed) == code
    with pytest.raises(Exception, match=r"^$"):  # cryptography's InvalidTag says nothing
        codes.unseal(key, new_id(), sealed)


@pytest.mark.rule("C8")
def test_masked_code_shows_its_last_group_only() -> None:
    assert codes.masked(codes.hint_of("K7PX-3FQN-W9TA")) == "****-****-W9TA"
