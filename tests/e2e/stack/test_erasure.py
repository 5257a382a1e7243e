"""A person who used everything is forgotten by everything: processes, databases, broker, logs."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from services.members.vault import open_profile
from shared.security.crypto import LookupKey, MasterKey
from tests.e2e.stack.world import StackWorld
from tests.support import person
from tests.support.shop import Shop
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(400)

SPELLINGS = ("138 0013 8000", "138-0013-8000", "17.05.1990", "17/05/1990", "19900517")
"""Besides those of `person.SECRETS`."""
SEALED = "SELECT data_key, profile FROM members WHERE member_id = :id"
KEYS = "SELECT data_key FROM members WHERE data_key IS NOT NULL"


@pytest.mark.rule("M4", "M6", "I4")
def test_nothing_of_a_forgotten_person_is_left_by_any_process(stack: Stack, shop: Shop) -> None:
    world = StackWorld(stack, shop)
    known = person.live(world)
    exported = known.manager.post(f"/v1/members/{known.member_id}/export", status=202)
    assert world.finish_job(known.manager, exported["job_id"])["status"] == "succeeded"
    digest = LookupKey(stack.secrets["LOYALTY_LOOKUP_KEY"]).digest("phone", person.PHONE)
    ((wrapped, profile),) = stack.query("members", SEALED, id=UUID(known.member_id))
    before = world.dumps()
    assert person.traces({"members": before["database of members"]}, *SPELLINGS) == []
    assert person.traces(before) != []  # what people wrote elsewhere
    assert bytes(wrapped).hex() in before["database of members"]

    job = world.finish_job(known.manager, person.erase(known))
    assert (job["status"], job["waiting_for"]) == ("succeeded", [])
    assert set(job["result"]["services"]) == {"identity", "points", "coupons", "tiers"}
    world.settle()

    left = world.dumps() | world.logs() | {"dead letters": "\n".join(stack.dead_letters())}
    as_text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    keyed = (digest.hex(), as_text, bytes(wrapped).hex())
    assert person.traces(left, *SPELLINGS, *keyed) == []
    # No queue holds it, but what a broker has delivered stays in its log until that is wiped: the
    # keyed hash of the phone, which identity had to hear, may, and nothing that is anybody's.
    assert person.traces(world.broker_files(), *SPELLINGS, bytes(wrapped).hex()) == []
    # Who kept a copy of the sealed profile, and has the master key, has no key left to open it by.
    master = MasterKey(stack.secrets["LOYALTY_MASTER_KEY"])
    assert open_profile(master.unwrap(bytes(wrapped)), bytes(profile)).name == person.NAME
    for (other,) in stack.query("members", KEYS):
        with pytest.raises(InvalidTag):
            open_profile(master.unwrap(bytes(other)), bytes(profile))
