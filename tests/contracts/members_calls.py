"""What the gateway needs of members; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.calls import Actor, CallContext
from shared.clock import rfc3339
from shared.contracts.members import rpc as members
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import PHONE, enrol, till
from tests.support.platform import Platform

_SUPPORT = Actor("staff", "maya", ("support",))
_AT = "2026-01-05T10:00:00Z"
_CARD = "620000001111"
_ID = {"system": "webshop", "id": "C-1001"}
_CONSENT = {
    "purpose": "marketing",
    "channel": "sms",
    "granted": True,
    "policy_version": "2026-01",
}
_WHY = {"reason": "Asked for it"}
_CODE = "48151623421098765432"
_PAYLOAD = {"type": "code", "value": _CODE}
_SALE = {
    "sale_id": "sale-1",
    "occurred_at": _AT,
    "currency": "CNY",
    "member": _PAYLOAD,
    "lines": [{"line_id": "1", "sku": "tea", "quantity": 2, "net_minor": 12_000}],
}
_USE = {"value": _CODE, "use_id": "sale-1", "spends": False, "at": _AT}

_SHOWN = {
    "member_id": uuid(),
    "status": match.like("active"),
    "phone": match.like("+86*******8000"),
    "card_numbers": match.each_like(match.like("********1111"), min=1),
    "external_ids": match.each_like(
        {"system": match.like("webshop"), "id": match.like("C***")}, min=1
    ),
    "enrolled_at": instant(_AT),
}
_HOUSEHOLD = {
    "household_id": uuid(),
    "name": match.like("Li"),
    "status": match.like("active"),
    "owner_member_id": uuid(),
    "members": match.each_like(
        {"member_id": uuid(), "role": match.like("owner"), "joined_at": instant(_AT)}, min=1
    ),
}
_CONSENT_SHOWN = {
    "purpose": match.like("marketing"),
    "channel": match.like("sms"),
    "granted": match.bool(True),
    "policy_version": match.like("2026-01"),
    "at": instant(_AT),
}


def _page(item: Any) -> dict[str, Any]:
    return {"items": match.each_like(item, min=1), "next": None}


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


def _known(platform: Platform) -> Mapping[str, Any]:
    """Let there be a member with a card, an id, a consent and a standing of which there is more."""
    who = {"member_id": enrol(platform)}
    backend = platform.backend
    for method, more in (
        (members.ADD_CARD, {"card_number": _CARD}),
        (members.ADD_EXTERNAL_ID, _ID),
        (members.SET_CONSENTS, {"consents": [_CONSENT]}),
        (members.CHANGE_STANDING, {**_WHY, "act": "freeze"}),
        (members.CHANGE_STANDING, {**_WHY, "act": "unfreeze"}),
    ):
        backend.call(method, {**who, **more}, CallContext("r-0"))
    return who


def _household(platform: Platform) -> Mapping[str, Any]:
    """Let two members share, and a third one be without a household."""
    people = [enrol(platform)]
    for number in (1, 2):
        person = {"phone": f"+861380013900{number}", "channel": "store"}
        people.append(till(platform).post("/v1/members", person)["member_id"])
    owner, other, stranger = people
    made = platform.staff("support").post(
        "/v1/households", {"name": "Li", "owner_member_id": owner}
    )
    path = f"/v1/households/{made['household_id']}/members"
    platform.staff("support").post(path, {"member_id": other})
    return {
        "household_id": made["household_id"],
        "member_id": other,
        "owner_member_id": other,
        "stranger": stranger,
    }


def _to_join(platform: Platform) -> Mapping[str, Any]:
    found = _household(platform)
    return {"household_id": found["household_id"], "member_id": found["stranger"]}


def _shows_code(platform: Platform) -> Mapping[str, Any]:
    who = {"member_id": enrol(platform)}
    shown = platform.backend.call(members.SHOW_CODE, who, CallContext("r-0")).body
    return {"uses": [{**_USE, "value": shown["barcode"], "at": rfc3339(platform.now())}]}


_KNOWN, _SHARING = "a member has a card, an id and a consent", "two members share a household"
_MINE, _HOME = f"/v1/members/{MEMBER}", f"/v1/households/{MEMBER}"
_PAGE = {"limit": 50, "after": None}

MEMBERS_CALLS = (
    CallNeed(
        members.STATUS,
        _KNOWN,
        ("GET", f"{_MINE}/tier", None),
        {"member_id": MEMBER},
        {"member_id": uuid(), "status": match.like("active"), "enrolled_at": instant(_AT)},
        _known,
    ),
    CallNeed(
        members.LOOKUP,
        _KNOWN,
        ("POST", "/v1/members/lookup", {"type": "phone", "value": PHONE}),
        {"type": "phone", "value": PHONE},
        {
            "member_id": uuid(),
            "status": match.like("active"),
            "name_masked": None,
            "phone_masked": match.like("+86*******8000"),
        },
        _known,
        takes=(),
    ),
    CallNeed(
        members.SEARCH,
        _KNOWN,
        ("GET", "/v1/members?phone=%2B8613800138000", None),
        {"phone": PHONE, **_PAGE},
        _page(_SHOWN),
        _known,
        takes=(),
    ),
    CallNeed(
        members.PATCH,
        _KNOWN,
        ("PATCH", _MINE, {"locale": "zh-CN"}),
        {"member_id": MEMBER, "locale": "zh-CN", "verified_phone_digest": None},
        {**_SHOWN, "locale": "zh-CN"},
        _known,
    ),
    CallNeed(
        members.UNMASK,
        _KNOWN,
        ("POST", f"{_MINE}/unmask", {"fields": ["phone"], "purpose": "Call back."}),
        {"member_id": MEMBER, "fields": ["phone"], "purpose": "Call back."},
        {"member_id": uuid(), "values": {"phone": PHONE}},
        _known,
    ),
    CallNeed(
        members.SHOW_CODE,
        _KNOWN,
        ("GET", f"{_MINE}/code", None),
        {"member_id": MEMBER},
        {
            "barcode": match.regex(_CODE, regex=r"^\d{20}$"),
            "signed": match.regex("a.b.c", regex=r"^[\w-]+\.[\w-]+\.[\w-]+$"),
            "expires_at": instant(_AT),
        },
        _known,
    ),
    CallNeed(
        members.CODE_KEYS,
        "codes are signed",
        ("GET", "/v1/codes/jwks.json", None),
        {},
        {
            "keys": match.each_like(
                {"kty": "OKP", "crv": "Ed25519", "x": match.like("k"), "kid": match.like("k-1")},
                min=1,
            )
        },
        _nothing,
    ),
    CallNeed(
        members.USE_CODES,
        "a member shows its code",
        ("POST", "/v1/sales", _SALE),
        {"uses": [_USE]},
        {
            "results": match.each_like(
                {
                    "found": match.bool(True),
                    "member_id": uuid(),
                    "status": match.like("active"),
                    "refusal": None,
                },
                min=1,
            )
        },
        _shows_code,
    ),
    CallNeed(
        members.ADD_CARD,
        _KNOWN,
        ("POST", f"{_MINE}/cards", {"card_number": "620000002222", "replaces": _CARD}),
        {"member_id": MEMBER, "card_number": "620000002222", "replaces": _CARD},
        _SHOWN,
        _known,
    ),
    CallNeed(
        members.BLOCK_CARD,
        _KNOWN,
        ("DELETE", f"{_MINE}/cards/{_CARD}", _WHY),
        {"member_id": MEMBER, "card_number": _CARD, **_WHY},
        {"member_id": uuid(), "card_numbers": []},
        _known,
    ),
    CallNeed(
        members.ADD_EXTERNAL_ID,
        _KNOWN,
        ("POST", f"{_MINE}/external-ids", {**_ID, "system": "app"}),
        {"member_id": MEMBER, **_ID, "system": "app"},
        _SHOWN,
        _known,
    ),
    CallNeed(
        members.REMOVE_EXTERNAL_ID,
        _KNOWN,
        ("DELETE", f"{_MINE}/external-ids", _ID),
        {"member_id": MEMBER, **_ID},
        {"member_id": uuid(), "external_ids": []},
        _known,
    ),
    CallNeed(
        members.SET_CONSENTS,
        _KNOWN,
        ("PUT", f"{_MINE}/consents", {"consents": [{**_CONSENT, "granted": False}]}),
        {"member_id": MEMBER, "consents": [{**_CONSENT, "granted": False}]},
        {"consents": match.each_like({**_CONSENT_SHOWN, "granted": match.bool(False)}, min=1)},
        _known,
    ),
    CallNeed(
        members.CONSENT_HISTORY,
        _KNOWN,
        ("GET", f"{_MINE}/consents/history", None),
        {"member_id": MEMBER, **_PAGE},
        _page({**_CONSENT_SHOWN, "consent_id": uuid()}),
        _known,
    ),
    CallNeed(
        members.CHANGE_STANDING,
        _KNOWN,
        ("POST", f"{_MINE}/freeze", _WHY),
        {"member_id": MEMBER, "act": "freeze", **_WHY},
        {**_SHOWN, "status": "frozen"},
        _known,
    ),
    CallNeed(
        members.STANDING_HISTORY,
        _KNOWN,
        ("GET", f"{_MINE}/standing", None),
        {"member_id": MEMBER, **_PAGE},
        _page(
            {
                "change_id": uuid(),
                "from_status": match.like("frozen"),
                "status": match.like("active"),
                "reason": match.like("Asked for it"),
                "at": instant(_AT),
            }
        ),
        _known,
    ),
    CallNeed(
        members.CREATE_HOUSEHOLD,
        _KNOWN,
        ("POST", "/v1/households", {"name": "Li", "owner_member_id": MEMBER}),
        {"name": "Li", "owner_member_id": MEMBER},
        _HOUSEHOLD,
        lambda platform: {"owner_member_id": enrol(platform)},
        asking=_SUPPORT,
    ),
    CallNeed(
        members.LIST_HOUSEHOLDS,
        _SHARING,
        ("GET", "/v1/households", None),
        _PAGE,
        _page(_HOUSEHOLD),
        _household,
        takes=(),
        asking=_SUPPORT,
    ),
    CallNeed(
        members.GET_HOUSEHOLD,
        _SHARING,
        ("GET", _HOME, None),
        {"household_id": MEMBER},
        _HOUSEHOLD,
        _household,
        takes=("household_id",),
        asking=_SUPPORT,
    ),
    CallNeed(
        members.UPDATE_HOUSEHOLD,
        _SHARING,
        ("PATCH", _HOME, {"owner_member_id": MEMBER}),
        {"household_id": MEMBER, "owner_member_id": MEMBER},
        _HOUSEHOLD,
        _household,
        takes=("household_id", "owner_member_id"),
        asking=_SUPPORT,
    ),
    CallNeed(
        members.JOIN_HOUSEHOLD,
        _SHARING,
        ("POST", f"{_HOME}/members", {"member_id": MEMBER}),
        {"household_id": MEMBER, "member_id": MEMBER},
        _HOUSEHOLD,
        _to_join,
        asking=_SUPPORT,
    ),
    CallNeed(
        members.LEAVE_HOUSEHOLD,
        _SHARING,
        ("DELETE", f"{_HOME}/members/{MEMBER}", None),
        {"household_id": MEMBER, "member_id": MEMBER},
        _HOUSEHOLD,
        _household,
        takes=("household_id", "member_id"),
        asking=_SUPPORT,
    ),
)
