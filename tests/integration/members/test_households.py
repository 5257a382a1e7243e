"""Households: who may put whom into which, and what the rest of the platform hears (L10)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from shared.calls import Actor
from shared.contracts.members import rpc as contract
from shared.contracts.members.households import MAX_INVITATIONS, MAX_MEMBERS
from tests.integration.members.conftest import Members

STAFF = Actor("staff", "s-1", ("support",))


class Home:
    """A household and who speaks to it."""

    def __init__(self, members: Members) -> None:
        self.members = members
        self._phones = iter(range(13_900_139_000, 13_900_139_999))
        self.owner = self.person()
        self.id = self.founded(self.owner)["household_id"]

    def person(self) -> str:
        """Return a new member."""
        return str(self.members.enrol(str(next(self._phones)))["member_id"])

    def ask(self, method: Any, actor: Actor | str, **payload: Any) -> dict[str, Any]:
        """Return the answer, or the refusal under ``error``."""
        who = Actor("member", actor) if isinstance(actor, str) else actor
        reply = self.members.call(method, payload, actor=who)
        body: dict[str, Any] = reply.get("body", reply)
        return body

    def founded(self, owner: str) -> dict[str, Any]:
        return self.ask(contract.CREATE_HOUSEHOLD, owner, name="Li family", owner_member_id=owner)

    def join(self, actor: Actor | str, member: str) -> dict[str, Any]:
        return self.ask(contract.JOIN_HOUSEHOLD, actor, household_id=self.id, member_id=member)

    def leave(self, actor: Actor | str, member: str) -> dict[str, Any]:
        return self.ask(contract.LEAVE_HOUSEHOLD, actor, household_id=self.id, member_id=member)

    def joined(self) -> str:
        """Return a new member who was asked and joined."""
        member = self.person()
        assert "error" not in self.join(self.owner, member)
        assert "error" not in self.join(member, member)
        return member

    def seen(self, actor: Actor | str = STAFF) -> dict[str, Any]:
        return self.ask(contract.GET_HOUSEHOLD, actor, household_id=self.id)

    def roles(self) -> dict[str, str]:
        return {each["member_id"]: each["role"] for each in self.seen()["members"]}

    def told(self) -> list[dict[str, Any]]:
        return [data for name, data in self.members.events() if name == "member.household_changed"]


@pytest.fixture
def home(members: Members) -> Home:
    return Home(members)


def code(answer: dict[str, Any]) -> str | None:
    found: str | None = answer.get("error", {}).get("code")
    return found


@pytest.mark.rule("L10")
def test_member_joins_when_the_owner_asked_and_it_agreed(home: Home) -> None:
    member = home.person()
    asked = home.join(home.owner, member)
    assert [each["member_id"] for each in asked["invitations"]] == [member]
    assert home.roles() == {home.owner: "owner"}
    agreed = home.join(member, member)
    assert (agreed["name"], agreed["invitations"]) == ("Li family", [])
    assert home.roles() == {home.owner: "owner", member: "member"}
    assert home.told()[-1] == {
        "household_id": home.id,
        "owner_member_id": home.owner,
        "member_ids": [home.owner, member],
        "joined": [member],
        "left": [],
    }


@pytest.mark.rule("L10")
def test_nobody_joins_unasked_too_late_or_for_somebody_else(home: Home) -> None:
    stranger, late = home.person(), home.person()
    assert code(home.join(stranger, stranger)) == "not_found"
    assert code(home.join(stranger, late)) == "not_found"
    home.join(home.owner, late)
    home.members.clock.advance(days=7)
    assert code(home.join(late, late)) == "not_found"
    fellow = home.joined()
    assert code(home.join(fellow, stranger)) == "household_owners_only"
    assert home.roles() == {home.owner: "owner", fellow: "member"}


def test_invitation_does_not_tell_whether_there_is_such_a_member(home: Home) -> None:
    known = home.join(home.owner, home.person())
    home.leave(home.owner, known["invitations"][0]["member_id"])
    unknown = home.join(home.owner, str(uuid4()))
    assert known.keys() == unknown.keys()
    assert len(unknown["invitations"]) == len(known["invitations"]) == 1


def test_household_does_not_exist_for_others(home: Home) -> None:
    stranger = home.person()
    assert code(home.seen(stranger)) == "not_found"
    assert home.ask(contract.LIST_HOUSEHOLDS, stranger)["items"] == []
    change = {"household_id": home.id, "name": "Mine"}
    assert code(home.ask(contract.UPDATE_HOUSEHOLD, stranger, **change)) == "not_found"
    assert code(home.leave(stranger, home.owner)) == "not_found"
    foreign = {"name": "Theirs", "owner_member_id": home.owner}
    assert code(home.ask(contract.CREATE_HOUSEHOLD, stranger, **foreign)) == "not_found"


def test_staff_adds_a_member_at_once_and_finds_its_household(home: Home) -> None:
    member = home.person()
    home.join(STAFF, member)
    (found,) = home.ask(contract.LIST_HOUSEHOLDS, STAFF, member_id=member)["items"]
    assert found == home.seen()
    assert code(home.join(STAFF, str(uuid4()))) == "not_found"


@pytest.mark.rule("L10")
def test_member_belongs_to_one_household_at_a_time_also_in_parallel(home: Home) -> None:
    member, owners = home.person(), [home.person() for _ in range(4)]
    households = [home.founded(owner)["household_id"] for owner in owners]
    together = Barrier(4)

    def add(household_id: str) -> str | None:
        together.wait()
        payload = {"household_id": household_id, "member_id": member}
        return code(home.ask(contract.JOIN_HOUSEHOLD, STAFF, **payload))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(add, households))
    assert answers.count(None) == 1
    assert answers.count("already_in_household") == 3
    assert code(home.founded(member)) == "already_in_household"


def test_members_and_invitations_are_bounded_also_in_parallel(home: Home) -> None:
    people = [home.person() for _ in range(MAX_MEMBERS + 1)]
    with ThreadPoolExecutor(4) as pool:
        answers = [code(each) for each in pool.map(lambda who: home.join(STAFF, who), people)]
    assert answers.count("household_full") == 2
    assert len(home.roles()) == MAX_MEMBERS
    for _ in range(MAX_INVITATIONS):
        assert code(home.join(home.owner, str(uuid4()))) is None
    assert code(home.join(home.owner, str(uuid4()))) == "household_full"


def test_joining_again_changes_and_tells_nothing(home: Home) -> None:
    member = home.joined()
    told = len(home.told())
    for actor in (STAFF, home.owner, member):
        assert "error" not in home.join(actor, member)
    assert len(home.told()) == told


@pytest.mark.rule("L10")
def test_member_leaves_or_is_let_go_by_the_owner(home: Home) -> None:
    first, second = home.joined(), home.joined()
    left = home.leave(first, first)
    assert (left["name"], left["members"]) == (None, [])
    assert code(home.leave(second, home.owner)) == "household_owners_only"
    home.leave(home.owner, second)
    assert home.roles() == {home.owner: "owner"}
    assert [each["left"] for each in home.told()][-2:] == [[first], [second]]
    assert code(home.leave(home.owner, second)) == "not_found"


def test_invitation_is_declined_or_taken_back(home: Home) -> None:
    first, second = home.person(), home.person()
    for who, actor in ((first, first), (second, home.owner)):
        home.join(home.owner, who)
        assert "error" not in home.leave(actor, who)
        assert code(home.join(who, who)) == "not_found"


def test_owner_leaves_last_and_closes_the_household(home: Home) -> None:
    member = home.joined()
    assert code(home.leave(home.owner, home.owner)) == "household_owner_stays"
    home.leave(member, member)
    assert home.leave(home.owner, home.owner)["status"] == "closed"
    closed = home.seen()
    assert (closed["status"], closed["name"], closed["members"]) == ("closed", None, [])
    last = home.told()[-1]
    assert (last["owner_member_id"], last["member_ids"]) == (None, [])
    assert code(home.join(STAFF, member)) == "not_found"


def test_owner_renames_the_household_and_passes_it_on(home: Home) -> None:
    member = home.joined()
    change = {"household_id": home.id, "name": "Han family", "owner_member_id": member}
    assert code(home.ask(contract.UPDATE_HOUSEHOLD, member, **change)) == "household_owners_only"
    changed = home.ask(contract.UPDATE_HOUSEHOLD, home.owner, **change)
    assert (changed["name"], changed["owner_member_id"]) == ("Han family", member)
    assert home.roles() == {home.owner: "member", member: "owner"}
    assert home.told()[-1]["owner_member_id"] == member
    stranger = change | {"owner_member_id": home.person()}
    assert code(home.ask(contract.UPDATE_HOUSEHOLD, STAFF, **stranger)) == "not_found"


def test_closed_account_leaves_its_household_to_who_belongs_to_it_longest(home: Home) -> None:
    heir, _ = home.joined(), home.joined()
    close = {"member_id": home.owner, "act": "close", "reason": "asked for it"}
    home.ask(contract.CHANGE_STANDING, STAFF, **close)
    assert home.roles()[heir] == "owner"
    assert home.owner not in home.roles()
    assert code(home.join(STAFF, home.owner)) == "member_closed"


@pytest.mark.rule("M4")
def test_name_lies_about_sealed(home: Home) -> None:
    (row,) = home.members.database.query("SELECT to_jsonb(households)::text AS all FROM households")
    assert b"Li family".hex() not in row.all
    assert "Li family" not in row.all
