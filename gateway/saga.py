"""Sagas: work over several services, step by step, each step with what undoes it (H2).

A saga is a table of steps. `run` takes them in their order:

- A step that succeeds is never asked for again in this run. Each can be repeated: it says what it
  does then, so that the same request sent again finds done what was done.
- A refusal ends the run: the steps begun are undone, the last first, and the caller hears of it.
- A service that is away ends the run too, and nothing is undone: the same request sent again
  goes on from there, or the time limit of the first step undoes everything.
- An error that says that the work was ended from elsewhere begins the run anew, so often at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import LoyaltyError

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """One step: what it does, what undoes it, what it does when it is repeated."""

    name: str
    does: str
    act: Callable[[S], None]
    """Does it, and keeps in the run's state what later steps need."""
    undone_by: str
    """How, in words; by whom, if not by ``undo``."""
    repeated: str
    undo: Callable[[S], None] | None = None
    needed: Callable[[S], bool] = lambda _: True
    """Whether this run takes the step at all."""


@dataclass(frozen=True, slots=True)
class Saga(Generic[S]):
    """Steps in their order."""

    name: str
    steps: tuple[Step[S], ...]
    begins_anew: tuple[type[LoyaltyError], ...] = ()
    """Errors that say that what was begun has been ended under the run's hands."""
    runs: int = 1
    """How often it is begun at most."""

    def run(self, state: S) -> S:
        """Take all steps; returns the state they leave.

        Raises:
            LoyaltyError: a refusal, with all undone; or a service is away.
        """
        for left in reversed(range(self.runs)):
            try:
                self._once(state)
            except self.begins_anew:
                if not left:
                    raise
            else:
                return state
        raise AssertionError("a saga runs once at least")

    def undo(self, state: S) -> None:
        """Undo what these steps did, the last first."""
        self._undo(list(self.steps), state)

    def _once(self, state: S) -> None:
        begun: list[Step[S]] = []
        for step in self.steps:
            if not step.needed(state):
                continue
            begun.append(step)
            try:
                step.act(state)
            except LoyaltyError as refusal:
                if not refusal.retryable or isinstance(refusal, self.begins_anew):
                    self._undo(begun, state)
                raise

    def _undo(self, begun: list[Step[S]], state: S) -> None:
        for step in reversed(begun):
            if step.undo is None:
                continue
            try:
                step.undo(state)
            except LoyaltyError:
                # The first step's time limit does it then. The caller has to hear of the refusal
                # that led here.
                return
