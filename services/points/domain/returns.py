"""Returns: what is claimed back per line (S1) and what spent points go home (S4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.errors import FieldError
from shared.errors.points import ReturnExceedsSale, UnknownLine


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of a recorded sale and what has come back of it so far."""

    line_id: str
    quantity: int
    value_minor: int
    """Price after coupons, the part paid in points included."""
    points: int
    eligible_minor: int = 0
    """What of the value was paid in money for a product, and so earned points."""
    returned_quantity: int = 0
    refunded_minor: int = 0
    clawed_back: int = 0

    @property
    def is_gone(self) -> bool:
        """Return whether nothing of the line is kept."""
        refunded_whole = 0 < self.value_minor == self.refunded_minor
        return self.returned_quantity == self.quantity or refunded_whole


@dataclass(frozen=True, slots=True)
class Taken:
    """What comes back of one line now."""

    quantity: int
    refund_minor: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a return means for the sale: its lines from now on, and the points to recover."""

    lines: tuple[SoldLine, ...]
    """Only those that changed."""
    lines_after: tuple[SoldLine, ...]
    """All of the sale."""
    by_line: Mapping[str, int]
    """Points that lines give back, by line id (S1)."""
    refund_minor: int
    is_full: bool
    """Whether nothing of the sale is kept (C3)."""

    @property
    def claw(self) -> int:
        """Return the points that the lines give back together."""
        return sum(self.by_line.values())


def claim(lines: Sequence[SoldLine], taken: Mapping[str, Taken]) -> Claim:
    """Judge what comes back against what was sold.

    Raises:
        UnknownLine: a line is not of this sale.
        ReturnExceedsSale: less than that is left of a line.
    """
    by_id = {line.line_id: line for line in lines}
    errors = [error for line_id, part in taken.items() for error in _excess(by_id, line_id, part)]
    if errors:
        is_unknown = not taken.keys() <= by_id.keys()
        raise UnknownLine(errors=errors) if is_unknown else ReturnExceedsSale(errors=errors)
    changed = tuple(_return_line(by_id[line_id], part) for line_id, part in taken.items())
    after = {**by_id, **{line.line_id: line for line in changed}}
    return Claim(
        lines=changed,
        lines_after=tuple(after.values()),
        by_line={
            line.line_id: line.clawed_back - by_id[line.line_id].clawed_back for line in changed
        },
        refund_minor=sum(part.refund_minor for part in taken.values()),
        is_full=all(line.is_gone for line in after.values()),
    )


def claim_rest(lines: Sequence[SoldLine]) -> Claim:
    """Take back all that is left of a sale, as a cancel does."""
    return claim(
        lines,
        {
            line.line_id: Taken(
                line.quantity - line.returned_quantity, line.value_minor - line.refunded_minor
            )
            for line in lines
        },
    )


def _excess(by_id: Mapping[str, SoldLine], line_id: str, part: Taken) -> list[FieldError]:
    line = by_id.get(line_id)
    if line is None:
        return [FieldError(f"lines.{line_id}", "unknown_line", "The sale has no such line.")]
    errors = []
    quantity_left = line.quantity - line.returned_quantity
    if part.quantity > quantity_left:
        message = f"{quantity_left} left."
        errors.append(FieldError(f"lines.{line_id}.quantity", "too_many", message))
    value_left = line.value_minor - line.refunded_minor
    if part.refund_minor > value_left:
        message = f"{value_left} left."
        errors.append(FieldError(f"lines.{line_id}.net_minor", "too_much", message))
    return errors


def _return_line(line: SoldLine, part: Taken) -> SoldLine:
    """Add what comes back, and claw in proportion to all that has: S1, without loss at the end."""
    refunded = line.refunded_minor + part.refund_minor
    # A line that cost nothing earned nothing.
    clawed = line.points * refunded // line.value_minor if line.value_minor else 0
    return replace(
        line,
        returned_quantity=line.returned_quantity + part.quantity,
        refunded_minor=refunded,
        clawed_back=clawed,
    )


def restorable(spent: int, paid_total_minor: int, refunded_minor: int, restored_before: int) -> int:
    """Return how many spent points go home now, ``refunded_minor`` being cumulative (S4)."""
    if not spent:
        return 0
    return spent * refunded_minor // paid_total_minor - restored_before
