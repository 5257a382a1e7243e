"""Rules about people: how values are compared, what strangers see of them, what cannot be."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.errors import FieldError, Invalid

PHONE, EMAIL, CARD, EXTERNAL = "phone", "email", "card", "external"
CODE = "code"
"""A reference that is no identifier: what the member's app shows (M2)."""
FIELD_OF = {PHONE: "phone", EMAIL: "email", CARD: "card_number", EXTERNAL: "external_ids"}
"""The request field an identifier of each kind comes in."""

MASKED_BIRTHDAY = "****-**-**"
_OLDEST_YEARS = 130

MAX_IDENTIFIERS = 20
"""Cards, blocked ones included, and ids of other systems that one member may have of each kind."""

UNDO_WITHIN = timedelta(days=30)
"""How long a merge can be undone (M3)."""

STEP_S = 30
"""How long a rotating code is shown (M2)."""
USES_KEPT = timedelta(days=30)
"""As long as idempotency keys: whoever comes again with a code is answered alike."""
_REMEMBERED_STEPS = 40
CODE_INVALID, CODE_EXPIRED, CODE_USED = "code_invalid", "code_expired", "code_used"

ACTIVE, FROZEN, CLOSED, MERGED, ERASED = "active", "frozen", "closed", "merged", "erased"
_STANDING: Mapping[str, tuple[frozenset[str], str]] = {
    "freeze": (frozenset({ACTIVE}), FROZEN),
    "unfreeze": (frozenset({FROZEN}), ACTIVE),
    "close": (frozenset({ACTIVE, FROZEN}), CLOSED),
    "reopen": (frozenset({CLOSED}), ACTIVE),
}
"""What staff can do to an account as a whole: from which status, and what comes of it."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A value by which a member is recognised; ``system`` only where the kind is external."""

    kind: str
    value: str
    system: str = ""


@dataclass(frozen=True, slots=True)
class ClaimedCard:
    """A card that a person named as its own and that is somebody else's."""

    number: str
    at: datetime
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """The personal fields that identify nobody by themselves.

    What is claimed identifies its owner, and not whoever claims it.
    """

    name: str | None = None
    birthday: date | None = None
    gender: str | None = None
    claimed_email: str | None = None
    claimed_cards: tuple[ClaimedCard, ...] = ()


def comparable_email(email: str) -> str:
    """Return the form in which addresses are compared: no mail provider minds case."""
    return email.strip().lower()


def comparable_card(card_number: str) -> str:
    """Return the form in which card numbers are compared, however a till or a person spells it."""
    return card_number.replace(" ", "").replace("-", "").upper()


def comparable_name(name: str) -> str:
    """Return the form in which names are searched: one spelling of each letter and blank."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_birthday(birthday: date | None, *, today: date) -> None:
    """Refuse a birthday nobody alive can have.

    Raises:
        Invalid: it lies in the future or too far back.
    """
    if birthday is None:
        return
    if birthday > today or today.year - birthday.year > _OLDEST_YEARS:
        wrong = FieldError("birthday", "out_of_range", "Not the birthday of a living person.")
        raise Invalid(errors=[wrong])


def birth_month(birthday: date | None) -> int | None:
    """Return all of a birthday that leaves the service: its month, 1 to 12 (M4)."""
    return None if birthday is None else birthday.month


def step_at(instant: datetime) -> int:
    """Return the number of the step that an instant falls in (M2)."""
    return int(instant.timestamp()) // STEP_S


def recent_steps(at: datetime) -> range:
    """Return the steps a barcode is compared with, the newest first.

    More than those that count: an old barcode is told from an invented one, for the cashier's sake.
    """
    newest = step_at(at) + 1
    return range(newest, newest - _REMEMBERED_STEPS, -1)


def judge_step(step: int, at: datetime) -> str | None:
    """Return why a code of ``step`` does not count at an instant, or None where it does.

    One step either way is allowed for clocks that differ.
    """
    now = step_at(at)
    if step < now - 1:
        return CODE_EXPIRED
    return CODE_INVALID if step > now + 1 else None


def stricter(
    survivor: Iterable[Mapping[str, Any]], source: Iterable[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return which consents the survivor of a merge loses, each with the refusal that counts (M3).

    Who has refused something as either of two members has refused it.
    """
    refused = {(each["purpose"], each["channel"]): each for each in source if not each["granted"]}
    return [
        (mine, refused[mine["purpose"], mine["channel"]])
        for mine in survivor
        if mine["granted"] and (mine["purpose"], mine["channel"]) in refused
    ]


def standing_after(status: str, act: str) -> str | None:
    """Return the status that an act leads to, or None where it is not possible."""
    allowed, after = _STANDING[act]
    return after if status in allowed else None


def changed_profile(profile: Profile, changes: Mapping[str, object]) -> Profile:
    """Return the profile with those of its fields that ``changes`` names."""
    own = {name: value for name, value in changes.items() if name in Profile.__slots__}
    return replace(profile, **own)  # type: ignore[arg-type]


def mask_phone(phone: str) -> str:
    """Keep the start of the country code and the last four digits, as receipts do (M7)."""
    return _masked(phone, head=3, tail=4)


def mask_name(name: str | None) -> str | None:
    """Keep the first letter only, whatever the length (M7)."""
    if name is None:
        return None
    return f"{name[0]}**" if len(name) > 1 else "**"


def mask_email(email: str | None) -> str | None:
    """Keep the first letter and the domain (M7)."""
    if email is None:
        return None
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}"


def mask_value(value: str) -> str:
    """Keep the last four characters of a card number or external id (M7)."""
    return _masked(value, head=0, tail=4)


def _masked(value: str, *, head: int, tail: int) -> str:
    """Replace the middle by stars; of a short value at most a third is shown."""
    if head + tail > len(value) // 2:
        head, tail = 0, len(value) // 3
    shown = value[len(value) - tail :] if tail else ""
    return value[:head] + "*" * (len(value) - head - tail) + shown
