from __future__ import annotations

import pytest

from gateway import checkout_flow, order_flow
from gateway.saga import Saga, Step
from shared.errors import Busy, Invalid, LoyaltyError, NotFound


class Run:
    """What a saga did, and what each step is to fail with, one after the other."""

    def __init__(self, **failures: list[LoyaltyError | None]) -> None:
        self.did: list[str] = []
        self.failures = failures
        self.wanted = {"a", "b", "c"}

    def take(self, name: str) -> None:
        self.did.append(name)
        failure = self.failures[name].pop(0) if self.failures.get(name) else None
        if failure is not None:
            raise failure


def step(name: str, *, undo: bool = True) -> Step[Run]:
    return Step(
        name,
        does="",
        act=lambda run: run.take(name),
        undo=(lambda run: run.take(f"undo {name}")) if undo else None,
        undone_by="",
        repeated="",
        needed=lambda run: name in run.wanted,
    )


SAGA = Saga("abc", (step("a"), step("b", undo=False), step("c")), begins_anew=(NotFound,), runs=2)


def test_steps_are_taken_in_their_order() -> None:
    assert SAGA.run(Run()).did == ["a", "b", "c"]


def test_steps_that_are_not_needed_are_neither_taken_nor_undone() -> None:
    run = Run(c=[Invalid()])
    run.wanted = {"b", "c"}
    with pytest.raises(Invalid):
        SAGA.run(run)
    assert run.did == ["b", "c", "undo c"]


@pytest.mark.rule("H2")
def test_refusal_undoes_the_steps_begun_the_last_first() -> None:
    run = Run(c=[Invalid()])
    with pytest.raises(Invalid):
        SAGA.run(run)
    assert run.did == ["a", "b", "c", "undo c", "undo a"]


@pytest.mark.rule("H2")
def test_service_that_is_away_leaves_what_was_done_for_the_next_request() -> None:
    run = Run(b=[Busy()])
    with pytest.raises(Busy):
        SAGA.run(run)
    assert run.did == ["a", "b"]


def test_work_that_was_ended_elsewhere_begins_anew() -> None:
    run = Run(b=[NotFound()])
    SAGA.run(run)
    assert run.did == ["a", "b", "undo a", "a", "b", "c"]


def test_work_begins_anew_only_so_often() -> None:
    run = Run(b=[NotFound(), NotFound()])
    with pytest.raises(NotFound):
        SAGA.run(run)
    assert run.did == ["a", "b", "undo a"] * 2


def test_undoing_that_fails_hides_nothing_of_the_refusal() -> None:
    run = Run(c=[Invalid()])
    run.failures["undo c"] = [Busy()]
    with pytest.raises(Invalid):
        SAGA.run(run)
    assert run.did == ["a", "b", "c", "undo c"]


@pytest.mark.parametrize(
    "saga",
    [checkout_flow.SALE, checkout_flow.PREPARATION, order_flow.OPENING, order_flow.COMPLETION],
    ids=lambda saga: saga.name,
)
def test_each_step_of_the_platforms_sagas_explains_itself(saga: Saga[object]) -> None:
    assert saga.runs >= 1
    assert len({each.name for each in saga.steps}) == len(saga.steps)
    for each in saga.steps:
        assert all((each.does, each.undone_by, each.repeated))
