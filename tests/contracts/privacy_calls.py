"""What the gateway needs of the calls that export and erase members; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.contracts.members import rpc as members
from tests.contracts.calls import SALE, CallNeed
from tests.contracts.needs import MEMBER, uuid
from tests.contracts.states import enrol
from tests.support.platform import Platform


def _member(platform: Platform) -> Mapping[str, Any]:
    return {"member_id": enrol(platform)}


def _forgotten(platform: Platform) -> Mapping[str, Any]:
    member_id = enrol(platform)
    staff = platform.staff("manager")
    status, answer, _ = staff.request("DELETE", f"/v1/members/{member_id}", _REASON)
    assert status == 202, answer
    return {"references": [{"type": "member_id", "value": member_id}]}


_JOB = {"job_id": uuid("0192f3a0-0000-7000-8000-000000000002")}
_REASON = {"reason": "Asked by letter."}

PRIVACY_CALLS = (
    CallNeed(
        members.EXPORT,
        "a member is there",
        ("POST", f"/v1/members/{MEMBER}/export", {}),
        {"member_id": MEMBER},
        _JOB,
        _member,
    ),
    CallNeed(
        members.ERASE,
        "a member is there",
        ("DELETE", f"/v1/members/{MEMBER}", _REASON),
        {"member_id": MEMBER, **_REASON},
        _JOB,
        _member,
    ),
    CallNeed(
        members.LOOKUP_MANY,
        "a member that is named by its id was erased",
        ("POST", "/v1/sales", {**SALE, "member": {"type": "member_id", "value": MEMBER}}),
        {"references": [{"type": "member_id", "value": MEMBER}]},
        {
            "results": match.each_like(
                {
                    "found": match.bool(False),
                    "member_id": None,
                    "status": match.regex("erased", regex="^erased$"),
                },
                min=1,
            )
        },
        _forgotten,
    ),
)
