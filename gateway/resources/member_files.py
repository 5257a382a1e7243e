"""Members who come in files, and lists of members that leave as files (A9)."""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.backend import call, respond
from gateway.routing import Resource
from gateway.uploads import ERRORS, respond_upload
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.members import imports, rpc

resource = Resource("member_files", description="Members who come in files, and lists of members.")


@resource.post(
    "/v1/members/import",
    scopes=("members:import",),
    query=imports.ImportQuery,
    consumes="text/csv",
    response=JobStartedSchema,
    success=202,
    errors=ERRORS,
)
def import_members(query: dict[str, Any]) -> Response:
    """Import members with their opening balances.

    A CSV in UTF-8 whose header names its columns: `phone,name,email,birthday,card_number,points,
    points_expire_on`, in any order; all but `phone` may be missing. Good rows are imported, the
    others reported: the job's file has a line `row,field,code,message` for each thing that is
    wrong. A row that was imported before changes nothing, so a file may be sent again. `done` and
    `total` of the job count bytes.
    """
    return respond_upload("members", call(rpc.IMPORT_MEMBERS, query))


@resource.post(
    "/v1/members/export",
    scopes=("members:export",),
    body=imports.ExportSchema,
    response=JobStartedSchema,
    success=202,
    errors=rpc.EXPORT_MEMBERS.errors,
)
def export_members(body: dict[str, Any]) -> Response:
    """Make a list of all members as CSV.

    Personal values are masked. Where a purpose is stated they are not, and who took them, and for
    what, stands in the audit trail.
    """
    return respond(call(rpc.EXPORT_MEMBERS, body))
