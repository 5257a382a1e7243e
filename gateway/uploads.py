"""Files for jobs to read (A9): passed on as they come, so that no process ever holds a whole one.

The view starts a job whose kind reads input, with the request's Idempotency-Key, and hands its
answer to `respond_upload`. Sent again, with the same key and file, an upload that was broken off
is continued, and one that was complete is answered as it was.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from flask import Response, request

from gateway.backend import call, respond
from gateway.problems import TooLarge
from shared.calls import Reply
from shared.contracts import jobs as contract
from shared.contracts.platform import of
from shared.errors import IdempotencyKeyReused
from shared.errors.jobs import InputClosed, InputRefused, TooManyJobs

ERRORS = (TooLarge, InputRefused, IdempotencyKeyReused, TooManyJobs)
"""What an upload may be refused with, beside the refusals of the call that starts the job."""


def respond_upload(service: str, started: Reply) -> Response:
    """Send the request's body to the job that ``service`` has started; answer 202.

    Raises:
        TooLarge: the file has more than `contract.MAX_CHUNKS` chunks.
        InputRefused: the upload did not arrive whole.
        IdempotencyKeyReused: the key was used with another file.
    """
    job_id = started.body["job_id"]
    digests: list[bytes] = []
    is_known = False
    for seq, piece in enumerate(_pieces()):
        if seq == contract.MAX_CHUNKS:
            raise TooLarge
        digests.append(hashlib.sha256(piece).digest())
        if not is_known:
            is_known = not _add(service, job_id, seq, piece)
    end = {
        "job_id": job_id,
        "chunks": len(digests),
        "digest": contract.input_digest(digests),
    }
    ended = call(of(service, contract.END_JOB_INPUT), end, idempotent=False)
    return respond(Reply(ended.status, ended.body, replayed=is_known))


def _add(service: str, job_id: str, seq: int, piece: bytes) -> bool:
    """Pass a chunk on; return False when the job has its input already."""
    chunk = {"job_id": job_id, "seq": seq, "data": base64.b64encode(piece).decode()}
    try:
        call(of(service, contract.ADD_JOB_INPUT), chunk, idempotent=False)
    except InputClosed:
        return False
    return True


def _pieces() -> Iterator[bytes]:
    """Return the request's body in pieces of `contract.CHUNK_BYTES`, the last one shorter."""
    piece = bytearray()
    while got := request.stream.read(contract.CHUNK_BYTES - len(piece)):
        piece += got
        if len(piece) == contract.CHUNK_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
