"""Laws of quotes, for every basket: the parts make the whole (H1, H3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import create_app, quoting
from gateway.context import begin
from services.coupons.domain import Basket, Campaign, Candidate, Stacking, Terms, Validity, evaluate
from services.coupons.domain import Line as BasketLine
from services.coupons.use_cases.judging import answer
from services.points.domain import sales
from services.points.domain.programme import Programme
from services.points.domain.sales import Line, Sale, Tier
from shared.calls import CallContext, Reply
from shared.clock import rfc3339
from shared.contracts.method import Method
from shared.ids import new_id
from shared.settings import GatewaySettings, Secret
from tests.support.stand_ins import OneByOne

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY")
MEMBER = new_id()
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


class Rules(OneByOne):
    """Services without databases: their rules alone answer."""

    def __init__(self) -> None:
        self.percent = 0
        self.coupons: list[tuple[str, int]] = []

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        answers = {
            "status": self._status,
            "member_benefits": self._benefits,
            "quote": self._coupons,
            "quote_sale": self._sale,
        }
        return Reply(200, answers[method.name](payload))

    def _status(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {**asked, "status": "active", "enrolled_at": rfc3339(NOW)}

    def _benefits(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"tier": "GOLD", "items": [{"kind": "member_price", "value": self.percent}]}

    def _coupons(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        bought = tuple(BasketLine(**_whole(line)) for line in asked["lines"])
        terms = [
            Terms(
                kind=kind,
                value=value,
                validity=Validity(never_expires=True),
                stacking=Stacking(category=str(place)),
                code_type="public",
                code_value=str(place),
            )
            for place, (kind, value) in enumerate(self.coupons)
        ]
        found = [
            Candidate(str(place), Campaign(new_id(), "c", "published", each, 1))
            for place, each in enumerate(terms)
        ]
        return answer(evaluate(Basket(bought, NOW, NOW.date(), "web"), found))

    def _sale(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        sold = tuple(
            Line(**_whole(line), discount_minor=line["discount_minor"]) for line in asked["lines"]
        )
        spent = asked["points_to_redeem"]
        sale = Sale("", NOW, "CNY", sold, member_id=MEMBER, points_to_redeem=spent)
        price = sales.price(sale, PROGRAMME, NOW)
        award = sales.award(sale, price, Tier("GOLD", PROGRAMME.rate * 125), PROGRAMME)
        return {
            "totals": price.totals,
            "lines": [{"points_minor": tender} for tender in price.tender],
            "points": {"earned": award.points, "pending": 0, "available_on": None},
            "explain": [],
            "judged_by": {"at": rfc3339(NOW), "tier": "GOLD", "multiplier": "5/4", "rules": []},
        }


def _whole(line: Mapping[str, Any]) -> dict[str, Any]:
    names = ("line_id", "sku", "category", "brand", "kind", "quantity", "net_minor")
    return {name: line.get(name) for name in names}


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
