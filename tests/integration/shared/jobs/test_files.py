"""Files of long work: sealed, in chunks, uploaded once, read record by record (A9)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from uuid import UUID

import pytest

from shared.calls import CallContext
from shared.contracts.jobs import CHUNK_BYTES, input_digest
from shared.db import Snapshot, Transactions
from shared.errors import IdempotencyKeyReused, NotFound
from shared.errors.jobs import InputClosed, InputRefused
from shared.jobs import csv_input, files, use_cases
from shared.jobs.kinds import steps_of
from shared.jobs.runner import run_due, run_one
from tests.integration.shared.jobs.harness import HAN, LI, START, seen
from tests.support.jobs import COUNT, Counter, begin
from tests.support.postgres import ServiceDatabase

READ = replace(COUNT, reads_input=True)


def upload(db: Transactions, job_id: UUID, raw: bytes, context: CallContext = LI) -> None:
    pieces = [raw[at : at + CHUNK_BYTES] for at in range(0, len(raw), CHUNK_BYTES)]
    for seq, piece in enumerate(pieces):
        data = base64.b64encode(piece).decode()
        db.run(files.add_input, context=context, job_id=job_id, seq=seq, data=data)
    digest = input_digest(hashlib.sha256(piece).digest() for piece in pieces)
    db.run(files.end_input, context=context, job_id=job_id, chunks=len(pieces), digest=digest)


def parsed(db: Transactions, job_id: UUID, limit: int = 2) -> list[list[str]]:
    """Return all records, read in slices of ``limit``."""
    position = 0
    found: list[list[str]] = []
    with db.engine.connect() as connection:
        snapshot = Snapshot(connection, START, LI, db.vault)
        while True:
            records, position = csv_input.records(snapshot, job_id, position=position, limit=limit)
            if not records:
                return found
            found += records


@pytest.mark.rule("M4")
def test_chunks_lie_about_sealed(db: Transactions, database: ServiceDatabase) -> None:
    begin(db, LI, upto=5)
    run_due(db, steps_of(Counter()), for_s=30)
    (row,) = database.query("SELECT data FROM job_chunks")
    assert b"1\n2\n3" not in bytes(row.data)


@pytest.mark.rule("A9")
def test_job_waits_for_its_whole_input(db: Transactions) -> None:
    job_id = begin(db, LI, kind=READ)
    assert not run_one(db, steps_of(Counter()))
    upload(db, job_id, '\ufeffphone,name\n1,"Li\nLei"\n2,Han\n'.encode())
    assert run_one(db, steps_of(Counter()))
    assert parsed(db, job_id) == [["phone", "name"], ["1", "Li\nLei"], ["2", "Han"]]


def test_records_that_cross_chunks_are_read_whole_whatever_the_slice(db: Transactions) -> None:
    job_id = begin(db, LI, kind=READ)
    rows = [[str(n), "李" * (n % 97), 'say "hi",\n' * (n % 3)] for n in range(4_000)]
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    raw = "".join(",".join(row) + "\r\n" for row in quoted).encode()
    assert len(raw) > 2 * CHUNK_BYTES
    upload(db, job_id, raw)
    assert parsed(db, job_id, limit=777) == rows


def test_upload_sent_again_is_the_same_and_another_one_is_refused(db: Transactions) -> None:
    job_id = begin(db, LI, kind=READ)
    upload(db, job_id, b"a\n")
    with pytest.raises(InputClosed):
        upload(db, job_id, b"a\n")
    digest = input_digest([hashlib.sha256(b"a\n").digest()])
    db.run(files.end_input, context=LI, job_id=job_id, chunks=1, digest=digest)
    with pytest.raises(IdempotencyKeyReused):
        db.run(files.end_input, context=LI, job_id=job_id, chunks=1, digest="0" * 64)


def test_rest_of_a_longer_upload_that_broke_off_is_not_read(db: Transactions) -> None:
    job_id = begin(db, LI, kind=READ)
    left_over = base64.b64encode(b"old\n").decode()
    db.run(files.add_input, context=LI, job_id=job_id, seq=1, data=left_over)
    upload(db, job_id, b"new\n")
    assert parsed(db, job_id) == [["new"]]


def test_incomplete_upload_does_not_begin(db: Transactions) -> None:
    job_id = begin(db, LI, kind=READ)
    digest = input_digest([hashlib.sha256(b"a\n").digest()])
    with pytest.raises(InputRefused):
        db.run(files.end_input, context=LI, job_id=job_id, chunks=1, digest=digest)
    with pytest.raises(NotFound):
        upload(db, job_id, b"a\n", HAN)


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe", b'"open', b'"a"b\n', b"x" * 100_000, b'"' + b"\n" * 200 + b'"'],
    ids=["no UTF-8", "open quote", "quote inside", "endless line", "endless record"],
)
def test_hostile_file_is_refused(db: Transactions, raw: bytes) -> None:
    job_id = begin(db, LI, kind=READ)
    upload(db, job_id, raw)
    with pytest.raises(InputRefused):
        parsed(db, job_id)


def test_inputs_go_with_the_end_and_files_and_jobs_after_their_time(
    db: Transactions, database: ServiceDatabase
) -> None:
    job_id = begin(db, LI, kind=READ, upto=5)
    upload(db, job_id, b"a\n")
    run_due(db, steps_of(Counter()), for_s=30)

    def left() -> tuple[int, list[str]]:
        db.sweep("chunks", use_cases.purge_chunks)
        db.sweep("jobs", use_cases.purge_jobs)
        (row,) = database.query("SELECT count(*) AS jobs FROM jobs")
        sides = [row.side for row in database.query("SELECT side FROM job_chunks")]
        return row.jobs, sides

    assert left() == (1, ["output"])
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET touched_at = now() - interval '31 days'")
    assert left() == (0, [])


def test_job_whose_input_never_came_fails(db: Transactions) -> None:
    job_id = begin(db, LI, kind=READ)
    assert db.sweep("inputs", use_cases.give_up_waiting) == 0
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET touched_at = now() - interval '2 days'")
    assert db.sweep("inputs", use_cases.give_up_waiting) == 1
    assert seen(db, job_id)["error"]["code"] == "upload_incomplete"
