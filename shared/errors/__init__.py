"""Refusals with a stable code: the one vocabulary of errors from a domain rule to an HTTP answer.

A class is one refusal. Its docstring is the default message, ``code`` never changes once
published, ``status`` is the HTTP status the gateway answers with (A2), and ``retryable`` says
whether the same call may succeed later without anybody changing anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; ``field`` is a dotted path such as ``lines.0.net_minor``."""

    field: str
    code: str
    message: str

    def to_wire(self) -> dict[str, str]:
        """Return the JSON form used in problem details."""
        return {"field": self.field, "code": self.code, "message": self.message}


class LoyaltyError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    _by_code: ClassVar[dict[str, type[LoyaltyError]]] = {}

    def __init_subclass__(cls) -> None:
        """Register the class under its code; two classes with one code are a programming error."""
        super().__init_subclass__()
        known = LoyaltyError._by_code.setdefault(cls.code, cls)
        if known.__qualname__ != cls.__qualname__:
            raise TypeError(
                f"{cls.__qualname__} reuses the code {cls.code!r} of {known.__qualname__}"
            )

    def __init__(
        self, detail: str | None = None, *, errors: Iterable[FieldError] = (), **extra: Any
    ) -> None:
        """Keep a sentence for people, the fields concerned, and JSON members for programs."""
        self.detail = detail or self.title()
        self.errors = tuple(errors)
        self.extra = extra
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """Return the class's one-sentence summary, the same for each occurrence."""
        return (cls.__doc__ or cls.code).strip().splitlines()[0]

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form that crosses RPC."""
        return {
            "code": self.code,
            "status": self.status,
            "retryable": self.retryable,
            "detail": self.detail,
            "errors": [error.to_wire() for error in self.errors],
            "extra": self.extra,
        }


class RemoteError(LoyaltyError):
    """A service refused with a code this process does not know."""

    code = "remote_error"

    def __init__(self, wire: Mapping[str, Any]) -> None:
        """Take the other side's code and status as they are."""
        super().__init__(
            str(wire.get("detail", "")),
            errors=[FieldError(**error) for error in wire.get("errors", ())],
            **wire.get("extra", {}),
        )
        # An older gateway must pass on what a newer service says: the wire wins over the class.
        self.code = str(wire.get("code", "remote_error"))  # type: ignore[misc]
        self.status = int(wire.get("status", 500))  # type: ignore[misc]
        self.retryable = bool(wire.get("retryable", False))  # type: ignore[misc]


def from_wire(wire: Mapping[str, Any]) -> LoyaltyError:
    """Rebuild the error a service answered with, as its own class where that is known."""
    known = LoyaltyError._by_code.get(str(wire.get("code")))
    if known is None or known.status != wire.get("status") or known is RemoteError:
        return RemoteError(wire)
    error = known.__new__(known)
    LoyaltyError.__init__(
        error,
        wire.get("detail"),
        errors=[FieldError(**item) for item in wire.get("errors", ())],
        **wire.get("extra", {}),
    )
    return error


class Malformed(LoyaltyError):
    """The request could not be read."""

    code = "malformed_request"
    status = 400


class Invalid(LoyaltyError):
    """The request has fields that are missing, unknown or out of range."""

    code = "validation_failed"
    status = 422


class NotFound(LoyaltyError):
    """There is no such resource, or none that you may see."""

    code = "not_found"
    status = 404


class Unauthenticated(LoyaltyError):
    """A valid access token is needed."""

    code = "unauthenticated"
    status = 401


class Forbidden(LoyaltyError):
    """Your token does not open this route."""

    code = "forbidden"
    status = 403


class IdempotencyKeyRequired(LoyaltyError):
    """This request needs an Idempotency-Key header of 1 to 255 visible characters."""

    code = "idempotency_key_required"
    status = 400


class IdempotencyKeyReused(LoyaltyError):
    """This Idempotency-Key was used with another request body."""

    code = "idempotency_key_reused"
    status = 422


class RequestInProgress(LoyaltyError):
    """A request with this Idempotency-Key is still running."""

    code = "request_in_progress"
    status = 409
    retryable = True


class Busy(LoyaltyError):
    """Too many requests touch the same records at once; the same request may be sent again."""

    code = "busy"
    status = 503
    retryable = True
