"""Long work: slices, crashes, parallel runners, cancelling, failing, listing (A9)."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.calls import CallContext
from shared.contracts.jobs import new_job_id, service_of
from shared.db import Snapshot, Transactions, UnitOfWork
from shared.errors import NotFound
from shared.errors.jobs import JobEnded, JobHasNoFile, JobNotFinished, JobNotYours, TooManyJobs
from shared.jobs import JobState, queries, repository, use_cases
from shared.jobs.kinds import steps_of
from shared.jobs.runner import ATTEMPTS, run_due, run_one
from tests.integration.shared.jobs.harness import BOSS, HAN, LI, SHOPPER, START, content, seen
from tests.support.jobs import COUNT, Counter, begin
from tests.support.postgres import ServiceDatabase


def numbers(upto: int) -> str:
    return "".join(f"{number}\n" for number in range(1, upto + 1))


def make_due(db: Transactions) -> None:
    """Let pauses and leases have passed."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET due_at = now() WHERE due_at IS NOT NULL")


def claim(uow: UnitOfWork) -> repository.Claim:
    """Begin a slice and go no further, as a process does that dies then."""
    row = repository.next_due(uow, ["count_up"])
    assert row is not None
    return repository.claim(uow, row)


@pytest.mark.rule("A9")
def test_job_runs_in_slices_and_ends_with_result_and_file(db: Transactions) -> None:
    job_id, counter = begin(db, LI, upto=25), Counter()
    assert seen(db, job_id)["status"] == "queued"
    steps = steps_of(counter)
    assert run_one(db, steps)
    half = seen(db, job_id)
    assert (half["status"], half["done"], half["total"]) == ("running", 10, 25)
    assert half["result"] is half["result_url"] is half["finished_at"] is None
    assert run_due(db, steps, for_s=30) == 2
    whole = seen(db, job_id)
    assert (whole["status"], whole["done"], whole["total"]) == ("succeeded", 25, 25)
    assert whole["result"] == {"counted": 25}
    assert whole["result_url"] == f"/v1/jobs/{job_id}/result"
    assert content(db, job_id) == numbers(25)


@pytest.mark.rule("A9")
def test_slice_that_failed_leaves_nothing_and_is_done_again_from_its_beginning(
    db: Transactions,
) -> None:
    failures = iter([False, True, True])

    def fail_twice(_work: JobState) -> None:
        if next(failures, False):
            raise RuntimeError("half-way")

    job_id, counter = begin(db, LI, upto=25), Counter(fail_twice)
    steps = steps_of(counter)
    for _ in range(2):
        run_due(db, steps, for_s=30)
        assert seen(db, job_id)["done"] == 10
        make_due(db)
    run_due(db, steps, for_s=30)
    assert counter.began == [0, 10, 10, 10, 20]
    assert content(db, job_id) == numbers(25)


@pytest.mark.rule("A9")
def test_job_resumes_where_the_last_committed_slice_ended_after_kill_9(
    db: Transactions,
) -> None:
    job_id = begin(db, LI, upto=25)
    db.engine.dispose()  # the child must not share connections
    child = os.fork()
    if child == 0:

        def die(work: JobState) -> None:
            if work.done == 10:
                os.kill(os.getpid(), signal.SIGKILL)

        run_due(db, steps_of(Counter(die)), for_s=30)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert seen(db, job_id)["done"] == 10
    assert not run_one(db, steps_of(Counter())), "the lease of the dead must be waited for"
    make_due(db)
    survivor = Counter()
    run_due(db, steps_of(survivor), for_s=30)
    assert survivor.began == [10, 20]
    assert content(db, job_id) == numbers(25)


@pytest.mark.rule("A9")
def test_parallel_runners_do_each_slice_once(db: Transactions) -> None:
    jobs = [begin(db, LI, upto=100) for _ in range(4)]
    counters = [Counter() for _ in range(4)]
    together = threading.Barrier(4)

    def run(counter: Counter) -> None:
        together.wait()
        while any(seen(db, job_id)["status"] != "succeeded" for job_id in jobs):
            run_due(db, steps_of(counter), for_s=30)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, counters))
    assert sum(len(counter.began) for counter in counters) == 4 * 10
    assert {content(db, job_id) for job_id in jobs} == {numbers(100)}


def test_claim_that_another_took_over_does_nothing(db: Transactions) -> None:
    job_id, counter = begin(db, LI), Counter()
    stale = db.run(claim)
    make_due(db)
    assert run_one(db, steps_of(counter))
    assert db.run(repository.lock_claimed, claimed=stale) is None
    assert seen(db, job_id)["done"] == 10


@pytest.mark.rule("A9")
def test_job_fails_with_a_clear_error_after_bounded_attempts(db: Transactions) -> None:
    def fail(_work: JobState) -> None:
        raise RuntimeError("secret detail")

    job_id, counter = begin(db, LI), Counter(fail)
    while run_one(db, steps_of(counter)):
        make_due(db)
    failed = seen(db, job_id)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "job_failed")
    assert "secret" not in failed["error"]["message"]
    assert len(counter.began) == ATTEMPTS
    assert failed["finished_at"] is not None


