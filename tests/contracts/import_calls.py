"""What the gateway needs of the calls that bring members in files, and take them out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from shared.calls import CallContext
from shared.contracts import jobs
from shared.contracts.members import rpc as members
from shared.contracts.platform import of
from tests.contracts.calls import CallNeed
from tests.contracts.needs import uuid
from tests.support.platform import Platform

_JOB = "0192f3a0-0000-7000-8000-000000000002"
"""The last byte names members."""
_FILE = b"phone\n+8613800138000\n"
_PIECE = base64.b64encode(_FILE).decode()
_DIGEST = jobs.input_digest([hashlib.sha256(_FILE).digest()])
_UPLOAD = ("POST", "/v1/members/import?dry_run=true", _FILE)


def _nothing(_platform: Platform) -> Mapping[str, Any]:
    return {}


def _begun(platform: Platform) -> Mapping[str, Any]:
    begun = platform.backend.call(members.IMPORT_MEMBERS, {"dry_run": True}, CallContext("r-0"))
    return {"job_id": begun.body["job_id"]}


def _sent(platform: Platform) -> Mapping[str, Any]:
    job = _begun(platform)
    piece = {**job, "seq": 0, "data": _PIECE}
    platform.backend.call(of("members", jobs.ADD_JOB_INPUT), piece, CallContext("r-0"))
    return job


IMPORT_CALLS = (
    CallNeed(
        members.IMPORT_MEMBERS,
        "a file of members is coming",
        _UPLOAD,
        {"dry_run": True},
        {"job_id": uuid(_JOB)},
        _nothing,
    ),
    CallNeed(
        of("members", jobs.ADD_JOB_INPUT),
        "an import has begun",
        _UPLOAD,
        {"job_id": _JOB, "seq": 0, "data": _PIECE},
        {"job_id": uuid(_JOB)},
        _begun,
    ),
    CallNeed(
        of("members", jobs.END_JOB_INPUT),
        "an import has its file",
        _UPLOAD,
        {"job_id": _JOB, "chunks": 1, "digest": _DIGEST},
        {"job_id": uuid(_JOB)},
        _sent,
    ),
    CallNeed(
        members.EXPORT_MEMBERS,
        "there may be members",
        ("POST", "/v1/members/export", {"purpose": "Mail house."}),
        {"purpose": "Mail house."},
        {"job_id": uuid(_JOB)},
        _nothing,
    ),
)
