from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidTag

from services.members import use_cases
from services.members.use_cases import rewrapping
from services.members.vault import CODE_KEYS, Vault
from shared.calls import Actor
from shared.contracts.members import rpc as contract
from shared.security.crypto import MasterKey, new_key
from shared.settings import Secret

if TYPE_CHECKING:
    from tests.integration.members.conftest import Members


def run_all(members: Members, vault: Vault) -> int:
    slices, last = 0, None
    while True:
        last = members.service.db.run(use_cases.rewrap, vault=vault, after=last)
        if last is None:
            return slices
        slices += 1


@pytest.mark.rule("M4")
def test_members_move_to_a_new_master_key_while_all_stays_readable(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "SLICE", 2)
    ids = [members.enrol(f"1380013800{n}", name=f"Li {n}")["member_id"] for n in range(5)]
    members.call(contract.SHOW_CODE, {"member_id": ids[0]}, actor=Actor("member", ids[0]))
    sealed = members.database.query("SELECT member_id, profile FROM members ORDER BY 1")
    before, after = members.service.settings.master_key, Secret(new_key())

    def names(settings_key: Secret, *previous: Secret) -> list[str]:
        members.service.settings = replace(
            members.service.settings, master_key=settings_key, previous_master_keys=previous
        )
        return [
            members.call(contract.GET, {"member_id": each}, actor=Actor("member", each))["body"][
                "name"
            ]
            for each in ids
        ]

    expected = [f"Li {n}" for n in range(5)]
    assert names(after, before) == expected
    assert run_all(members, Vault.of(members.service.settings)) == 3
    assert names(after) == expected
    vault = Vault.of(members.service.settings)
    assert members.service.db.run(CODE_KEYS.signing_key, master=vault.master).kid
    assert run_all(members, vault) == 3, "again changes nothing and fails for nobody"
    assert members.database.query("SELECT member_id, profile FROM members ORDER BY 1") == sealed
    old = MasterKey(before.reveal())
    for row in members.database.query("SELECT data_key FROM members"):
        with pytest.raises(InvalidTag):
            old.unwrap(bytes(row.data_key))


@pytest.mark.rule("M4")
def test_any_of_several_earlier_keys_opens() -> None:
    keys = [new_key() for _ in range(4)]
    sealed = [MasterKey(key).seal(b"secret", context=b"c") for key in keys]
    master = MasterKey(keys[0], previous=keys[1:3])
    assert [master.open(each, context=b"c") for each in sealed[:3]] == [b"secret"] * 3
    with pytest.raises(InvalidTag):
        master.open(sealed[3], context=b"c")
    assert master.resealed(sealed[0], context=b"c") is None
    renewed = master.resealed(sealed[2], context=b"c")
    assert renewed is not None
    assert MasterKey(keys[0]).open(renewed, context=b"c") == b"secret"
