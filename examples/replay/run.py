"""Carries a timeline out against a server, day by day, the tills of a day side by side."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from examples.client import ApiClient, Json, Login, by_sandbox_otp
from examples.replay import bodies
from examples.replay.coupons import Offer
from examples.replay.opening import Staff, enrol, hire, open_tills
from examples.replay.plan import Day, Posting, Sale, Till, Timeline
from examples.replay.tally import Tally

PAGE = "200"
"""The longest page a list gives (A4)."""

ISSUED_AT_ONCE = 500
"""How many members a request issues coupons to."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Outcome:
    """What came of a replay.

    Attributes:
        tally: What the tills and marketing were answered.
        members: Member ids by household.
        seconds: Wall time by phase: ``opening``, ``campaigns``, ``clock``, ``sales``,
            ``proof``.
        points_earned: Points the members earned in their lives.
        points_redeemed: Points they spent.
        tiers: Members per tier code.
        verify: The answer of ``POST /v1/points/verify``.
    """

    tally: Tally = field(default_factory=Tally)
    members: dict[int, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    points_earned: int = 0
    points_redeemed: int = 0
    tiers: Counter[str] = field(default_factory=Counter)
    verify: Json = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the ledger proved itself and every sale and coupon went through."""
        tally = self.tally
        refused = tally.refusals or tally.coupon_rejections or tally.coupons_missing
        return self.verify.get("ok") is True and not refused

    @property
    def adds_up(self) -> bool:
        """Whether members own what the answers to sales awarded; so it is on a fresh server."""
        owned = (self.points_earned, self.points_redeemed)
        return owned == (self.tally.points_earned, self.tally.points_redeemed)


class Replay:
    """One run of a timeline.

    Args:
        client: The server.
        timeline: What to play.
        progress: Told the number of sales after each request that posted some.
    """

    def __init__(
        self, client: ApiClient, timeline: Timeline, progress: Callable[[int], None]
    ) -> None:
        self._client = client
        self._timeline = timeline
        self._progress = progress
        self._outcome = Outcome()
        self._tills: dict[Till, Login] = {}
        self._shoppers = {
            shopper.household_id: by_sandbox_otp(shopper.phone) for shopper in timeline.shoppers
        }
        self._phones = {shopper.household_id: shopper.phone for shopper in timeline.shoppers}
        self._known: dict[str, Json] = {}
        self._campaigns: dict[str, str] = {}
        self._clock = EPOCH
        self._behind = False

    def run(self, username: str, password: str) -> Outcome:
        """Play the timeline from the opening to the proof.

        Args:
            username: The admin.
            password: The admin's password.

        Raises:
            Refused: If the server refuses anything but a sale or a coupon.
            Unreachable: If it stops answering.
        """
        with ThreadPoolExecutor(len(self._timeline.tills)) as pool:
            with self._phase("opening"):
                staff = hire(self._client, username, password)
                self._clock = self._read_clock(staff)
                self._move_clock(staff, self._timeline.opens_at)
                self._tills = open_tills(self._client, staff.admin, self._timeline.tills)
                self._outcome.members = enrol(self._client, self._timeline, self._tills, pool)
                self._known = self._list_campaigns(staff)
            for day in self._timeline.days:
                self._play(day, staff, pool)
            with self._phase("proof"):
                self._prove(staff, pool)
        return self._outcome

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self._outcome.seconds[name] = self._outcome.seconds.get(name, 0.0) + spent

    def _play(self, day: Day, staff: Staff, pool: Executor) -> None:
        """One day: offers start in its morning, sales are posted at its close."""
        with self._phase("campaigns"):
            for tally in pool.map(lambda offer: self._launch(staff, offer), day.offers):
                self._outcome.tally.add(tally)
        with self._phase("clock"):
            self._move_clock(staff, day.closes_at)
        with self._phase("sales"):
            for tally in pool.map(lambda each: self._post(*each), day.postings.items()):
                self._outcome.tally.add(tally)

    def _read_clock(self, staff: Staff) -> datetime:
        clock = self._client.call("GET", "/v1/sandbox/clock", login=staff.admin)
        return datetime.fromisoformat(clock["now"])

    def _move_clock(self, staff: Staff, target: datetime) -> None:
        """Move the platform's clock forward (A8); behind it, a server that has been here before.

        Tokens follow the clock, so everybody signs in anew.
        """
        self._behind = self._clock >= target
        if self._behind:
            return
        now = bodies.rfc3339(target)
        path = "/v1/sandbox/clock"
        self._client.call("PUT", path, login=staff.admin, body={"now": now}, key=f"clock-{now}")
        self._clock = target
        staff.forget_tokens()
        for login in (*self._tills.values(), *self._shoppers.values()):
            login.forget()

    def _list_campaigns(self, staff: Staff) -> dict[str, Json]:
        """The campaigns an earlier replay has created, by name."""
        items = self._items("/v1/campaigns", staff.marketing)
        return {str(item["name"]): item for item in items}

    def _items(self, path: str, login: Login) -> Iterator[Json]:
        """All items of a list, page by page (A4)."""
        params = {"limit": PAGE}
        while True:
            page = self._client.call("GET", path, login=login, params=params)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            params = {"limit": PAGE, "cursor": page["next_cursor"]}

    def _launch(self, staff: Staff, offer: Offer) -> Tally:
        """Create and publish the campaign of an offer and issue its coupons.

        A longer window sells more products, so it knows coupons a shorter one did not; on a server
        that has been here before, their time may be over.
        """
        call = self._client.call
        known = self._known.get(offer.name)
        if self._clock >= offer.ends_at and (known is None or known["status"] == "draft"):
            return Tally(campaigns_over=1)
        if known is None:
            body = bodies.campaign(offer)
            known = call("POST", "/v1/campaigns", login=staff.marketing, body=body, key=offer.key)
        path = f"/v1/campaigns/{known['campaign_id']}"
        if known["status"] == "draft":
            call("POST", f"{path}/publish", login=staff.marketing, body={}, key=offer.key)
        self._campaigns[offer.key] = str(known["campaign_id"])
        members = [self._outcome.members[household] for household in offer.household_ids]
        tally = Tally()
        for start in range(0, len(members), ISSUED_AT_ONCE):
            part = members[start : start + ISSUED_AT_ONCE]
            key = bodies.content_key("issue", part)
            body = {"member_ids": part}
            tally.issue(call("POST", f"{path}/issue", login=staff.marketing, body=body, key=key))
        return tally

    def _post(self, till: Till, postings: tuple[Posting, ...]) -> Tally:
        """Post a till's day in order."""
        tally = Tally()
        for posting in postings:
            if posting.alone:
                self._post_single(till, posting.sales[0], tally)
            else:
                self._post_batch(till, posting, tally)
            self._progress(len(posting.sales))
        return tally

    def _post_batch(self, till: Till, posting: Posting, tally: Tally) -> None:
        sales = [bodies.sale(sale, self._phones[sale.household_id]) for sale in posting.sales]
        key = bodies.content_key("batch", (sale.sale_id for sale in posting.sales))
        answer = self._client.send(
            "POST", "/v1/sales/batch", login=self._tills[till], body={"sales": sales}, key=key
        )
        tally.batch(posting, answer)

    def _post_single(self, till: Till, sale: Sale, tally: Tally) -> None:
        """Post a sale with coupons or points.

        On a server that has been here before, the coupons may have lapsed since and left the
        wallet: the sale is looked for first.
        """
        login = self._tills[till]
        path = f"/v1/sales/{sale.sale_id}"
        if self._behind and (found := self._client.send("GET", path, login=login)).ok:
            tally.single(sale, replace(found, replayed=True))
            return
        codes = self._codes(sale)
        tally.coupons_missing += len(sale.offers) - len(codes)
        body = bodies.sale(sale, self._phones[sale.household_id], codes)
        tally.single(
            sale, self._client.send("POST", "/v1/sales", login=login, body=body, key=sale.sale_id)
        )

    def _codes(self, sale: Sale) -> list[str]:
        """The codes of the coupons a sale redeems, out of the shopper's wallet.

        Only their owner sees codes in full (C8), so the shopper signs in.
        """
        if not sale.offers:
            return []
        wallet = {
            item["campaign_id"]: str(item["code"])
            for item in self._items("/v1/members/me/coupons", self._shoppers[sale.household_id])
        }
        wanted = (self._campaigns.get(offer) for offer in sale.offers)
        return [wallet[campaign] for campaign in wanted if campaign in wallet]

    def _prove(self, staff: Staff, pool: Executor) -> None:
        """Have the ledger prove itself and read what every member has come to."""
        outcome = self._outcome
        outcome.verify = self._client.call(
            "POST", "/v1/points/verify", login=staff.auditor, body={}
        )

        def read(member_id: str) -> tuple[Json, str]:
            path = f"/v1/members/{member_id}"
            points = self._client.call("GET", f"{path}/points", login=staff.auditor)
            tier = self._client.call("GET", f"{path}/tier", login=staff.auditor)
            return points["lifetime"], str(tier["tier"]["code"])

        for lifetime, tier in pool.map(read, outcome.members.values()):
            outcome.points_earned += lifetime["earned"]
            outcome.points_redeemed += lifetime["redeemed"]
            outcome.tiers[tier] += 1
