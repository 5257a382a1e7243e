"""Long work on the wire (A9): what every service answers about its jobs.

The last byte of a job's id says which service does it. So the gateway knows whom to ask without
asking anybody, and one service that is away hides no job of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema, page_of
from shared.contracts.fields import Choice, Id, Instant, StrictBoolean, StrictInteger, Text
from shared.contracts.method import Method
from shared.errors import IdempotencyKeyReused, NotFound
from shared.errors.jobs import (
    InputClosed,
    InputRefused,
    JobEnded,
    JobGoesOn,
    JobHasNoFile,
    JobNotFinished,
    JobNotYours,
)
from shared.ids import new_id

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
ENDED = ("succeeded", "failed", "cancelled")
FILE_TYPES = ("text/csv", "application/json")
"""What the file of a job may be; text is UTF-8."""
CHUNK_BYTES = 256 * 1024
"""All chunks of an input have this size, save the last."""
MAX_CHUNKS = 2_000
"""So an input has 500 MB at most."""

PLACES = {"identity": 1, "members": 2, "points": 3, "coupons": 4, "tiers": 5}
"""Last byte of the ids of each service's jobs. Never change one: ids are kept by callers."""
_SERVICES = {place: service for service, place in PLACES.items()}
_LAST_BYTE = 0xFF


def new_job_id(service: str) -> UUID:
    """Return a fresh UUIDv7 whose last byte names ``service``."""
    return UUID(int=(new_id().int & ~_LAST_BYTE) | PLACES[service])


def service_of(job_id: UUID) -> str | None:
    """Return which service does the job of that id; None where none could."""
    return _SERVICES.get(job_id.int & _LAST_BYTE)


def input_digest(digests: Iterable[bytes]) -> str:
    """Return what names an input's content: SHA-256, in hex, over its chunks' SHA-256s."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _described(description: str, example: Any = None) -> dict[str, Any]:
    return {"description": description} | ({} if example is None else {"example": example})


class JobStartedSchema(WireSchema):
    """Work goes on; ask for the job."""

    job_id = Id(required=True, metadata=_described("Ask for it at `/v1/jobs/{job_id}`."))


class JobErrorSchema(WireSchema):
    """Why a job failed."""

    code = fields.String(required=True, metadata=_described("Stable, snake_case.", "not_found"))
    message = fields.String(required=True)


class JobActorSchema(WireSchema):
    """Whoever started a job."""

    kind = fields.String(required=True, metadata=_described("Kind of actor.", "staff"))
    id = fields.String(required=True)


class JobSchema(WireSchema):
    """Long work and how far it is (A9)."""

    job_id = Id(required=True)
    service = Choice(*PLACES, required=True, metadata=_described("Who does it.", "points"))
    kind = fields.String(required=True, metadata=_described("What it does.", "simulate_period"))
    status = Choice(*STATUSES, required=True)
    done = StrictInteger(required=True, metadata=_described("Units done.", 4000))
    total = StrictInteger(
        required=True, allow_none=True, metadata=_described("Units in all; null while unknown.")
    )
    result = fields.Dict(
        keys=fields.String(),
        required=True,
        allow_none=True,
        metadata=_described("What came out; null until the job has succeeded."),
    )
    result_url = fields.String(
        required=True,
        allow_none=True,
        metadata=_described("Where the job's file is; null without one, or before the end."),
    )
    error = fields.Nested(JobErrorSchema, required=True, allow_none=True)
    waiting_for = fields.List(
        fields.String(),
        required=True,
        metadata=_described("Who has to act before it goes on; mostly nobody.", ["points"]),
    )
    cancel_requested = StrictBoolean(
        required=True, metadata=_described("True from the call on; the job ends soon after.")
    )
    created_by = fields.Nested(JobActorSchema, required=True)
    created_at = Instant(required=True)
    started_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)


class JobIdSchema(WireSchema):
    """One job."""

    job_id = Id(required=True)


class JobsFilter(WireSchema):
    """Which jobs to list."""

    status = Choice(*STATUSES, metadata=_described("Only those that stand so."))
    kind = Text(max_length=60, metadata=_described("Only those that do this.", "simulate_period"))


class JobsQuery(JobsFilter, PageQuery):
    """`JobsFilter` for one page, newest first."""


class FilePageQuery(JobIdSchema):
    """Ask for one chunk of a job's file; ``seq`` counts from 0."""

    seq = StrictInteger(required=True, validate=validate.Range(min=0))


class FilePageSchema(WireSchema):
    """One chunk of a job's file, in base64; without ``data`` the file is at its end."""

    content_type = Choice(*FILE_TYPES, required=True)
    filename = fields.String(required=True)
    size_bytes = StrictInteger(required=True, metadata=_described("Of the whole file."))
    data = fields.String(required=True, allow_none=True)


class InputChunkSchema(JobIdSchema):
    """One chunk of what a job shall read, in base64; ``seq`` counts from 0."""

    seq = StrictInteger(required=True, validate=validate.Range(min=0, max=MAX_CHUNKS - 1))
    data = Text(required=True, max_length=CHUNK_BYTES * 2)


class InputEndSchema(JobIdSchema):
    """The input is complete: ``chunks`` of them, and `input_digest` over theirs."""

    chunks = StrictInteger(required=True, validate=validate.Range(min=0, max=MAX_CHUNKS))
    digest = Text(required=True, max_length=64, min_length=64)


def _method(name: str, request: Any, response: Any, *errors: Any, **options: Any) -> Method:
    return Method("platform", name, request, response, errors=errors, **options)


GET_JOB = _method("get_job", JobIdSchema, JobSchema, NotFound)
LIST_JOBS = _method("list_jobs", JobsQuery, page_of(JobSchema))
CANCEL_JOB = _method(
    "cancel_job", JobIdSchema, JobSchema, NotFound, JobEnded, JobNotYours, JobGoesOn
)
READ_JOB_FILE = _method(
    "read_job_file", FilePageQuery, FilePageSchema, NotFound, JobNotFinished, JobHasNoFile
)
ADD_JOB_INPUT = _method("add_job_input", InputChunkSchema, JobIdSchema, NotFound, InputClosed)
END_JOB_INPUT = _method(
    "end_job_input",
    InputEndSchema,
    JobStartedSchema,
    NotFound,
    InputRefused,
    IdempotencyKeyReused,
    success=202,
)
"""Each is addressed by `shared.contracts.platform.of`."""
