"""What the timeline's actions look like on the wire. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from examples.client import Json
from examples.replay.coupons import Offer
from examples.replay.data import Line
from examples.replay.plan import Sale, Shopper, Till

CURRENCY = "CNY"
"""The default programme's currency: the data set's dollars and cents are posted as yuan and fen."""

EXTERNAL_SYSTEM = "completejourney"
"""Under this name a member carries its household's number."""


def rfc3339(instant: datetime) -> str:
    """An instant as the API writes it: UTC with ``Z`` (A1)."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def content_key(name: str, parts: Iterable[str]) -> str:
    """An idempotency key that is the same for the same content (A3)."""
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{name}-{digest[:24]}"


def enrolment(shopper: Shopper, home: Till) -> Json:
    """The body of ``POST /v1/members``."""
    body: Json = {
        "phone": shopper.phone,
        "name": f"Household {shopper.household_id}",
        "external_ids": [{"system": EXTERNAL_SYSTEM, "id": str(shopper.household_id)}],
        "home_store_id": home.store_id,
        "channel": "store",
    }
    if shopper.birthday is not None:
        body["birthday"] = shopper.birthday.isoformat()
    return body


def sale(planned: Sale, phone: str, codes: Sequence[str] = ()) -> Json:
    """The body of ``POST /v1/sales``, and an entry of ``POST /v1/sales/batch``."""
    body: Json = {
        "sale_id": planned.sale_id,
        "occurred_at": rfc3339(planned.occurred_at),
        "currency": CURRENCY,
        "member": {"type": "phone", "value": phone},
        "lines": [line(each, number) for number, each in enumerate(planned.lines, start=1)],
        "terminal_counter": planned.terminal_counter,
    }
    if codes:
        body["coupons"] = list(codes)
    if planned.points_to_redeem:
        body["points_to_redeem"] = planned.points_to_redeem
    return body


def line(bought: Line, number: int) -> Json:
    """A line of a sale, numbered from 1."""
    return {
        "line_id": str(number),
        "sku": str(bought.product_id),
        "category": bought.category,
        "brand": bought.brand,
        "kind": "gift_card" if bought.gift_card else "product",
        "quantity": bought.quantity,
        "net_minor": bought.net_minor,
    }


def campaign(offer: Offer) -> Json:
    """The body of ``POST /v1/campaigns``.

    Each offer is its own stacking category, so that a basket may carry up to five of them (C7).
    """
    return {
        "name": offer.name,
        "kind": "amount_off",
        "value": offer.value_minor,
        "scope": {"skus": list(offer.skus)},
        "validity": {"from": rfc3339(offer.starts_at), "until": rfc3339(offer.ends_at)},
        "limits": {"per_member": 1},
        "stacking": {"category": offer.key, "exclusive": False, "joint_with": []},
        "code": {"type": "unique"},
        "restore_on_partial_return": False,
        "terms": offer.terms,
        "priority": 100,
    }
