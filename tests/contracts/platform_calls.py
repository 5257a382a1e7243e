"""What the gateway needs of every service; see `calls`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pact import match

from shared.calls import CallContext
from shared.clock import rfc3339
from shared.contracts import audit, jobs
from shared.contracts.members import rpc as members
from shared.contracts.platform import ADVANCE_CLOCK, PING, SERVICES, of
from tests.contracts.calls import CallNeed
from tests.contracts.needs import MEMBER, instant, uuid
from tests.contracts.states import enrol
from tests.support.jobs import COUNT, begin
from tests.support.platform import Platform

NOW = "2026-01-05T10:00:00Z"
"""The platform's time, as the gateway hears of it."""
_SHOWS_TIME = {"identity": "/v1/sandbox/clock"}
Arrange = Callable[[Platform], Mapping[str, Any]]
_FILE = base64.b64encode(b"member_id\r\n").decode()
_HASH = match.regex("0" * 64, regex="^[0-9a-f]{64}$")
_PARTY = {"kind": match.like("staff"), "id": match.like("maya")}
_ROW = {
    "audit_id": uuid(),
    "at": instant(NOW),
    "actor": _PARTY,
    "action": match.like("staff.create"),
    "target": _PARTY,
    "hash": _HASH,
}
_PROOF = {"ok": True, "rows": match.int(1), "head": _HASH, "broken": None, "complete": True}
_LEVEL = {"code": "BASIC", "name": "Basic", "rank": 0, "threshold": 0, "multiplier": "1"}
_PROGRAMME = {
    "name": "One level",
    "metric": "spend",
    "window": {"type": "lifetime"},
    "levels": [_LEVEL],
}
_CAMPAIGN = {
    "name": "Five off",
    "kind": "amount_off",
    "value": 500,
    "validity": {"never_expires": True},
}
_RULE = {"name": "Twice", "kind": "multiplier", "value": "2"}


def _job(service: str) -> str:
    """Return the id of a job; its last byte names the service that does it."""
    return f"{MEMBER[:-2]}{jobs.PLACES[service]:02x}"


def _engaged(_platform: Platform) -> Mapping[str, Any]:
    """Leave it at staff having been engaged."""
    return {}


def _unmasked(platform: Platform) -> Mapping[str, Any]:
    why = {"fields": ["phone"], "purpose": "Asked for it"}
    platform.staff("support").post(f"/v1/members/{enrol(platform)}/unmask", why, status=200)
    return {}


def _wrote_rule(platform: Platform) -> Mapping[str, Any]:
    platform.staff("marketing").post("/v1/earning-rules", _RULE)
    return {}


def _published(platform: Platform, path: str, draft: Any, key: str) -> Mapping[str, Any]:
    manager = platform.staff("manager")
    made = manager.post(path, draft)
    manager.post(f"{path}/{made[key]}/publish", status=200)
    return {}


_ACTS: Mapping[str, Arrange] = {
    "identity": _engaged,
    "members": _unmasked,
    "points": _wrote_rule,
    "coupons": partial(_published, path="/v1/campaigns", draft=_CAMPAIGN, key="campaign_id"),
    "tiers": partial(_published, path="/v1/tier-programmes", draft=_PROGRAMME, key="version"),
}
"""Something privileged in each service."""


def _later(platform: Platform) -> Mapping[str, Any]:
    return {"now": rfc3339(platform.now())}


def _exported(platform: Platform) -> Mapping[str, Any]:
    """Have a job make a file."""
    order = {"purpose": "Mail house."}
    job = platform.backend.call(members.EXPORT_MEMBERS, order, CallContext("r-0")).body
    platform.run_jobs()
    return {"job_id": job["job_id"]}


def _of_each(service: str) -> tuple[CallNeed, ...]:
    """Return what every service is asked."""
    seen = {
        PING: (_SHOWS_TIME.get(service, "/readyz"), {"service": service, "now": instant(NOW)}),
        audit.LIST_AUDIT: ("/v1/audit", _page({**_ROW, "service": service})),
        audit.VERIFY_AUDIT: ("/v1/audit/verify", {**_PROOF, "service": service}),
    }
    return (
        *(
            CallNeed(
                of(service, method),
                "staff has acted",
                ("GET", path, None),
                {},
                answer,
                _ACTS[service],
            )
            for method, (path, answer) in seen.items()
        ),
        *_of_jobs(service),
        CallNeed(
            of(service, ADVANCE_CLOCK),
            "it is earlier",
            ("PUT", "/v1/sandbox/clock", {"now": NOW}),
            {"now": NOW},
            {"now": instant(NOW)},
            _later,
        ),
    )


def _of_jobs(service: str) -> tuple[CallNeed, ...]:
    def began(platform: Platform) -> Mapping[str, Any]:
        counting = replace(COUNT, service=service)
        begun = begin(platform.services[service].db, CallContext("r-0"), kind=counting)
        return {"job_id": str(begun)}

    job_id = _job(service)
    job = {"job_id": uuid(job_id), "service": service, "status": match.like("queued")}
    return (
        CallNeed(
            of(service, jobs.LIST_JOBS),
            "a job was started",
            ("GET", "/v1/jobs", None),
            {"limit": 50, "after": None},
            _page(job),
            began,
            takes=(),
        ),
        CallNeed(
            of(service, jobs.GET_JOB),
            "a job was started",
            ("GET", f"/v1/jobs/{job_id}", None),
            {"job_id": job_id},
            {**job, "done": match.int(0), "total": match.int(25), "result": None, "error": None},
            began,
        ),
        CallNeed(
            of(service, jobs.CANCEL_JOB),
            "a job was started",
            ("POST", f"/v1/jobs/{job_id}/cancel", {}),
            {"job_id": job_id},
            {**job, "status": "cancelled"},
            began,
        ),
    )


def _page(item: Any) -> dict[str, Any]:
    return {"items": match.each_like(item, min=1), "next": None}


def _piece(state: str, seq: int, data: Any) -> CallNeed:
    job_id = _job("members")
    return CallNeed(
        of("members", jobs.READ_JOB_FILE),
        f"a job made a file, and {state}",
        ("GET", f"/v1/jobs/{job_id}/result", None),
        {"job_id": job_id, "seq": seq},
        {
            "content_type": match.like("text/csv"),
            "filename": match.like("members.csv"),
            "size_bytes": match.int(11),
            "data": data,
        },
        _exported,
    )


PLATFORM_CALLS = (
    *(need for service in SERVICES for need in _of_each(service)),
    _piece("nothing of it was read", 0, match.like(_FILE)),
    _piece("all of it was read", 1, None),
)
