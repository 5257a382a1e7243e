"""What earning rules look like on the wire, over HTTP and RPC alike (E2, E4)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    Minor,
    Points,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.members.events import CHANNELS
from shared.contracts.points.schemas import says

UNKNOWN = "unknown"
RULE_KINDS = ("base", "multiplier", "addition", "threshold_bonus", "activity")
RULE_STATUSES = ("draft", "published", "retired")
ACTIVITIES = ("check_in", "review", "share", "survey", "referral", "profile_complete", "event")
ROUND_TO = ("day", "month_end", "year_end")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_SCOPE_VALUES = 5_000
_LONGEST_NAME = 10
_SHORT = dict(
    zip(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        WEEKDAYS,
        strict=True,
    )
)


class Weekday(Text):
    """A weekday as ``mon``; ``Monday`` and ISO numbers from 1 for Monday are understood too.

    What is no weekday is kept as it is: publishing names it.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Bound the length."""
        super().__init__(max_length=_LONGEST_NAME, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if type(value) is int and 1 <= value <= len(WEEKDAYS):
            return WEEKDAYS[value - 1]
        text = super()._deserialize(value, attr, data, **kwargs).lower()
        return _SHORT.get(text, text)


class DecimalText(Text):
    """An exact decimal number, written as text so that nobody rounds it."""

    def __init__(self, **kwargs: Any) -> None:
        """Accept up to six digits before and nine after the point."""
        super().__init__(
            max_length=16,
            validate=validate.Regexp(
                r"\A(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?\Z", error='Not a decimal like "1.25".'
            ),
            **kwargs,
        )


class LocalTimeSchema(WireSchema):
    """A window of the store's local day."""

    starts_at = Text(
        required=True,
        data_key="from",
        max_length=5,
        validate=validate.Regexp(r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z", error="Not like 09:30."),
        metadata=says("First minute.", "22:00"),
    )
    ends_at = Text(
        required=True,
        data_key="until",
        max_length=5,
        validate=validate.Regexp(
            r"\A(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z", error="Not like 09:30."
        ),
        metadata=says("First minute after; before `from` it is on the next day.", "24:00"),
    )


def _some(inner: fields.Field[Any], most: int, description: str) -> Any:
    return fields.List(inner, validate=validate.Length(min=1, max=most), metadata=says(description))


class RuleScopeSchema(WireSchema):
    """What a rule is for; a key left out means no restriction by it."""

    skus = _some(Text(), MAX_SCOPE_VALUES, "Only these articles.")
    categories = _some(Text(), MAX_SCOPE_VALUES, "Only these categories.")
    brands = _some(Text(), MAX_SCOPE_VALUES, "Only these brands.")
    stores = _some(ExternalKey(), MAX_SCOPE_VALUES, "Only in these stores.")
    channels = _some(Choice(*CHANNELS), len(CHANNELS), "Only through these channels.")
    tiers = _some(Text(), 100, "Only for members of these tiers.")
    weekdays = _some(Weekday(), len(WEEKDAYS), "Only on these, `mon` to `sun`, where the store is.")
    local_time = fields.Nested(
        LocalTimeSchema, metadata=says("Only at this time of day, where the store is.")
    )
    first_purchase = StrictBoolean(
        metadata=says("Only for a member's first sale that was neither cancelled nor returned.")
    )
    birthday_month = StrictBoolean(metadata=says("Only in the month of the member's birthday."))


class StreakSchema(WireSchema):
    """Local days in a row."""

    length = StrictInteger(
        required=True,
        validate=validate.Range(min=2, max=366),
        metadata=says("Days that make a streak complete, each time again.", 7),
    )
    points = Points(required=True, minimum=1, metadata=says("Points for a complete streak.", 50))


class LotTermsSchema(WireSchema):
    """How long points last."""

    months = StrictInteger(
        required=True,
        validate=validate.Range(min=0, max=1200),
        metadata=says("Calendar months.", 12),
    )
    round_to = Choice(
        *ROUND_TO, required=True, metadata=says("Drawn out to the end of it.", "month_end")
    )


class CapsSchema(WireSchema):
    """The most points a rule gives; a key left out means no such cap."""

    per_sale = Points(minimum=1, metadata=says("In one sale.", 500))
    per_member_per_day = Points(minimum=1, metadata=says("A member in a local day.", 500))
    per_member_per_month = Points(minimum=1, metadata=says("A member in a local month.", 2000))
    total = Points(minimum=1, metadata=says("All members together, over all versions.", 1_000_000))


class RuleDraftSchema(WireSchema):
    """A rule as its author writes it."""

    name = Text(required=True, metadata=says("Named so in explanations.", "Double tea days"))
    kind = Choice(*RULE_KINDS, required=True)
    scope = fields.Nested(RuleScopeSchema, load_default=dict)
    value = DecimalText(
        allow_none=True,
        load_default=None,
        metadata=says("Points per minor unit (base, addition), or the factor (multiplier).", "2"),
    )
    points = Points(
        minimum=1,
        allow_none=True,
        load_default=None,
        metadata=says("Points once (addition, threshold_bonus, activity).", 100),
    )
    threshold_minor = Minor(
        allow_none=True,
        load_default=None,
        metadata=says("Eligible price from which a threshold_bonus comes.", 10_000),
    )
    activity = Choice(*ACTIVITIES, allow_none=True, load_default=None)
    streak = fields.Nested(StreakSchema, allow_none=True, load_default=None)
    stackable = StrictBoolean(
        load_default=False,
        metadata=says("Whether a multiplier multiplies others that are marked so too.", False),
    )
    pending_days = StrictInteger(
        load_default=0,
        validate=validate.Range(min=0, max=3_650),
        metadata=says("Days until its points can be used (E5).", 0),
    )
    lot = fields.Nested(
        LotTermsSchema,
        allow_none=True,
        load_default=None,
        metadata=says("How long its points last; the programme's terms where left out."),
    )
    caps = fields.Nested(CapsSchema, load_default=dict)
    valid_from = Instant(allow_none=True, load_default=None)
    valid_until = Instant(
        allow_none=True, load_default=None, metadata=says("First instant at which it is not good.")
    )


class RulePatchSchema(WireSchema):
    """What of a rule to change, for its next version; an object given replaces the whole object."""

    name = Text()
    kind = Choice(*RULE_KINDS)
    scope = fields.Nested(RuleScopeSchema)
    value = DecimalText(allow_none=True)
    points = Points(minimum=1, allow_none=True)
    threshold_minor = Minor(allow_none=True)
    activity = Choice(*ACTIVITIES, allow_none=True)
    streak = fields.Nested(StreakSchema, allow_none=True)
    stackable = StrictBoolean()
    pending_days = StrictInteger(validate=validate.Range(min=0, max=3_650))
    lot = fields.Nested(LotTermsSchema, allow_none=True)
    caps = fields.Nested(CapsSchema)
    valid_from = Instant(allow_none=True)
    valid_until = Instant(allow_none=True)


class PublishRuleSchema(WireSchema):
    """From when a version is good."""

    effective_from = Instant(
        allow_none=True, load_default=None, metadata=says("At once where left out; never past.")
    )


class RuleVersionSchema(WireSchema):
    """A version as it was published; nothing ever changes it."""

    version = StrictInteger(required=True, metadata=says("From 1 on.", 1))
    effective_from = Instant(required=True)
    published_at = Instant(required=True)
    published_by = Text(required=True, metadata=says("Kind and id of who published it."))
    terms = fields.Nested(RuleDraftSchema, required=True)


class RuleSchema(RuleDraftSchema):
    """A rule: its terms as they are written now, and what of them is published."""

    rule_id = Id(required=True)
    status = Choice(*RULE_STATUSES, required=True)
    version = StrictInteger(
        required=True, metadata=says("Number of the newest version; 0 before the first.", 1)
    )
    has_changes = StrictBoolean(
        required=True, metadata=says("Whether the terms differ from the newest version.", False)
    )
    effective_from = Instant(
        required=True, allow_none=True, metadata=says("Of the newest version.")
    )
    retired_at = Instant(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    versions = fields.List(
        fields.Nested(RuleVersionSchema), metadata=says("Newest first; only of a single rule.")
    )


class RuleIdSchema(WireSchema):
    """Names a rule."""

    rule_id = Id(required=True)


class AmendRuleSchema(RulePatchSchema):
    """Change the terms of a rule."""

    rule_id = Id(required=True)


class PublishRuleCommand(PublishRuleSchema):
    """Publish the terms of a rule as its next version."""

    rule_id = Id(required=True)


class RulesQuery(PageQuery):
    """Which rules to list, newest first."""

    status = Choice(*RULE_STATUSES, allow_none=True, load_default=None)
    kind = Choice(*RULE_KINDS, allow_none=True, load_default=None)
