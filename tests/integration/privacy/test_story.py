"""What is kept of a person is handed out whole, and forgotten everywhere (M6)."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import structlog

from shared.privacy.pages import belongs
from shared.privacy.register import REGISTER, Erasure
from tests.integration.privacy.tables import metadata_of
from tests.support import person
from tests.support.person import Known, erase
from tests.support.platform import Platform


def rows_of(platform: Platform, known: Known) -> dict[tuple[str, str], list[Any]]:
    """Return the person's rows of every registered table."""
    found: dict[tuple[str, str], list[Any]] = {}
    for holding in REGISTER:
        metadata = metadata_of(holding.service)
        theirs = belongs(metadata, holding, [UUID(known.member_id)])
        with platform.services[holding.service].db.engine.connect() as connection:
            statement = sa.select(metadata.tables[holding.table]).where(theirs)
            found[holding.service, holding.table] = list(connection.execute(statement).mappings())
    return found


@pytest.mark.rule("M6")
def test_export_holds_every_field_of_the_register_in_the_clear(platform: Platform) -> None:
    known = person.live(platform)
    job_id = known.shopper.post("/v1/members/me/export", status=202)["job_id"]
    job = person.finish_job(platform, known.shopper, job_id)
    assert (job["status"], job["done"], job["total"]) == ("succeeded", 5, 5)
    document = person.download(known.shopper, job_id)
    data = document["data"]
    theirs = rows_of(platform, known)
    filled = set()
    for holding in REGISTER:
        if holding.unexported is not None:
            assert holding.table not in data[holding.service]
            continue
        exported = data[holding.service][holding.table]
        assert len(exported) == len(theirs[holding.service, holding.table])
        if exported:
            filled.add((holding.service, holding.table))
        assert all(set(row) == set(holding.columns) for row in exported)
        assert document["about"][holding.service][holding.table]
    assert filled >= person.FILLED
    (profile,) = (row["profile"] for row in data["members"]["members"])
    assert profile == {
        "name": person.NAME,
        "birthday": person.BIRTHDAY,
        "gender": "male",
        "claimed_email": None,
        "claimed_cards": [],
    }
    values = {row["value"] for row in data["members"]["identifiers"]}
    assert values == {person.PHONE, person.EMAIL, person.CARD, person.OPENID}
    assert data["members"]["households"][0]["name"] == person.HOUSEHOLD
    reasons = {row["reason"] for row in data["members"]["standing_changes"]}
    assert reasons == {f"{person.NAME} asked for it"}
    assert all(row["code_sealed"] for row in data["coupons"]["coupons"])
    assert data["points"]["accounts"][0]["available"] > 0
    # Whoever asked has it, and nobody else; nothing of it stays beside the file.
    staff, _, _ = known.manager.request("GET", f"/v1/jobs/{job_id}/result")
    assert staff == 404
    assert theirs["members", "exports"] == []
    sent = "SELECT data::text FROM outbox WHERE type = 'points.export_part'"
    parts = [row[0] for row in platform.databases["points"].query(sent)]
    assert parts
    assert not any(person.NAME in part or "birth_month" in part for part in parts)


@pytest.mark.rule("M4", "M6", "I4")
def test_nothing_is_left_of_a_person_who_was_forgotten(platform: Platform) -> None:
    with structlog.testing.capture_logs() as logs:
        known = person.live(platform)
        exported = known.manager.post(f"/v1/members/{known.member_id}/export", status=202)
        person.finish_job(platform, known.manager, exported["job_id"])
        before = person.dump(platform)
        earlier = rows_of(platform, known)
        digest = person.phone_digest()
        members = {place: text for place, text in before.items() if place.startswith("members")}
        assert person.traces(members) == []  # sealed or hashed, all of it
        assert digest.hex() in before["members:public.identifiers"]
        assert person.traces({**before, **members}) != []  # what people wrote elsewhere
        job_id = erase(known)
        job = person.finish_job(platform, known.manager, job_id)
    assert (job["status"], job["waiting_for"]) == ("succeeded", [])
    as_text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    kept = person.dump(platform)
    kept["logs"] = repr(logs)
    assert person.traces(kept, digest.hex(), as_text) == []
    later = rows_of(platform, known)
    for holding in REGISTER:
        where = (holding.service, holding.table)
        if holding.having(Erasure.DELETED):
            assert later[where] == [], where
        elif holding.through is None:
            assert len(later[where]) >= len(earlier[where]), where
        for column in holding.having(Erasure.BLANKED):
            assert not any(row[column] for row in later[where]), (where, column)
    households = platform.databases["members"].query("SELECT name FROM households")
    assert [row.name for row in households] == [None]
    # The file is withdrawn, and who forgot whom stands in the audit trail.
    assert platform.databases["members"].query("SELECT count(*) FROM job_chunks")[0][0] == 0
    trail = platform.databases["members"].query(
        "SELECT action FROM audit WHERE target_id = :id", id=known.member_id
    )
    assert {"member.erase", "member.export"} <= {row.action for row in trail}
