"""Every step of every order, and the moments around it at which a process may die.

The calls are those of the tables in `gateway.order_flow`, `gateway.checkout_flow` and
`gateway.reward_flow`; then come the events by which coupons and points follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.coupons import events as coupons_events
from shared.contracts.coupons import rewards
from shared.contracts.coupons import rpc as coupons
from shared.contracts.event import EventType
from shared.contracts.method import Method
from shared.contracts.points import events as points_events
from shared.contracts.points import holds
from shared.contracts.points import rpc as points
from tests.faults.stack.clients import RewardOrder, TillSale, WebOrder
from tests.support.tap import MOMENTS

POINTS, COUPONS = "points", "coupons"
Kind = type[WebOrder] | type[TillSale] | type[RewardOrder]


@dataclass(frozen=True)
class Boundary:
    """A moment of a step: of which request, after which others, and who is at work."""

    kind: Kind
    done: tuple[str, ...]
    act: str
    service: str
    step: Method | EventType
    moment: str

    @property
    def is_event(self) -> bool:
        """Whether the step follows the request's answer, by an event."""
        return isinstance(self.step, EventType)

    def __str__(self) -> str:
        """Return what a failing test shows."""
        return f"{self.act}: {self.moment} {self.service} is done with {self.step.routing_key}"


_STEPS: tuple[
    tuple[Kind, tuple[str, ...], str, tuple[tuple[str, Method | EventType], ...]], ...
] = (
    (
        WebOrder,
        (),
        "open",
        (
            (POINTS, points.OPEN_CHECKOUT),
            (COUPONS, coupons.RESERVE_PROMISED),
            (POINTS, points.READY_CHECKOUT),
        ),
    ),
    (
        WebOrder,
        ("open",),
        "complete",
        (
            (POINTS, points.CHECKOUT),
            (COUPONS, coupons.CONFIRM),
            (POINTS, points.COMPLETE_CHECKOUT),
            (COUPONS, points_events.SALE_RECORDED),
        ),
    ),
    (
        WebOrder,
        ("open",),
        "cancel",
        ((POINTS, points.CANCEL_CHECKOUT), (COUPONS, points_events.CHECKOUT_CLOSED)),
    ),
    (
        WebOrder,
        ("open", "complete"),
        "give_back",
        ((POINTS, points.RETURN_SALE), (COUPONS, points_events.SALE_RETURNED)),
    ),
    (
        WebOrder,
        ("open", "complete"),
        "undo",
        ((POINTS, points.CANCEL_SALE), (COUPONS, points_events.SALE_CANCELLED)),
    ),
    (
        TillSale,
        (),
        "sell",
        (
            (POINTS, points.OPEN_CHECKOUT),
            (COUPONS, coupons.RESERVE),
            (COUPONS, coupons.CONFIRM),
            (POINTS, points.RECORD_SALE),
        ),
    ),
    (
        RewardOrder,
        (),
        "order",
        (
            (COUPONS, rewards.RESERVE),
            (POINTS, holds.PLACE),
            (COUPONS, rewards.CONFIRM),
            (POINTS, holds.CAPTURE),
            (COUPONS, rewards.COMPLETE),
            (COUPONS, points_events.REDEEMED),
        ),
    ),
    (
        RewardOrder,
        ("order",),
        "take_back",
        (
            (COUPONS, rewards.CANCEL),
            (POINTS, holds.REFUND),
            (POINTS, coupons_events.REWARD_CANCELLED),
        ),
    ),
)
BOUNDARIES = tuple(
    Boundary(kind, done, act, service, step, moment)
    for kind, done, act, steps in _STEPS
    for service, step in steps
    for moment in MOMENTS
)


def boundaries_of(victim: str) -> list[Boundary]:
    """Return where a process can die: of the gateway, between all calls; else, in its own work."""
    if victim in (POINTS, COUPONS):
        return [each for each in BOUNDARIES if each.service == victim]
    return [each for each in BOUNDARIES if not each.is_event]
