"""Files that a job reads or makes, in chunks, so that neither side ever holds a whole one.

They may hold personal values and codes: chunks are sealed with the service's master key (M4, C8).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shared.contracts.jobs import CHUNK_BYTES, input_digest
from shared.db.tables import PLATFORM
from shared.db.units import Snapshot, UnitOfWork
from shared.errors import FieldError, IdempotencyKeyReused, Invalid, NotFound
from shared.errors.jobs import InputClosed, InputRefused, JobHasNoFile, JobNotFinished
from shared.jobs import repository

INPUT, OUTPUT = "input", "output"
_chunks, _jobs = PLATFORM.work.chunks, PLATFORM.work.jobs
_ENDINGS = {"text/csv": "csv", "application/json": "json"}


# --- what a job makes -----------------------------------------------------------------------


def append_output(uow: UnitOfWork, job_id: UUID, data: bytes) -> None:
    """Add bytes to the end of the job's file, with the slice's transaction."""
    last = sa.select(sa.func.max(_chunks.c.seq)).where(
        _chunks.c.job_id == job_id, _chunks.c.side == OUTPUT
    )
    found = uow.connection.execute(last).scalar()
    seq = 0 if found is None else found + 1
    for number, start in enumerate(range(0, len(data), CHUNK_BYTES), start=seq):
        _put(uow, job_id, OUTPUT, number, data[start : start + CHUNK_BYTES])


def read_output(snapshot: Snapshot, *, job_id: UUID, seq: int) -> Mapping[str, Any]:
    """Return one chunk of a job's file; only whoever started the job may have it.

    Raises:
        NotFound: there is no such job of the caller's.
        JobNotFinished: it has not succeeded.
        JobHasNoFile: its kind makes none.
    """
    row = _own(snapshot, job_id)
    if row.content_type is None:
        raise JobHasNoFile
    if row.status != "succeeded":
        raise JobNotFinished
    mine = (_chunks.c.job_id == job_id, _chunks.c.side == OUTPUT)
    size = sa.select(sa.func.coalesce(sa.func.sum(_chunks.c.size_bytes), 0)).where(*mine)
    data = _get(snapshot, job_id, OUTPUT, seq)
    return {
        "content_type": row.content_type,
        "filename": f"{row.kind}-{job_id}.{_ENDINGS[row.content_type]}",
        "size_bytes": snapshot.connection.execute(size).scalar_one(),
        "data": None if data is None else base64.b64encode(data).decode(),
    }


# --- what a job reads -----------------------------------------------------------------------


def add_input(uow: UnitOfWork, *, job_id: UUID, seq: int, data: str) -> Mapping[str, Any]:
    """Keep a chunk of a job's input; the same again replaces it.

    Raises:
        NotFound: there is no such job of the caller's.
        InputClosed: the input is complete.
        Invalid: it is no base64, or too large.
    """
    row = _locked(uow, job_id)
    if row.input_digest is not None or row.status != "queued":
        raise InputClosed
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error:
        raise Invalid(errors=[FieldError("data", "invalid", "Not base64.")]) from None
    if len(raw) > CHUNK_BYTES:
        raise Invalid(errors=[FieldError("data", "too_large", "Larger than a chunk.")])
    _put(uow, job_id, INPUT, seq, raw)
    return {"job_id": job_id}


def end_input(uow: UnitOfWork, *, job_id: UUID, chunks: int, digest: str) -> Mapping[str, Any]:
    """Let a job begin on its complete input; the same again changes nothing.

    Raises:
        NotFound: there is no such job of the caller's.
        InputRefused: chunks are missing, or are not what was said.
        IdempotencyKeyReused: another input was completed before.
    """
    row = _locked(uow, job_id)
    if row.input_digest is not None or row.status != "queued":
        if row.input_digest != digest:
            raise IdempotencyKeyReused
        return {"job_id": job_id}
    mine = (_chunks.c.job_id == job_id, _chunks.c.side == INPUT)
    # A longer upload that was broken off may have left some.
    uow.connection.execute(sa.delete(_chunks).where(*mine, _chunks.c.seq >= chunks))
    kept = uow.connection.execute(
        sa.select(_chunks.c.size_bytes, _chunks.c.digest).where(*mine).order_by(_chunks.c.seq)
    ).all()
    full = all(chunk.size_bytes == CHUNK_BYTES for chunk in kept[:-1])
    if len(kept) != chunks or not full or input_digest(bytes(c.digest) for c in kept) != digest:
        raise InputRefused("The upload is incomplete; send it again.")
    repository.open_input(uow, job_id, digest)
    return {"job_id": job_id}


def input_bytes(snapshot: Snapshot, job_id: UUID, seq: int) -> bytes | None:
    """Return a chunk of the input; None past its end."""
    return _get(snapshot, job_id, INPUT, seq)


def input_size(snapshot: Snapshot, job_id: UUID) -> int:
    """Return the size of the input in bytes, for ``total``."""
    mine = (_chunks.c.job_id == job_id, _chunks.c.side == INPUT)
    size = sa.select(sa.func.coalesce(sa.func.sum(_chunks.c.size_bytes), 0)).where(*mine)
    found: int = snapshot.connection.execute(size).scalar_one()
    return found


# --- both -----------------------------------------------------------------------------------


def _own(snapshot: Snapshot, job_id: UUID) -> sa.Row[Any]:
    row = snapshot.connection.execute(
        sa.select(_jobs).where(_jobs.c.job_id == job_id, _jobs.c.creator == snapshot.actor.key)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def _locked(uow: UnitOfWork, job_id: UUID) -> sa.Row[Any]:
    _own(uow, job_id)
    row = repository.lock(uow, job_id)
    if row is None:  # purged since the statement before
        raise NotFound
    return row


def _put(uow: UnitOfWork, job_id: UUID, side: str, seq: int, raw: bytes) -> None:
    context = _context(job_id, side, seq)
    values = {
        "size_bytes": len(raw),
        "digest": hashlib.sha256(raw).digest(),
        "data": raw if uow.vault is None else uow.vault.seal(raw, context=context),
    }
    place = {"job_id": job_id, "side": side, "seq": seq}
    put = insert(_chunks).values(place | values)
    uow.connection.execute(put.on_conflict_do_update(index_elements=list(place), set_=values))


def _get(snapshot: Snapshot, job_id: UUID, side: str, seq: int) -> bytes | None:
    found = snapshot.connection.execute(
        sa.select(_chunks.c.data).where(
            _chunks.c.job_id == job_id, _chunks.c.side == side, _chunks.c.seq == seq
        )
    ).scalar()
    if found is None or snapshot.vault is None:
        return None if found is None else bytes(found)
    return snapshot.vault.open(bytes(found), context=_context(job_id, side, seq))


def _context(job_id: UUID, side: str, seq: int) -> bytes:
    """Bind a sealed chunk to its place, so that none can be moved to another."""
    return f"job_chunks:{job_id}:{side}:{seq}".encode()
