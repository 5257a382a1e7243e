"""From a sale as a till posts it to the command that points takes: who, where, what.

The same for one sale and for a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway import checkout_flow
from gateway.backend import call
from gateway.checkout_flow import Command
from shared.calls import Actor
from shared.contracts.members import rpc as members
from shared.contracts.points.rpc import UNKNOWN
from shared.errors.points import StoreMismatch

Sale = Mapping[str, Any]
_COPIED = ("sale_id", "occurred_at", "currency", "lines")
_CODE = "code"
_OPTIONAL = ("points_to_redeem", "offline_allowance", "terminal_counter")


def commands(sales: Sequence[Sale], actor: Actor) -> list[Command]:
    """Return points' command for each sale; members are looked up all at once."""
    named = {_key(sale): sale["member"] for sale in sales if _names_member(sale)}
    found = dict(zip(named, _look_up(list(named.values())), strict=True))
    shown = [sale for sale in sales if _shows_code(sale)]
    used = iter(_use_codes([_use_of(sale) for sale in shown]))
    return [
        _command(sale, next(used) if _shows_code(sale) else found.get(_key(sale)), actor)
        for sale in sales
    ]


def resolve(reference: Mapping[str, Any]) -> Command:
    """Return who a reference names, as points' commands take it; a rotating code names nobody."""
    (found,) = _look_up([reference])
    return {
        "member_id": found["member_id"],
        "member_status": _status(found),
    }


def refuse_foreign_store(sale: Sale, actor: Actor) -> None:
    """Refuse a terminal's sale of another store than its token's.

    Raises:
        StoreMismatch: it names another one.
    """
    named = sale.get("store_id")
    if actor.kind == "terminal" and named is not None and named != actor.store_id:
        raise StoreMismatch


def channel_of(actor: Actor) -> str:
    """Return the channel of whoever posts: tills stand in stores, shops are on the web."""
    return "store" if actor.kind == "terminal" else "web"


def identify(member: Mapping[str, Any], *, use_id: str, at: str) -> Command:
    """Return who is named beside a sale, as points is told: ``member_id`` and ``member_status``.

    A rotating code is shown for ``use_id`` at ``at`` and spends nothing.
    """
    if member["type"] == _CODE:
        use = {"value": member["value"], "use_id": use_id, "spends": False, "at": at}
        (found,) = _use_codes([use])
    else:
        (found,) = _look_up([member])
    return {"member_id": found["member_id"], "member_status": _status(found)}


def _shows_code(sale: Sale) -> bool:
    return bool(sale.get("member")) and sale["member"]["type"] == _CODE


def _names_member(sale: Sale) -> bool:
    return bool(sale.get("member")) and not _shows_code(sale)


def _key(sale: Sale) -> tuple[Any, ...]:
    member = sale.get("member") or {}
    return tuple(member.get(name) for name in ("type", "value", "system"))


def _look_up(references: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
    if not references:
        return []
    payload = {"references": list(references)}
    found: Sequence[Mapping[str, Any]] = call(members.LOOKUP_MANY, payload, idempotent=False).body[
        "results"
    ]
    return found


def _use_of(sale: Sale) -> Mapping[str, Any]:
    return {
        "value": sale["member"]["value"],
        "use_id": sale["sale_id"],
        "spends": bool(sale.get("points_to_redeem")),
        "at": sale["occurred_at"],
    }


def _use_codes(uses: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return whose codes are shown; one sale spends by a code (M2)."""
    if not uses:
        return []
    used: Sequence[Mapping[str, Any]] = call(
        members.USE_CODES, {"uses": list(uses)}, idempotent=False
    ).body["results"]
    return used


def _status(member: Mapping[str, Any]) -> str:
    """Return how the member stands, or why the reference leads to none."""
    known: str | None = member["status"]
    return known or member.get("refusal") or UNKNOWN


def _command(sale: Sale, member: Mapping[str, Any] | None, actor: Actor) -> Command:
    command: Command = {name: sale[name] for name in _COPIED}
    command |= {name: sale[name] for name in _OPTIONAL if sale.get(name) is not None}
    command["store_id"] = actor.store_id if actor.kind == "terminal" else sale.get("store_id")
    command["member_id"] = member and member["member_id"]
    command["member_status"] = member and _status(member)
    command["identified_by"] = member and sale["member"]["type"]
    codes = sale.get("coupons")
    command["codes_digest"] = checkout_flow.digest(codes) if codes else None
    return command
