from datetime import UTC, date, datetime

from examples.replay import bodies
from examples.replay.data import Line
from examples.replay.plan import Sale, Shopper, Till

AT = datetime(2034, 5, 1, 16, 0, 5, tzinfo=UTC)


def test_a_sale_is_posted_in_minor_units_with_utc_time_and_counter() -> None:
    lines = (
        Line(11, 2, 129, 50, "TEAS", "National", gift_card=False),
        Line(12, 1, 5_000, 0, "MISC", "National", gift_card=True),
    )
    planned = Sale("cj-1", 7, AT, 3, lines)
    assert bodies.sale(planned, "+12015550107") == {
        "sale_id": "cj-1",
        "occurred_at": "2034-05-01T16:00:05Z",
        "currency": "CNY",
        "member": {"type": "phone", "value": "+12015550107"},
        "terminal_counter": 3,
        "lines": [
            {
                "line_id": "1",
                "sku": "11",
                "category": "TEAS",
                "brand": "National",
                "kind": "product",
                "quantity": 2,
                "net_minor": 129,
            },
            {
                "line_id": "2",
                "sku": "12",
                "category": "MISC",
                "brand": "National",
                "kind": "gift_card",
                "quantity": 1,
                "net_minor": 5_000,
            },
        ],
    }


def test_a_sale_carries_coupons_and_points_only_when_it_takes_some() -> None:
    planned = Sale("cj-1", 7, AT, 3, (), points_to_redeem=500)
    body = bodies.sale(planned, "+12015550107", ["ABC"])
    assert (body["coupons"], body["points_to_redeem"]) == (["ABC"], 500)


def test_an_enrolment_leaves_out_an_unknown_birthday() -> None:
    home = Till(0, "till", "store")
    known = bodies.enrolment(Shopper(7, "+12015550107", date(1984, 1, 8), 0), home)
    assert known["birthday"] == "1984-01-08"
    assert "birthday" not in bodies.enrolment(Shopper(7, "+12015550107", None, 0), home)


def test_content_keys_agree_exactly_for_the_same_content() -> None:
    assert bodies.content_key("batch", ["a", "b"]) == bodies.content_key("batch", ["a", "b"])
    assert bodies.content_key("batch", ["a", "b"]) != bodies.content_key("batch", ["ab"])
    assert len(bodies.content_key("batch", ["a"])) <= 255
