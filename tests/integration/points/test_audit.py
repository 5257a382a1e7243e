"""Which acts on points leave a row in the audit trail (I4)."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.calls import Actor
from shared.contracts.points import rpc
from tests.integration.points.desk import Desk
from tests.integration.points.test_adjustments import BERT, adjust, decide
from tests.integration.points.test_transfers import transfer

STAFF = Actor("staff", "s-1", ("manager",))


def noted(desk: Desk) -> list[tuple[str, str]]:
    """Return actions and targets in their order."""
    rows = desk.database.query("SELECT action, target_id FROM audit ORDER BY sequence")
    return [tuple(row) for row in rows]


@pytest.mark.rule("I4")
def test_life_of_a_rule_is_noted(desk: Desk) -> None:
    draft = {"name": "Base", "kind": "base", "scope": {}, "value": "1"}
    rule_id = desk.call(rpc.CREATE_RULE, draft, actor=STAFF).body["rule_id"]
    desk.call(rpc.AMEND_RULE, {"rule_id": rule_id, "value": "2"}, actor=STAFF)
    desk.call(rpc.PUBLISH_RULE, {"rule_id": rule_id}, actor=STAFF)
    desk.call(rpc.RETIRE_RULE, {"rule_id": rule_id}, actor=STAFF)
    acts = ("rule.create", "rule.amend", "rule.publish", "rule.retire")
    assert noted(desk) == [(act, rule_id) for act in acts]


@pytest.mark.rule("I4")
def test_return_is_noted_when_staff_takes_it(desk: Desk) -> None:
    desk.sell(4000, 2000, member=uuid4(), sale_id="s1")
    desk.give_back("s1", {"2": (1, 2000)})
    assert noted(desk) == []
    desk.cancel("s1", actor=STAFF)
    assert noted(desk) == [("sale.cancel", "s1")]


@pytest.mark.rule("I4", "L9")
def test_adjustments_and_their_decisions_are_noted(desk: Desk) -> None:
    member = uuid4()
    small = adjust(desk, member, 500).body["adjustment_id"]
    first, second = (adjust(desk, member, 20_000) for _ in range(2))
    decide(desk, first, actor=BERT)
    decide(desk, second, actor=BERT, approve=False)
    one, two = first.body["adjustment_id"], second.body["adjustment_id"]
    assert noted(desk) == [
        ("adjustment.make", small),
        ("adjustment.request", one),
        ("adjustment.request", two),
        ("adjustment.approve", one),
        ("adjustment.reject", two),
    ]


@pytest.mark.rule("I4", "L10")
def test_transfer_is_noted_when_staff_makes_it(desk: Desk) -> None:
    giver, taker = uuid4(), uuid4()
    adjust(desk, giver, 500)
    made = transfer(desk, giver, taker, 100).body
    assert noted(desk)[1:] == [("transfer.make", made["transfer_id"])]
