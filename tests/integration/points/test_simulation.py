"""Drafts tried on a sale: any draft, any time, nothing written (E4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.calls import Actor
from shared.clock import rfc3339
from shared.contracts.points import rpc
from tests.integration.points.desk import Desk, line, refusal_of
from tests.integration.points.test_awards import BONUS, TWICE, born, rule

STAFF = Actor("staff", "m-1", ("marketing",))


def simulate(desk: Desk, *nets: int, **given: Any) -> dict[str, Any]:
    at, rules = given.pop("at", None), given.pop("rules", None)
    lines = [line(str(place), net) for place, net in enumerate(nets, start=1)]
    sale = {"currency": "CNY", "member_id": None, "lines": lines} | given
    payload = {"sale": sale, "at": at and rfc3339(at), "rules": rules}
    return desk.call(rpc.SIMULATE_RULES, payload, actor=STAFF).body


def everything(desk: Desk) -> Any:
    tables = desk.database.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    return {
        row.table_name: desk.database.query(f"SELECT * FROM {row.table_name}")  # noqa: S608
        for row in tables
    }


@pytest.mark.rule("E4", "E3")
def test_drafts_are_tried_and_nothing_is_written(desk: Desk) -> None:
    rule(desk, kind="multiplier", value="5")
    before = everything(desk)
    body = simulate(
        desk, 4000, 2000, rules=[{"name": "a", **TWICE}, {"name": "b", **BONUS, "pending_days": 3}]
    )
    assert body["points"] == {"earned": 220, "pending": 100, "available_on": "2026-03-13"}
    assert body["lines"] == [{"line_id": "1", "points": 80}, {"line_id": "2", "points": 40}]
    assert [(e["rule"], e["version"], e["rounded"]) for e in body["explain"]] == [
        ("base", 1, 60), ("a", 0, 60), ("b", 0, 100),
    ]  # fmt: skip
    assert body["totals"]["payable_minor"] == 6000
    assert everything(desk) == before


@pytest.mark.rule("E4")
def test_published_rules_of_any_time_are_tried_where_no_drafts_are_given(desk: Desk) -> None:
    rule(desk, **TWICE)
    now = desk.clock.now()
    at = [now - timedelta(days=1), now, now + timedelta(days=900)]
    assert [simulate(desk, 1000, at=when)["points"]["earned"] for when in at] == [10, 20, 20]


@pytest.mark.rule("E4")
def test_over_drafts_may_be_tried_after_their_time(desk: Desk) -> None:
    draft = {"name": "a", **TWICE, "valid_until": "2026-03-01T00:00:00Z"}
    assert simulate(desk, 1000, rules=[draft])["points"]["earned"] == 10
    then = desk.clock.now() - timedelta(days=30)
    assert simulate(desk, 1000, rules=[draft], at=then)["points"]["earned"] == 20


@pytest.mark.rule("E4")
def test_members_tier_and_caps_count(desk: Desk) -> None:
    rule(desk, **BONUS, caps={"per_member_per_day": 120})
    member = born(desk, None)
    desk.promote(member, "GOLD", "1.25")
    assert simulate(desk, 10_000)["tier"] == "BRONZE"
    first = simulate(desk, 10_000, member_id=str(member))
    assert (first["tier"], first["points"]["earned"]) == ("GOLD", 225)
    desk.sell(10_000, member=member)
    assert simulate(desk, 10_000, member_id=str(member))["points"]["earned"] == 145


def test_simulated_circumstances_are_those_given(desk: Desk) -> None:
    scope = {"stores": ["s-9"], "channels": ["app"], "first_purchase": True}
    draft = {"name": "a", **TWICE, "scope": scope}
    assert simulate(desk, 1000, rules=[draft])["points"]["earned"] == 10
    there = {"store_id": "s-9", "channel": "app"}
    assert simulate(desk, 1000, rules=[draft], **there)["points"]["earned"] == 20


@pytest.mark.rule("E4")
def test_contradictory_drafts_are_named_by_place(desk: Desk) -> None:
    base = {"name": "b", "kind": "base", "value": "0.02"}
    wrong = [base, {"name": "m", "kind": "multiplier"}, base]
    refusal = refusal_of(lambda: simulate(desk, 1000, rules=wrong))
    assert [(error.field, error.code) for error in refusal.errors] == [
        ("rules.1.value", "required"), ("rules.2.scope", "overlapping_base"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"member_status": "unknown"}, "unknown_member"),
        ({"points_to_redeem": 100}, "member_required"),
        ({"points_to_redeem": 9, "member_id": str(uuid4())}, "redemption_out_of_range"),
    ],
)
def test_simulated_sale_is_refused_as_a_sale_is(
    desk: Desk, given: dict[str, Any], code: str
) -> None:
    assert refusal_of(lambda: simulate(desk, 1000, **given)).code == code
