"""What a quote asks of the services, answered by their rules without any database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

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
from tests.support.stand_ins import OneByOne

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
PROGRAMME = Programme(ZoneInfo("Asia/Shanghai"), "CNY")
MEMBER = new_id()


class Rules(OneByOne):
    """A backend without databases: the rules of the services alone answer what a quote asks."""

    def __init__(self) -> None:
        self.percent = 0
        """Of the member price."""
        self.coupons: list[tuple[str, int]] = []
        """Kind and value of each; its code is its place, and so is its category."""
        self.multiplier = Fraction(1)

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
        award = sales.award(sale, price, Tier("GOLD", self.multiplier), PROGRAMME)
        return {
            "totals": price.totals,
            "lines": [{"points_minor": tender} for tender in price.tender],
            "points": {"earned": award.points, "pending": 0, "available_on": None},
            "explain": [],
            "judged_by": {
                "at": rfc3339(NOW),
                "tier": "GOLD",
                "multiplier": str(self.multiplier),
                "rules": [],
                "has_open_order": False,
            },
        }


def _whole(line: Mapping[str, Any]) -> dict[str, Any]:
    names = ("line_id", "sku", "category", "brand", "kind", "quantity", "net_minor")
    return {name: line.get(name) for name in names}
