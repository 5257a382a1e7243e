from datetime import UTC, datetime
from typing import Any

from examples.client import Answer
from examples.replay.plan import Posting, Sale
from examples.replay.run import Outcome
from examples.replay.tally import Tally
from tests.unit.examples.replay.slices import line

TWO = tuple(
    Sale(f"cj-{number}", 7, datetime(2034, 5, 1, tzinfo=UTC), number, (line(1), line(2)))
    for number in (1, 2)
)


POINTS = {"earned": 7, "redeemed": 2}


def batch(*results: dict[str, Any], replayed: bool = False, status: int = 200) -> Tally:
    tally = Tally()
    tally.batch(Posting(TWO), Answer(status, {"results": list(results)}, replayed))
    return tally


def test_a_batch_is_counted_by_its_results() -> None:
    tally = batch(
        {"sale_id": "cj-1", "status": "created", "points": POINTS},
        {"sale_id": "cj-2", "status": "replayed", "points": POINTS},
    )
    assert (tally.recorded, tally.replayed, tally.lines, tally.requests) == (1, 1, 4, 1)
    assert (tally.points_earned, tally.points_redeemed) == (14, 4)


def test_rejected_sales_are_counted_by_code() -> None:
    tally = batch(
        {"sale_id": "cj-1", "status": "rejected", "error": {"code": "unknown_member"}},
        {"sale_id": "cj-2", "status": "created", "points": POINTS},
    )
    assert dict(tally.refusals) == {"unknown_member": 1}
    assert tally.refused_sales == ["cj-1"]
    assert (tally.recorded, tally.lines) == (1, 2)


def test_a_sale_the_answer_forgets_counts_as_refused() -> None:
    tally = batch({"sale_id": "cj-1", "status": "created", "points": POINTS})
    assert dict(tally.refusals) == {"missing_in_results": 1}


def test_a_refused_batch_refuses_each_of_its_sales() -> None:
    tally = Tally()
    tally.batch(Posting(TWO), Answer(422, {"code": "validation_failed"}))
    assert dict(tally.refusals) == {"validation_failed": 2}


def test_a_replayed_batch_records_nothing_new() -> None:
    created = [{"sale_id": sale.sale_id, "status": "created", "points": POINTS} for sale in TWO]
    tally = batch(*created, replayed=True)
    assert (tally.recorded, tally.replayed) == (0, 2)


def test_a_single_sale_counts_its_coupons_and_their_rejections() -> None:
    tally = Tally()
    body = {
        "coupons": {
            "applied": [{"code": "A"}],
            "skipped": [{"code": "C", "reason": "not_combinable"}],
            "rejected": [{"code": "B", "reason": "expired"}],
        },
        "totals": {"discount_minor": 150},
        "points": POINTS,
    }
    tally.single(TWO[0], Answer(201, body))
    assert (tally.recorded, tally.coupons_redeemed, tally.discount_minor) == (1, 1, 150)
    assert dict(tally.coupon_rejections) == {"expired": 1, "not_combinable": 1}


def test_an_issue_tells_new_coupons_from_those_held_and_those_refused() -> None:
    tally = Tally()
    refusals = [{"reason": "limit_reached"}, {"reason": "limit_reached"}, {"reason": "frozen"}]
    tally.issue({"items": [{}], "rejected": refusals})
    assert (tally.coupons_issued, tally.coupons_issued_before) == (1, 2)
    assert dict(tally.coupon_rejections) == {"frozen": 1}


def test_adding_tallies_adds_every_count() -> None:
    ones = Tally(
        recorded=1,
        replayed=1,
        lines=1,
        points_earned=1,
        points_redeemed=1,
        coupons_issued=1,
        coupons_issued_before=1,
        campaigns_over=1,
        coupons_redeemed=1,
        coupons_missing=1,
        discount_minor=1,
        requests=1,
        refused_sales=["cj-1"],
    )
    ones.refusals["x"] = ones.coupon_rejections["y"] = 1
    total = Tally()
    total.add(ones)
    assert total == ones
    total.add(ones)
    assert (total.recorded, total.requests, total.refusals["x"]) == (2, 2, 2)
    assert total.sales == 4


def test_an_outcome_is_good_only_with_proof_and_without_refusals() -> None:
    assert Outcome(verify={"ok": True}).good
    assert not Outcome().good
    assert not Outcome(verify={"ok": False}).good
    assert Outcome().adds_up
    assert not Outcome(points_earned=1).adds_up
    assert not Outcome(points_redeemed=1).adds_up
    refused, rejected, missing = (Outcome(verify={"ok": True}) for _ in range(3))
    refused.tally.refusals["x"] += 1
    rejected.tally.coupon_rejections["x"] += 1
    missing.tally.coupons_missing += 1
    assert [each.good for each in (refused, rejected, missing)] == [False] * 3
