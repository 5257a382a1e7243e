"""What the gateway needs of the calls about second factors; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyotp
from pact import match

from shared.calls import CallContext
from shared.contracts.identity import rpc as identity
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER
from tests.support.platform import Platform


def _staff(platform: Platform) -> Mapping[str, Any]:
    rows = platform.databases["identity"].query("SELECT staff_id FROM staff ORDER BY username")
    return {"staff_id": str(rows[0].staff_id)}


def _code(platform: Platform, secret: str, *, later_s: int = 0) -> str:
    return str(pyotp.TOTP(secret).at(int(platform.now().timestamp()) + later_s))


def _begun(platform: Platform) -> Mapping[str, Any]:
    staff = _staff(platform)
    begun = platform.backend.call(identity.BEGIN_TOTP, staff, CallContext("r-1")).body
    return {**staff, "code": _code(platform, begun["secret"])}


def _confirmed(platform: Platform) -> Mapping[str, Any]:
    staff = _staff(platform)
    begun = platform.backend.call(identity.BEGIN_TOTP, staff, CallContext("r-1")).body
    now = {**staff, "code": _code(platform, begun["secret"])}
    platform.backend.call(identity.CONFIRM_TOTP, now, CallContext("r-2"))
    return {**staff, "code": _code(platform, begun["secret"], later_s=30)}


def _lost(platform: Platform) -> Mapping[str, Any]:
    return {"staff_id": _confirmed(platform)["staff_id"]}


_CODE = {"code": "287082"}
_REASON = {"reason": "Lost the phone."}

SECOND_FACTOR_CALLS = (
    CallNeed(
        identity.BEGIN_TOTP,
        "staff has no second factor",
        ("POST", "/v1/staff/me/totp", {}),
        {"staff_id": MEMBER},
        {
            "secret": match.regex("JBSWY3DPEHPK3PXP", regex="^[A-Z2-7]+$"),
            "otpauth_uri": match.regex("otpauth://totp/x", regex=r"^otpauth://totp/.+$"),
        },
        _staff,
    ),
    CallNeed(
        identity.CONFIRM_TOTP,
        "staff has begun a second factor",
        ("POST", "/v1/staff/me/totp/confirm", _CODE),
        {"staff_id": MEMBER, **_CODE},
        {"active": True},
        _begun,
    ),
    CallNeed(
        identity.REMOVE_TOTP,
        "staff has a second factor",
        ("DELETE", "/v1/staff/me/totp", _CODE),
        {"staff_id": MEMBER, **_CODE},
        {"active": False},
        _confirmed,
    ),
    CallNeed(
        identity.RESET_TOTP,
        "staff has lost a second factor",
        ("DELETE", f"/v1/staff/{MEMBER}/totp", _REASON),
        {"staff_id": MEMBER, **_REASON},
        {"active": False},
        _lost,
    ),
)
