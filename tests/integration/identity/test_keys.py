from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.exceptions import InvalidTag

from services.identity.use_cases import tokens
from services.identity.vault import SIGNING_KEYS, Vault
from shared.contracts.identity import rpc as contract
from tests.integration.identity.conftest import Identity, make_identity


@pytest.mark.rule("I1")
def test_first_key_is_made_once_however_many_ask_at_once(bare: Identity) -> None:
    replies = bare.in_parallel(contract.JWKS, [{}] * 8)
    kids = {key["kid"] for reply in replies for key in reply["body"]["keys"]}
    assert len(kids) == 1


@pytest.mark.rule("I1")
def test_key_set_is_public_and_fits_the_tokens(identity: Identity) -> None:
    (key,) = identity.call(contract.JWKS)["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
    header = jwt.get_unverified_header(identity.admin()["access_token"])
    assert (header["kid"], header["alg"]) == (key["kid"], key["alg"]) == (key["kid"], "EdDSA")


@pytest.mark.rule("I1")
def test_key_outlives_a_restart(identity: Identity) -> None:
    before = identity.call(contract.JWKS)
    again = make_identity(identity.database)
    again.service.settings = identity.service.settings
    assert again.call(contract.JWKS) == before
    assert again.claims(identity.admin())


@pytest.mark.rule("M4", "I1")
def test_private_key_is_useless_without_the_master_key(identity: Identity) -> None:
    identity.call(contract.JWKS)
    stranger = make_identity(identity.database)
    own, other = Vault.of(identity.service.settings), Vault.of(stranger.service.settings)
    assert identity.service.db.run(SIGNING_KEYS.signing_key, master=own.master).kid
    with pytest.raises(InvalidTag):
        stranger.service.db.run(SIGNING_KEYS.signing_key, master=other.master)


@pytest.mark.rule("I1")
def test_retired_key_is_shown_until_its_last_token_has_expired(identity: Identity) -> None:
    answer = identity.admin()
    identity.database.query(
        "UPDATE signing_keys SET state = 'retired', retired_at = :now", now=identity.clock.now()
    )
    assert len(identity.call(contract.JWKS)["keys"]) == 2
    assert identity.claims(answer)
    identity.clock.advance(minutes=61)
    assert len(identity.call(contract.JWKS)["keys"]) == 1


@pytest.mark.rule("I1")
def test_rotation_publishes_a_key_before_it_signs_and_breaks_no_token(identity: Identity) -> None:
    vault = Vault.of(identity.service.settings)

    def rotate() -> bool:
        return identity.service.db.run(tokens.rotate_signing_key, vault=vault).changed

    def kids() -> list[str]:
        return [key["kid"] for key in identity.call(contract.JWKS)["keys"]]

    before = identity.admin()
    (first,) = kids()
    assert (rotate(), kids()[0]) == (False, first)
    published = kids()[1]
    assert rotate()
    after = identity.admin()
    assert jwt.get_unverified_header(after["access_token"])["kid"] == published
    assert identity.claims(before)
    assert identity.claims(after)
    identity.clock.advance(minutes=61)
    assert first not in kids()


@pytest.mark.rule("I1")
def test_rotations_at_the_same_time_leave_one_key_that_signs(identity: Identity) -> None:
    vault = Vault.of(identity.service.settings)
    identity.call(contract.JWKS)
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda _: identity.service.db.run(tokens.rotate_signing_key, vault=vault), range(4)
            )
        )
    rows = identity.database.query("SELECT state, count(*) AS n FROM signing_keys GROUP BY state")
    assert {row.state: row.n for row in rows} == {"current": 1, "next": 1, "retired": 3}