def test_job_whose_slice_kills_its_process_again_and_again_is_given_up(db: Transactions) -> None:
    job_id = begin(db, LI)
    for _ in range(ATTEMPTS):
        db.run(claim)
        make_due(db)
    counter = Counter()
    assert run_one(db, steps_of(counter))
    assert (seen(db, job_id)["status"], counter.began) == ("failed", [])


def test_refusal_fails_the_job_at_once_with_its_own_code(db: Transactions) -> None:
    def refuse(_work: JobState) -> None:
        raise NotFound("There is no such campaign.")

    job_id, counter = begin(db, LI), Counter(refuse)
    run_due(db, steps_of(counter), for_s=30)
    expected = {"code": "not_found", "message": "There is no such campaign."}
    assert seen(db, job_id)["error"] == expected
    assert len(counter.began) == 1


@pytest.mark.rule("A9")
def test_waiting_job_is_cancelled_at_once(db: Transactions) -> None:
    job_id = begin(db, LI)
    for _ in range(2):
        ended = db.run(use_cases.cancel, context=LI, job_id=job_id)
        assert (ended["status"], ended["cancel_requested"]) == ("cancelled", True)
    assert not run_one(db, steps_of(Counter()))


@pytest.mark.rule("A9")
def test_running_job_is_cancelled_after_its_slice(db: Transactions) -> None:
    job_id = begin(db, LI, upto=100)

    def cancel(work: JobState) -> None:
        if work.done == 20:
            asked = db.run(use_cases.cancel, context=LI, job_id=job_id)
            assert (asked["status"], asked["cancel_requested"]) == ("running", True)

    run_due(db, steps_of(Counter(cancel)), for_s=30)
    ended = seen(db, job_id)
    assert (ended["status"], ended["done"]) == ("cancelled", 30)


def test_job_that_has_ended_cannot_be_cancelled(db: Transactions) -> None:
    job_id = begin(db, LI)
    run_due(db, steps_of(Counter()), for_s=30)
    with pytest.raises(JobEnded):
        db.run(use_cases.cancel, context=LI, job_id=job_id)


def test_only_its_creator_and_managers_cancel_a_job(db: Transactions) -> None:
    job_id = begin(db, LI)
    with pytest.raises(JobNotYours):
        db.run(use_cases.cancel, context=HAN, job_id=job_id)
    assert db.run(use_cases.cancel, context=BOSS, job_id=job_id)["status"] == "cancelled"


def test_job_of_somebody_else_does_not_exist_for_a_member(db: Transactions) -> None:
    job_id = begin(db, LI)
    for attempt in (
        lambda: seen(db, job_id, SHOPPER),
        lambda: db.run(use_cases.cancel, context=SHOPPER, job_id=job_id),
        lambda: content(db, job_id, HAN),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_list_is_newest_first_filtered_and_of_the_caller_alone(db: Transactions) -> None:
    own = [begin(db, SHOPPER) for _ in range(3)]
    other = begin(db, LI)

    def listed(context: CallContext, **wanted: Any) -> list[UUID]:
        with db.engine.connect() as connection:
            snapshot = Snapshot(connection, START, context)
            page = queries.jobs(snapshot, **{"limit": 50, "after": None} | wanted)
        return [item["job_id"] for item in page["items"]]

    assert listed(SHOPPER) == sorted(own, reverse=True)
    assert set(listed(LI)) == {*own, other}
    assert listed(LI, status="succeeded") == listed(LI, kind="other") == []
    newest = max(own)
    assert listed(SHOPPER, limit=1) == [newest]
    assert newest not in listed(SHOPPER, after={"job_id": str(newest)})


def test_open_jobs_of_one_creator_are_bounded(db: Transactions) -> None:
    for _ in range(repository.MAX_OPEN):
        begin(db, LI)
    with pytest.raises(TooManyJobs):
        begin(db, LI)
    begin(db, HAN)


def test_file_is_for_a_job_that_succeeded_and_makes_one(db: Transactions) -> None:
    job_id = begin(db, LI)
    with pytest.raises(JobNotFinished):
        content(db, job_id)
    without = begin(db, LI, kind=replace(COUNT, content_type=None))
    with pytest.raises(JobHasNoFile):
        content(db, without)


@pytest.mark.rule("M4")
def test_chunks_lie_about_sealed(db: Transactions, database: ServiceDatabase) -> None:
    begin(db, LI, upto=5)
    run_due(db, steps_of(Counter()), for_s=30)
    (row,) = database.query("SELECT data FROM job_chunks")
    assert numbers(5).encode() not in bytes(row.data)


def test_id_of_a_job_tells_its_service() -> None:
    assert service_of(new_job_id("coupons")) == "coupons"
    assert new_job_id("coupons").version == 7
    assert service_of(UUID(int=0)) is None
