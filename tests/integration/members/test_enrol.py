from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from shared.calls import Actor
from shared.contracts.members import rpc as contract

if TYPE_CHECKING:
    from tests.integration.members.conftest import Members

LI = {
    "phone": "138 0013 8000",
    "name": "Li Leifeng",
    "email": "Li.Leifeng@Example.com",
    "birthday": "1990-05-17",
    "gender": "male",
    "locale": "zh-CN",
    "card_number": "6200-0000-7777",
    "external_ids": [{"system": "webshop", "id": "C-100142"}],
    "home_store_id": "S001",
    "channel": "store",
    "consents": [
        {"purpose": "marketing", "channel": "sms", "granted": True, "policy_version": "2026-01"}
    ],
}


@pytest.mark.rule("M1")
def test_enrol_publishes_a_fact_without_personal_data(members: Members) -> None:
    reply = members.call(contract.ENROL, LI)
    assert reply["status"] == 201
    member_id = reply["body"]["member_id"]
    assert members.events() == [
        (
            "member.enrolled",
            {
                "member_id": member_id,
                "enrolled_at": "2026-03-01T04:00:00Z",
                "channel": "store",
                "status": "active",
                "home_store_id": "S001",
                "locale": "zh-CN",
                "birth_month": 5,
            },
        )
    ]


@pytest.mark.rule("M7")
def test_enrol_by_terminal_answers_masked(members: Members) -> None:
    body = members.call(contract.ENROL, LI)["body"]
    assert body["masked"] is True
    assert body["phone"] == "+86*******8000"
    assert body["name"] == "L**"
    assert body["email"] == "l***@example.com"
    assert body["birthday"] == "****-**-**"
    assert body["gender"] is None
    assert body["card_numbers"] == ["********7777"]
    assert body["external_ids"] == [{"system": "webshop", "id": "****0142"}]


@pytest.mark.rule("M5")
def test_enrol_keeps_consents_with_proof_and_time(members: Members) -> None:
    assert members.enrol(consents=LI["consents"])["consents"] == [
        {
            "purpose": "marketing",
            "channel": "sms",
            "granted": True,
            "policy_version": "2026-01",
            "at": "2026-03-01T04:00:00Z",
            "proof": "store",
        }
    ]
    row = members.database.query("SELECT recorded_by FROM consents")[0]
    assert row.recorded_by == "terminal:till-1"


@pytest.mark.rule("M5")
@pytest.mark.parametrize(
    "statement", ["UPDATE consents SET granted = false", "DELETE FROM consents"]
)
def test_consent_history_cannot_be_rewritten_by_the_service(
    members: Members, statement: str
) -> None:
    members.enrol(consents=LI["consents"])
    with (
        members.database.engine.connect() as connection,
        pytest.raises(Exception, match="permission denied"),
    ):
        connection.exec_driver_sql(statement)


@pytest.mark.rule("M1")
@pytest.mark.parametrize("spelling", ["13800138000", "+86 138-0013-8000", "0086 138 0013 8000"])
def test_phone_in_any_spelling_belongs_to_one_member(members: Members, spelling: str) -> None:
    members.enrol("+8613800138000")
    error = members.call(contract.ENROL, {"phone": spelling, "channel": "web"})["error"]
    assert (error["status"], error["code"]) == (409, "phone_taken")
    assert members.database.query("SELECT count(*) FROM members")[0][0] == 1


@pytest.mark.rule("M1")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "li.leifeng@example.com"),
        ("card_number", "620000007777"),
        ("external_ids", [{"system": "webshop", "id": "C-100142"}]),
    ],
)
def test_identifier_taken_names_the_field(members: Members, field: str, value: Any) -> None:
    members.call(contract.ENROL, LI)
    error = members.call(contract.ENROL, {"phone": "13900139000", "channel": "web", field: value})[
        "error"
    ]
    assert (error["status"], error["code"]) == (409, "identifier_taken")
    assert [each["field"] for each in error["errors"]] == [field]


def test_same_external_id_in_another_system_is_free(members: Members) -> None:
    members.call(contract.ENROL, LI)
    members.enrol("13900139000", external_ids=[{"system": "wechat", "id": "C-100142"}])


@pytest.mark.rule("M1")
def test_parallel_enrolments_of_one_phone_give_one_member(members: Members) -> None:
    threads = 8
    together = Barrier(threads)

    def enrol(number: int) -> str:
        together.wait()
        reply = members.call(
            contract.ENROL,
            {"phone": "13800138000", "channel": "web", "email": f"e{number}@example.com"},
        )
        return str(reply["error"]["code"]) if "error" in reply else "enrolled"

    with ThreadPoolExecutor(threads) as pool:
        outcomes = sorted(pool.map(enrol, range(threads)))
    assert outcomes == ["enrolled"] + ["phone_taken"] * (threads - 1)
    assert members.database.query("SELECT count(*) FROM members")[0][0] == 1
    assert [name for name, _ in members.events()] == ["member.enrolled"]


