"""Cards, ids of other systems, consents and standing of a member, as they travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError, fields, validate, validates

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import Choice, Id, Instant, Text
from shared.contracts.members.events import CHANNELS, MEMBER_STATUSES
from shared.contracts.members.schemas import (
    ConsentRecordSchema,
    ConsentSchema,
    ExternalIdSchema,
    card_field,
    described,
)

STANDING_ACTS = ("freeze", "unfreeze", "close", "reopen")
MAX_CONSENTS = 30


def _reason(**kwargs: Any) -> Text:
    return Text(
        max_length=500, metadata=described("Why, in a sentence for later readers."), **kwargs
    )


class AddCardSchema(WireSchema):
    """A card for a member."""

    card_number = card_field(required=True)
    replaces = card_field(allow_none=True, load_default=None)


class AddCardCommandSchema(AddCardSchema):
    """`AddCardSchema` with whose card it is."""

    member_id = Id(required=True)


class ReasonSchema(WireSchema):
    """Why something is done to a member's account."""

    reason = _reason(required=True)


class BlockCardCommandSchema(ReasonSchema):
    """A card that shall not work any more."""

    member_id = Id(required=True)
    card_number = Text(required=True, max_length=100)


class ExternalIdCommandSchema(ExternalIdSchema):
    """`ExternalIdSchema` with whose id it is."""

    member_id = Id(required=True)


class SetConsentsSchema(WireSchema):
    """What a member agrees to; purposes and channels left out stay as they are (M5)."""

    consents = fields.List(
        fields.Nested(ConsentSchema),
        required=True,
        validate=validate.Length(min=1, max=MAX_CONSENTS),
    )
    proof = Choice(
        *CHANNELS,
        allow_none=True,
        load_default=None,
        metadata=described("Where the member said so; by default where the caller works.", "app"),
    )

    @validates("consents")
    def _say_one_thing(self, value: Sequence[Mapping[str, Any]], **_: Any) -> None:
        places = [(each.get("purpose"), each.get("channel")) for each in value]
        if len(set(places)) < len(places):
            raise ValidationError("One consent for each purpose and channel.")


class SetConsentsCommandSchema(SetConsentsSchema):
    """`SetConsentsSchema` with who agrees."""

    member_id = Id(required=True)


class ConsentsSchema(WireSchema):
    """The consents that count now."""

    consents = fields.List(fields.Nested(ConsentRecordSchema), required=True)


class ConsentHistorySchema(ConsentRecordSchema):
    """One thing a member said, with who noted it."""

    consent_id = Id(required=True)
    recorded_by = Text(required=True, metadata=described("Kind and id of who noted it."))


class MemberPageSchema(PageQuery):
    """One page of something of a member's."""

    member_id = Id(required=True)


class ChangeStandingSchema(ReasonSchema):
    """What to do to an account as a whole."""

    member_id = Id(required=True)
    act = Choice(*STANDING_ACTS, required=True)


class StandingChangeSchema(WireSchema):
    """One change of an account's status."""

    change_id = Id(required=True)
    from_status = Choice(*MEMBER_STATUSES, required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    reason = _reason(required=True)
    actor = Text(required=True, metadata=described("Kind and id of who did it.", "staff:0192f3a0"))
    at = Instant(required=True)


MASKED_FIELDS = (
    "phone",
    "name",
    "email",
    "birthday",
    "gender",
    "card_numbers",
    "external_ids",
)
"""What anyone but the member itself sees masked (M7)."""


class UnmaskSchema(WireSchema):
    """What staff has to see, and for what."""

    wanted = fields.List(
        Choice(*MASKED_FIELDS),
        data_key="fields",
        required=True,
        validate=validate.Length(min=1, max=len(MASKED_FIELDS)),
        metadata=described("Only what the purpose needs.", ["phone"]),
    )
    purpose = Text(
        required=True,
        min_length=5,
        max_length=500,
        metadata=described("Why, for the auditor.", "Call back about complaint 4711."),
    )


class UnmaskCommandSchema(UnmaskSchema):
    """`UnmaskSchema` with whose fields they are."""

    member_id = Id(required=True)


class UnmaskedValuesSchema(WireSchema):
    """The fields that were asked for, and no others."""

    phone = Text(metadata=described("E.164.", "+8613800138000"))
    name = Text(allow_none=True)
    email = Text(allow_none=True)
    birthday = Text(allow_none=True, metadata=described("`YYYY-MM-DD`.", "1990-05-17"))
    gender = Text(allow_none=True)
    card_numbers = fields.List(Text())
    external_ids = fields.List(fields.Nested(ExternalIdSchema))


class UnmaskedSchema(WireSchema):
    """Fields of a member as they are."""

    member_id = Id(required=True)
    values = fields.Nested(UnmaskedValuesSchema, required=True)


class PrivacyJobSchema(WireSchema):
    """Whose data a job exports or erases."""

    member_id = Id(required=True)


class EraseCommandSchema(ReasonSchema):
    """Who is to be forgotten, and why."""

    member_id = Id(required=True)
