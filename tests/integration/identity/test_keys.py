from __future__ import annotations

import jwt
import pytest
from cryptography.exceptions import InvalidTag

from services.identity.vault import Vault
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
    (row,) = identity.database.query("SELECT sealed_private FROM signing_keys")
    sealed = bytes(row.sealed_private)
    assert Vault.of(identity.service.settings).open_signing_key(sealed).kid
    with pytest.raises(InvalidTag):
        Vault.of(stranger.service.settings).open_signing_key(sealed)


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
