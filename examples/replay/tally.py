"""What a replay counts while it runs."""

from collections import Counter
from dataclasses import dataclass, field

from examples.client import Answer, Json
from examples.replay.plan import Posting, Sale


@dataclass(slots=True)
class Tally:
    """Counts of what tills and marketing were answered; each till has its own and they are added.

    Attributes:
        recorded: Sales the platform took.
        replayed: Sales it had taken before.
        lines: Lines of both.
        points_earned: Points that the answers to sales say were awarded.
        points_redeemed: Points that they say were spent.
        refusals: Refused sales by problem code.
        refused_sales: The ids of the first few of them.
        coupons_issued: Coupons handed to members.
        coupons_issued_before: Coupons they had already.
        coupons_redeemed: Coupons applied to sales.
        campaigns_over: Campaigns whose end a server that has been here before has passed.
        coupon_rejections: Coupons the platform did not issue or apply, by reason.
        coupons_missing: Coupons to redeem that were not in the shopper's wallet.
        discount_minor: What coupons took off.
        requests: Requests that posted sales.
    """

    recorded: int = 0
    replayed: int = 0
    lines: int = 0
    points_earned: int = 0
    points_redeemed: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    refused_sales: list[str] = field(default_factory=list)
    coupons_issued: int = 0
    coupons_issued_before: int = 0
    campaigns_over: int = 0
    coupons_redeemed: int = 0
    coupon_rejections: Counter[str] = field(default_factory=Counter)
    coupons_missing: int = 0
    discount_minor: int = 0
    requests: int = 0

    @property
    def sales(self) -> int:
        """Sales the platform holds."""
        return self.recorded + self.replayed

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.recorded += other.recorded
        self.replayed += other.replayed
        self.lines += other.lines
        self.points_earned += other.points_earned
        self.points_redeemed += other.points_redeemed
        self.refusals += other.refusals
        self.refused_sales = (self.refused_sales + other.refused_sales)[:_SHOWN]
        self.coupons_issued += other.coupons_issued
        self.coupons_issued_before += other.coupons_issued_before
        self.campaigns_over += other.campaigns_over
        self.coupons_redeemed += other.coupons_redeemed
        self.coupon_rejections += other.coupon_rejections
        self.coupons_missing += other.coupons_missing
        self.discount_minor += other.discount_minor
        self.requests += other.requests

    def batch(self, posting: Posting, answer: Answer) -> None:
        """Count a batch by its results; a refused batch refuses each of its sales."""
        self.requests += 1
        if not answer.ok:
            for sale in posting.sales:
                self._refused(sale, answer.code)
            return
        results = {result["sale_id"]: result for result in answer.body["results"]}
        for sale in posting.sales:
            result = results.get(sale.sale_id)
            if result is None:
                self._refused(sale, "missing_in_results")
            elif result["status"] == "rejected":
                self._refused(sale, _code(result))
            else:
                replayed = answer.replayed or result["status"] == "replayed"
                self._taken(sale, result["points"], replayed=replayed)

    def single(self, sale: Sale, answer: Answer) -> None:
        """Count a sale posted by itself, or found where an earlier replay has posted it."""
        self.requests += 1
        if not answer.ok:
            self._refused(sale, answer.code)
            return
        self._taken(sale, answer.body["points"], replayed=answer.replayed)
        coupons = answer.body["coupons"]
        self.coupons_redeemed += len(coupons["applied"])
        self.coupon_rejections.update(
            unused["reason"] for unused in (*coupons["skipped"], *coupons["rejected"])
        )
        self.discount_minor += int(answer.body["totals"]["discount_minor"])

    def issue(self, answer: Json) -> None:
        """Count the coupons of an issue; whoever is at the limit of one has it already."""
        self.coupons_issued += len(answer["items"])
        for refused in answer["rejected"]:
            if refused["reason"] == "limit_reached":
                self.coupons_issued_before += 1
            else:
                self.coupon_rejections[refused["reason"]] += 1

    def _taken(self, sale: Sale, points: Json, *, replayed: bool) -> None:
        self.recorded += not replayed
        self.replayed += replayed
        self.lines += len(sale.lines)
        self.points_earned += points["earned"]
        self.points_redeemed += points["redeemed"]

    def _refused(self, sale: Sale, code: str) -> None:
        self.refusals[code] += 1
        self.refused_sales = [*self.refused_sales, sale.sale_id][:_SHOWN]


_SHOWN = 10


def _code(result: Json) -> str:
    error = result.get("error") or {}
    return str(error.get("code", "unknown"))
