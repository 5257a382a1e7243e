"""What an entry of the register says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """How a value is kept."""

    PLAIN = "plain"
    SEALED = "sealed"
    """Encrypted; the service that keeps it opens it for the export."""
    DIGEST = "digest"
    """A keyed hash, which is found by and read by nobody; the value itself is exported."""
    KEY = "key"
    """A key that opens other values; never exported."""


class Erasure(StrEnum):
    """What becomes of a value when its member is erased."""

    DELETED = "deleted"
    """Its row goes."""
    BLANKED = "blanked"
    """It becomes null, or empty where it may not be null."""
    UNREADABLE = "unreadable"
    """It stays in a history that nobody may change, sealed by the data key that is destroyed."""
    KEPT = "kept"
    """It stays. It names the member's id, and from that id nothing leads to a person any more."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column."""

    column: str
    form: Form = Form.PLAIN
    erasure: Erasure = Erasure.KEPT

    @property
    def is_exported(self) -> bool:
        """Return whether it holds a value that means anything to the person."""
        return self.form in (Form.PLAIN, Form.SEALED)


@dataclass(frozen=True, slots=True)
class Holding:
    """A table with rows about members."""

    service: str
    table: str
    what: str
    """For the person who reads the export."""
    fields: tuple[Field, ...]
    whose: tuple[str, ...] = ("member_id",)
    """Columns any of which names the member."""
    through: str | None = None
    """``table.column`` that names the member where the row itself does not; ``whose`` then holds
    the column by which rows belong to that table's."""
    others: tuple[str, ...] = ()
    """Columns that say nothing about the member."""
    unexported: str | None = None
    """Why its rows are not in the export, where they are not."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that are exported."""
        return tuple(field.column for field in self.fields if field.is_exported)

    def having(self, erasure: Erasure) -> tuple[str, ...]:
        """Return the columns that an erasure treats in this way."""
        return tuple(field.column for field in self.fields if field.erasure is erasure)


def kept(columns: str) -> tuple[Field, ...]:
    """Return fields that stay, of names parted by blanks."""
    return tuple(Field(column) for column in columns.split())


def blanked(columns: str, form: Form = Form.PLAIN) -> tuple[Field, ...]:
    """Return fields that are blanked."""
    return tuple(Field(column, form, Erasure.BLANKED) for column in columns.split())


def deleted(columns: str, form: Form = Form.PLAIN) -> tuple[Field, ...]:
    """Return fields whose rows go."""
    return tuple(Field(column, form, Erasure.DELETED) for column in columns.split())
