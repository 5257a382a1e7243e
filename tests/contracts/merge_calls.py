"""What the gateway needs of the calls that merge members; see `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pact import match

from shared.contracts.members import rpc as members
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, SURVIVOR, instant, uuid
from tests.contracts.states import enrol, merge, till
from tests.support.platform import Platform


def _two(platform: Platform) -> Mapping[str, Any]:
    other = {"phone": "+8613900139000", "channel": "store"}
    survivor = till(platform).post("/v1/members", other)["member_id"]
    return {"member_id": survivor, "source_member_id": enrol(platform)}


def _merged(platform: Platform) -> Mapping[str, Any]:
    survivor = merge(platform)
    (made,) = platform.staff("manager").get(f"/v1/members/{survivor}/merges")["items"]
    return {"member_id": survivor, "source_member_id": made["source_member_id"]}


def _survivor(platform: Platform) -> Mapping[str, Any]:
    return {"member_id": merge(platform)}


_WHO = {"member_id": SURVIVOR, "source_member_id": MEMBER}


def _record(status: str, progress: str) -> dict[str, Any]:
    return {
        "merge_id": uuid(),
        "source_member_id": uuid(),
        "survivor_member_id": uuid(),
        "status": match.like(status),
        "reason": match.like("One person."),
        "merged_at": instant("2026-01-05T10:00:00Z"),
        "merged_by": match.like("staff:0192f3a0"),
        "undo_until": instant("2026-02-04T10:00:00Z"),
        "services": match.each_like(
            {"service": match.like("points"), "status": match.like(progress)}, min=1
        ),
    }


MERGE_CALLS = (
    CallNeed(
        members.MERGE,
        "two members are one person",
        (
            "POST",
            f"/v1/members/{SURVIVOR}/merge",
            {"source_member_id": MEMBER, "reason": "One person."},
        ),
        {**_WHO, "reason": "One person."},
        _record("merging", "pending"),
        _two,
    ),
    CallNeed(
        members.UNMERGE,
        "two members are merged",
        ("POST", f"/v1/members/{SURVIVOR}/unmerge", {"source_member_id": MEMBER}),
        _WHO,
        _record("unmerging", "pending"),
        _merged,
    ),
    CallNeed(
        members.MERGES,
        "a member is what became of two",
        ("GET", f"/v1/members/{SURVIVOR}/merges", None),
        {"member_id": SURVIVOR, "limit": 50},
        {"items": match.each_like(_record("merged", "done"), min=1), "next": None},
        _survivor,
    ),
)
