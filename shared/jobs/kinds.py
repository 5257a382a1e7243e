"""What a kind of job is, what its step is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from marshmallow import Schema

from shared.calls import Actor
from shared.contracts.jobs import FILE_TYPES, PLACES
from shared.db.units import UnitOfWork

POLL_S = 60.0
WAITING_FOR = "waiting_for"


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of long work; ``name`` is unique within its service."""

    service: str
    name: str
    request: type[Schema]
    """What the work is about; dumped when the job starts, loaded for each slice."""
    content_type: str | None = None
    """One of `FILE_TYPES` where the job makes a file for its creator."""
    reads_input: bool = False
    """True where the job waits for an uploaded file before its first slice."""
    cancellable: bool = True
    """False where what the job stands for goes on whether anybody looks or not."""

    def __post_init__(self) -> None:
        """Refuse what no caller could use; a programming error."""
        if self.service not in PLACES:
            raise ValueError(f"{self.service!r} has no place in the ids of jobs")
        if self.content_type not in (None, *FILE_TYPES):
            raise ValueError(f"{self.content_type!r} is no documented type of file")


@dataclass(frozen=True, slots=True)
class JobState:
    """A job at the beginning of a slice."""

    job_id: UUID
    kind: str
    request: Mapping[str, Any]
    """Python values, as the kind's schema loads them."""
    state: Mapping[str, Any]
    """What the last committed slice left; empty at first. JSON."""
    done: int
    total: int | None
    creator: Actor


@dataclass(frozen=True, slots=True)
class Progress:
    """What a slice achieved; made by `more` and `finished`."""

    done: int
    total: int | None
    state: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    """JSON; set when the job is through."""
    pause_s: float = 0
    """How long the job rests before its next slice, unless `repository.wake` wakes it."""


def more(
    work: JobState, *, done: int, state: Mapping[str, Any], total: int | None = None
) -> Progress:
    """Go on with ``state`` in the next slice; ``done`` counts from the job's beginning."""
    return Progress(done, work.total if total is None else total, state)


def waiting(
    work: JobState, *, done: int, state: Mapping[str, Any], waiting_for: Sequence[str]
) -> Progress:
    """Rest until somebody wakes the job, or `POLL_S` have passed.

    Whoever looks at the job is shown ``waiting_for``: what has to happen elsewhere first.
    """
    told = {**state, WAITING_FOR: list(waiting_for)}
    return Progress(done, work.total, told, pause_s=POLL_S)


def finished(work: JobState, *, done: int, result: Mapping[str, Any] | None = None) -> Progress:
    """End the job successfully; the total is then what was done."""
    return Progress(done, done, work.state, {} if result is None else result)


class Step(Protocol):
    """A service's method that does one slice."""

    job_kind: JobKind

    def __call__(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Do one slice."""
        ...


Handler = TypeVar("Handler", bound=Callable[..., Progress])


def job(kind: JobKind) -> Callable[[Handler], Handler]:
    """Do a slice of ``kind`` by the decorated method of a service."""

    def decorate(handler: Handler) -> Handler:
        handler.job_kind = kind  # type: ignore[attr-defined]
        return handler

    return decorate


def steps_of(service: object) -> dict[str, Step]:
    """Return a service's steps by the names of their kinds."""
    found = {}
    for name in dir(type(service)):
        if hasattr(getattr(type(service), name), "job_kind"):
            step: Step = getattr(service, name)
            found[step.job_kind.name] = step
    return found