@pytest.mark.rule("M1")
def test_parallel_enrolments_sharing_identifiers_crosswise_never_fail_otherwise(
    members: Members,
) -> None:
    cards = ["CARD0001", "CARD0002"]
    together = Barrier(2)

    def enrol(number: int) -> str:
        together.wait()
        external = [{"system": "webshop", "id": card} for card in cards]
        reply = members.call(
            contract.ENROL,
            {
                "phone": f"1380013800{number}",
                "channel": "web",
                "external_ids": external if number else external[::-1],
            },
        )
        return str(reply["error"]["code"]) if "error" in reply else "enrolled"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(enrol, range(2))) == ["enrolled", "identifier_taken"]


@pytest.mark.rule("M1", "I2")
def test_person_enrols_only_the_phone_its_token_proves(members: Members) -> None:
    digest = members.digest("+8613800138000")
    person = Actor("anonymous", digest)
    payload = {"channel": "app", "verified_phone_digest": digest, "name": "Han Meimei"}
    stranger = members.call(contract.ENROL, {**payload, "phone": "13900139000"}, actor=person)
    assert (stranger["error"]["status"], stranger["error"]["code"]) == (403, "phone_not_proven")
    without = members.call(contract.ENROL, {"phone": "13800138000", "channel": "app"}, actor=person)
    assert without["error"]["code"] == "phone_not_proven"
    own = members.call(contract.ENROL, {**payload, "phone": "13800138000"}, actor=person)
    assert own["status"] == 201
    assert own["body"]["phone"] == "+8613800138000"
    assert own["body"]["name"] == "Han Meimei"
    assert own["body"]["masked"] is False


@pytest.mark.rule("M1")
def test_person_cannot_attach_an_id_of_another_system(members: Members) -> None:
    digest = members.digest("+8613800138000")
    reply = members.call(
        contract.ENROL,
        {
            "phone": "13800138000",
            "channel": "app",
            "verified_phone_digest": digest,
            "external_ids": LI["external_ids"],
        },
        actor=Actor("anonymous", digest),
    )
    assert (reply["error"]["status"], reply["error"]["code"]) == (403, "external_id_not_proven")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"phone": "not a phone"}, "phone"),
        ({"birthday": "2026-03-02"}, "birthday"),
        ({"email": "nobody"}, "email"),
        ({"channel": "pigeon"}, "channel"),
        ({"name": " "}, "name"),
        ({"locale": "zh_CN!"}, "locale"),
        ({"tier": "GOLD"}, "tier"),
        ({"consents": [{"purpose": "resale"}]}, "consents.0.purpose"),
    ],
)
def test_unusable_fields_are_named(members: Members, changes: dict[str, Any], field: str) -> None:
    error = members.call(contract.ENROL, {**LI, **changes})["error"]
    assert (error["status"], error["code"]) == (422, "validation_failed")
    assert field in [each["field"] for each in error["errors"]]


def test_birthday_is_judged_in_the_programmes_time_zone(members: Members) -> None:
    # 04:00 UTC on 1 March is noon of that day in Shanghai; at 17:00 UTC it is the 2nd there.
    members.clock.advance(hours=13)
    assert members.enrol(birthday="2026-03-02")["member_id"]


@pytest.mark.rule("A3")
def test_replayed_enrolment_answers_the_same_and_changes_nothing(members: Members) -> None:
    first = members.call(contract.ENROL, LI, key="k1")
    again = members.call(contract.ENROL, LI, key="k1")
    assert again["replayed"] is True
    assert (again["status"], again["body"]) == (201, first["body"])
    assert len(members.events()) == 1
    other = members.call(contract.ENROL, {**LI, "phone": "13900139000"}, key="k1")
    assert other["error"]["code"] == "idempotency_key_reused"


@pytest.mark.rule("M4")
def test_no_table_holds_a_personal_value_in_plain(members: Members) -> None:
    digest = members.digest("+8613800138000")
    body = {name: value for name, value in LI.items() if name != "external_ids"}
    members.call(
        contract.ENROL,
        {**body, "verified_phone_digest": digest},
        actor=Actor("anonymous", digest),
        key="by-the-person",
    )
    by_till = {
        **LI,
        "phone": "13900139000",
        "email": "second@example.com",
        "card_number": "99887766",
    }
    members.call(contract.ENROL, by_till, key="by-a-till")
    dump = _dump(members)
    assert "webshop" in dump  # the dump does hold what may stand there
    for personal in (
        "13800138000", "138 0013 8000", "13900139000", "Leifeng", "leifeng", "L**",
        "1990-05-17", '"male"', "620000007777", "6200-0000-7777", "99887766",
        "second@example.com", "C-100142",
    ):  # fmt: skip
        assert personal not in dump, personal
    assert members.database.query("SELECT count(*) FROM idempotency")[0][0] == 2


@pytest.mark.rule("M4")
def test_each_member_has_a_key_of_its_own(members: Members) -> None:
    members.enrol("13800138000", name="Li Lei")
    members.enrol("13900139000", name="Li Lei")
    rows = members.database.query("SELECT data_key, profile FROM members")
    assert len({bytes(row.data_key) for row in rows}) == 2
    assert len({bytes(row.profile) for row in rows}) == 2


def _dump(members: Members) -> str:
    """Return every row of every table as text, binary columns decoded."""
    tables = members.database.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    rows = []
    for (table,) in tables:
        for row in members.database.query(f'SELECT * FROM "{table}"'):  # noqa: S608
            rows += [
                bytes(value).decode("latin-1")
                if isinstance(value, memoryview | bytes)
                else str(value)
                for value in row
            ]
    return "\n".join(rows)
