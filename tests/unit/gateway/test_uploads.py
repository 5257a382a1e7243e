"""Files for jobs: streamed in chunks, continued and recognised by key (A3, A9)."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient

import gateway.app
from gateway import create_app
from gateway.backend import call
from gateway.routing import Resource
from gateway.uploads import ERRORS, respond_upload
from shared.calls import Reply
from shared.contracts import jobs as contract
from shared.contracts.base import EmptySchema
from shared.contracts.jobs import CHUNK_BYTES, JobStartedSchema, input_digest
from shared.contracts.method import Method
from shared.errors.jobs import InputClosed
from shared.settings import GatewaySettings, Secret
from tests.unit.gateway.conftest import ScriptedBackend

JOB = str(contract.new_job_id("coupons"))
IMPORT = Method("coupons", "import_codes", EmptySchema, JobStartedSchema, success=202)
PATH = "/v1/imports"
Token = Callable[..., dict[str, str]]


@pytest.fixture
def client(backend: ScriptedBackend, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A gateway with one route that takes a file."""
    resource = Resource("imports", description="For this test.")

    @resource.post(
        PATH,
        scopes=("campaigns:write",),
        consumes="text/csv",
        response=JobStartedSchema,
        success=202,
        errors=ERRORS,
    )
    def import_codes() -> Response:
        """Import codes."""
        return respond_upload("coupons", call(IMPORT, {}))

    module = ModuleType("gateway.resources.imports")
    module.resource = resource  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(gateway.app, "RESOURCES", ("imports",))
    settings = GatewaySettings(
        Secret(""), Secret("s"), max_body_bytes=10, max_upload_bytes=3 * CHUNK_BYTES
    )
    return create_app(settings, backend).test_client()


@pytest.fixture
def kept(backend: ScriptedBackend) -> dict[str, Any]:
    """What the service has of the upload."""
    found: dict[str, Any] = {"chunks": {}, "closed": False}

    def add(payload: Mapping[str, Any]) -> Reply:
        if found["closed"]:
            raise InputClosed
        found["chunks"][payload["seq"]] = base64.b64decode(payload["data"])
        return Reply(200, {"job_id": JOB})

    def end(payload: Mapping[str, Any]) -> Reply:
        found["closed"], found["end"] = True, dict(payload)
        return Reply(202, {"job_id": JOB})

    backend.answers["coupons.import_codes"] = lambda _payload: Reply(202, {"job_id": JOB})
    backend.answers["coupons.add_job_input"] = add
    backend.answers["coupons.end_job_input"] = end
    return found


def send(client: FlaskClient, token: Token, data: bytes, **headers: str) -> Any:
    known = {"Content-Type": "text/csv; charset=utf-8", "Idempotency-Key": "k-1"}
    return client.post(PATH, data=data, headers={**token("campaigns:write"), **known, **headers})


@pytest.mark.rule("A9")
def test_file_is_passed_on_in_chunks_and_named_by_its_digest(
    client: FlaskClient, token: Token, kept: dict[str, Any]
) -> None:
    data = bytes(range(256)) * (CHUNK_BYTES // 256) * 2 + b"rest"
    answer = send(client, token, data)
    assert (answer.status_code, answer.json) == (202, {"job_id": JOB})
    assert [len(kept["chunks"][seq]) for seq in range(3)] == [CHUNK_BYTES, CHUNK_BYTES, 4]
    assert b"".join(kept["chunks"].values()) == data
    pieces = [hashlib.sha256(piece).digest() for piece in kept["chunks"].values()]
    assert kept["end"] == {"job_id": JOB, "chunks": 3, "digest": input_digest(pieces)}


@pytest.mark.rule("A3")
def test_complete_upload_sent_again_is_compared_and_not_kept_again(
    client: FlaskClient, token: Token, kept: dict[str, Any], backend: ScriptedBackend
) -> None:
    data = b"x" * (CHUNK_BYTES + 1)
    assert "Idempotency-Replayed" not in send(client, token, data).headers
    first, backend.asked = kept["end"], []
    again = send(client, token, data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert kept["end"] == first
    assert [name for name, _, _ in backend.asked].count("coupons.add_job_input") == 1


@pytest.mark.rule("A3")
def test_only_the_start_carries_the_key(
    client: FlaskClient, token: Token, kept: dict[str, Any], backend: ScriptedBackend
) -> None:
    send(client, token, b"code\n")
    keyed = {name for name, _, context in backend.asked if context.idempotency is not None}
    assert keyed == {"coupons.import_codes"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "application/json"}, 415), ({"Idempotency-Key": ""}, 400)],
)
def test_upload_of_another_kind_or_without_a_key_is_refused_unread(
    *,
    client: FlaskClient,
    token: Token,
    kept: dict[str, Any],
    backend: ScriptedBackend,
    headers: dict[str, str],
    status: int,
) -> None:
    assert send(client, token, b"code\n", **headers).status_code == status
    assert backend.asked == []


def test_file_beyond_the_limit_is_refused(
    client: FlaskClient, token: Token, kept: dict[str, Any]
) -> None:
    answer = send(client, token, b"x" * (3 * CHUNK_BYTES + 1))
    assert answer.status_code == 413
    assert not kept["closed"]
