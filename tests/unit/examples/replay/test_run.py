import httpx

from examples.client import ApiClient
from examples.replay.data import Slice
from examples.replay.plan import plan
from examples.replay.run import Outcome, Replay
from tests.unit.examples.replay.platform import Platform
from tests.unit.examples.replay.slices import (
    basket,
    campaign,
    coupon,
    line,
    redemption,
    slice_of,
)


def story() -> Slice:
    """Two shoppers; one redeems a coupon on the second day, the other on no day."""
    return slice_of(
        basket(1, 1, line(1), household_id=7),
        basket(2, 1, line(1), household_id=8, store_id=2),
        basket(3, 2, line(11, coupon_minor=50), household_id=7),
        basket(4, 2, line(1), household_id=7, hour=20),
        campaigns=[campaign(coupon(900, 11), household_ids=(7, 8))],
        redemptions=[redemption(900, day=2)],
        days=3,
    )


def play(platform: Platform, part: Slice | None = None) -> Outcome:
    client = ApiClient(
        "http://server", transport=httpx.MockTransport(platform.answer), sleep=lambda _: None
    )
    timeline = plan(part or story(), tills=2, batch=500)
    return Replay(client, timeline, lambda _: None).run("admin", "password")


def test_a_replay_records_every_sale_and_reads_what_came_of_it() -> None:
    platform = Platform()
    outcome = play(platform)
    assert set(platform.sales) == {"cj-1", "cj-2", "cj-3", "cj-4"}
    assert (outcome.tally.recorded, outcome.tally.replayed) == (4, 0)
    assert (outcome.tally.coupons_issued, outcome.tally.coupons_redeemed) == (2, 1)
    assert (outcome.points_earned, outcome.points_redeemed) == (20, 6)
    assert (outcome.tally.points_earned, outcome.tally.points_redeemed) == (20, 4)
    assert not outcome.adds_up
    assert dict(outcome.tiers) == {"SILVER": 2}
    assert outcome.good


def test_sales_are_posted_at_the_close_of_their_day() -> None:
    platform = Platform()
    play(platform)
    clocks = {at for at, _ in platform.bodies("POST", "/v1/sales/batch")}
    assert clocks == {"2034-05-02T04:00:00Z", "2034-05-03T04:00:00Z"}
    moves = [body["now"] for _, body in platform.bodies("PUT", "/v1/sandbox/clock")]
    assert moves == [f"2034-05-0{day}T04:00:00Z" for day in (1, 2, 3, 4)]


def test_coupons_are_issued_before_the_day_and_redeemed_from_the_wallet() -> None:
    platform = Platform()
    play(platform)
    ((at, issue),) = platform.bodies("POST", "/v1/campaigns/campaign-0/issue")
    assert (at, len(issue["member_ids"])) == ("2034-05-01T04:00:00Z", 2)
    ((_, sale),) = platform.bodies("POST", "/v1/sales")
    assert (sale["sale_id"], sale["coupons"]) == ("cj-3", ["campaign-0/member-0"])


def test_a_replay_again_on_the_same_server_changes_nothing() -> None:
    platform = Platform()
    play(platform)
    before = (dict(platform.sales), platform.clock, len(platform.campaigns))
    outcome = play(platform)
    assert (dict(platform.sales), platform.clock, len(platform.campaigns)) == before
    assert (outcome.tally.recorded, outcome.tally.replayed) == (0, 4)
    assert (outcome.tally.points_earned, outcome.tally.points_redeemed) == (20, 4)
    assert (outcome.tally.coupons_issued, outcome.tally.coupons_issued_before) == (0, 2)
    assert outcome.tally.coupons_redeemed == 1
    assert outcome.good


def test_a_replay_cut_short_is_finished_by_the_next() -> None:
    platform = Platform(refuse={"cj-2": "backend_unavailable"}, publish_fails_once=True)
    assert not play(platform).good
    platform.refuse.clear()
    outcome = play(platform)
    assert (outcome.tally.recorded, outcome.tally.replayed) == (1, 3)
    assert outcome.good


def test_a_campaign_that_ended_before_a_later_replay_is_left_out() -> None:
    platform = Platform(clock="2034-06-01T00:00:00Z")
    outcome = play(platform, slice_of(basket(1, 1), campaigns=[campaign(coupon(900, 11))]))
    assert outcome.tally.campaigns_over == 1
    assert platform.campaigns == {}


def test_a_refused_sale_spoils_the_outcome() -> None:
    outcome = play(Platform(refuse={"cj-2": "unknown_member", "cj-3": "too_old"}))
    assert dict(outcome.tally.refusals) == {"unknown_member": 1, "too_old": 1}
    assert not outcome.good


def test_a_coupon_missing_in_the_wallet_spoils_the_outcome() -> None:
    outcome = play(Platform(loses_coupons=True))
    assert outcome.tally.coupons_missing == 1
    assert not outcome.good
