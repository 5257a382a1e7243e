"""Long work: how far it is, its end, and the file it made (A9)."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from flask import Response, stream_with_context

from gateway.backend import call, respond
from gateway.paging import ListQuery, list_of, respond_merged_page
from gateway.routing import Resource
from shared.contracts import jobs as contract
from shared.contracts.fields import Choice
from shared.contracts.method import Method
from shared.contracts.platform import SERVICES, of
from shared.errors import NotFound

resource = Resource("jobs", description="Long work: how far it is, and what it made.")


class JobListQuery(ListQuery, contract.JobsFilter):
    """Which jobs to list."""

    service = Choice(*SERVICES, metadata={"description": "Only those of this service."})


@resource.get(
    "/v1/jobs",
    scopes=("jobs:read", "self:read"),
    query=JobListQuery,
    response=list_of(contract.JobSchema),
)
def list_jobs(query: dict[str, Any]) -> Response:
    """List jobs, newest first.

    Staff see all jobs, everybody else those they started. Jobs are kept for 30 days.
    """
    services = [query["service"]] if "service" in query else SERVICES
    methods = [of(service, contract.LIST_JOBS) for service in services]
    wanted: dict[str, Any] = {name: query[name] for name in ("status", "kind") if name in query}
    return respond_merged_page(methods, wanted, query, key="job_id")


@resource.get(
    "/v1/jobs/<uuid:job_id>", scopes=("jobs:read", "self:read"), response=contract.JobSchema
)
def get_job(job_id: str) -> Response:
    """Show how far a job is."""
    return respond(call(_at(job_id, contract.GET_JOB), {"job_id": job_id}))


@resource.post(
    "/v1/jobs/<uuid:job_id>/cancel",
    scopes=("jobs:read", "self:write"),
    response=contract.JobSchema,
    errors=contract.CANCEL_JOB.errors,
)
def cancel_job(job_id: str) -> Response:
    """Cancel a job.

    Whoever started it may, and managers and admins. It ends after the part that is under way, which
    takes a moment: until then it is `running` with `cancel_requested`. What was done stays done.
    """
    return respond(call(_at(job_id, contract.CANCEL_JOB), {"job_id": job_id}))


@resource.get(
    "/v1/jobs/<uuid:job_id>/result",
    scopes=("jobs:read", "self:read"),
    response=None,
    produces=contract.FILE_TYPES,
    errors=contract.READ_JOB_FILE.errors,
)
def get_job_result(job_id: str) -> Response:
    """Download the file that a job made.

    Only whoever started the job may. A download that breaks off is shorter than its
    `Content-Length`.
    """
    first = _page(job_id, 0)
    response = Response(stream_with_context(_pieces(job_id, first)))
    response.headers["Content-Type"] = f"{first['content_type']}; charset=utf-8"
    response.headers["Content-Length"] = str(first["size_bytes"])
    response.headers["Content-Disposition"] = f'attachment; filename="{first["filename"]}"'
    return response


def _pieces(job_id: str, first: Mapping[str, Any]) -> Iterator[bytes]:
    page, seq = first, 0
    while page["data"] is not None:
        yield base64.b64decode(page["data"])
        seq += 1
        page = _page(job_id, seq)


def _page(job_id: str, seq: int) -> Mapping[str, Any]:
    payload = {"job_id": job_id, "seq": seq}
    return call(_at(job_id, contract.READ_JOB_FILE), payload).body


def _at(job_id: str, method: Method) -> Method:
    """Return the method of the service that does this job; raises `NotFound`."""
    service = contract.service_of(UUID(job_id))
    if service is None:
        raise NotFound
    return of(service, method)
