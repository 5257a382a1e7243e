"""Laws of quotes, for every basket: the parts make the whole (H1, H3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import create_app, quoting
from gateway.context import begin
from shared.settings import GatewaySettings, Secret
from tests.support.rules import MEMBER, PROGRAMME, Rules

KINDS = ("product", "product", "product", "shipping", "gift_card", "fee")

lines = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 5), st.integers(0, 100_000)),
    min_size=1,
    max_size=12,
)
coupons = st.lists(
    st.one_of(
        st.tuples(st.just("percent_off"), st.integers(1, 100)),
        st.tuples(st.just("amount_off"), st.integers(1, 50_000)),
    ),
    max_size=4,
)


RULES = Rules()
APP = create_app(GatewaySettings(Secret(""), Secret("s"), rate_limits=False), RULES)


@pytest.mark.rule("H1", "H3", "C7")
@settings(max_examples=60, deadline=None)
@given(
    basket=lines,
    given_coupons=coupons,
    percent=st.sampled_from([0, 1, 5, 33, 100]),
    share=st.integers(0, 100),
)
def test_lines_of_a_quote_sum_exactly_to_its_totals(
    basket: list[tuple[str, int, int]],
    given_coupons: list[tuple[str, int]],
    percent: int,
    share: int,
) -> None:
    RULES.percent, RULES.coupons = percent, given_coupons
    body: dict[str, Any] = {
        "currency": "CNY",
        "lines": [
            {"line_id": str(place), "sku": "tea", "kind": kind, "quantity": pieces,
             "net_minor": net}
            for place, (kind, pieces, net) in enumerate(basket)
        ],
        "codes": [str(place) for place in range(len(given_coupons))],
    }  # fmt: skip
    with APP.test_request_context():
        begin()
        without = quoting.make(quoting.question(body, str(MEMBER), "web")).answer
        left = without["totals"]["payable_minor"]
        points = left * share // 200
        if points >= PROGRAMME.redeem_minimum:
            body = {**body, "points_to_redeem": points}
        quote = quoting.make(quoting.question(body, str(MEMBER), "web"))

    totals, found = quote.answer["totals"], quote.answer["lines"]
    assert [line["line_id"] for line in found] == [line["line_id"] for line in body["lines"]]
    for total, part in (
        ("gross_minor", "gross_minor"),
        ("discount_minor", "discount_minor"),
        ("points_minor", "points_minor"),
        ("payable_minor", "net_minor"),
    ):
        assert sum(line[part] for line in found) == totals[total]
    assert all(amount >= 0 for line in found for name, amount in line.items() if name != "line_id")
    off = sum(each["discount_minor"] for each in quote.answer["coupons"]["applied"])
    price = quote.answer["member_price"]
    assert totals["discount_minor"] == off + (price["discount_minor"] if price else 0)
    assert quote.promise["discounts"] == [line["discount_minor"] for line in found]
    assert quote.promise["tender"] == [line["points_minor"] for line in found]
