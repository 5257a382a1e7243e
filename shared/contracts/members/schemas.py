"""What members look like on the wire, over HTTP and RPC alike."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from shared.contracts.base import PageQuery, WireSchema
from shared.contracts.fields import (
    Choice,
    ExternalKey,
    Id,
    Instant,
    LocalDate,
    StrictBoolean,
    StrictInteger,
    Text,
)
from shared.contracts.members.events import CHANNELS, MEMBER_STATUSES

GENDERS = ("female", "male", "other", "unspecified")
CONSENT_PURPOSES = ("marketing", "profiling", "surveys")
CONSENT_CHANNELS = ("sms", "email", "push", "wechat", "phone")
REFERENCE_TYPES = ("phone", "email", "card", "code", "external", "member_id")
MAX_REFERENCES = 500
"""As many as a batch has sales."""


def described(description: str, example: Any = None) -> dict[str, Any]:
    """Return what the documentation says of a field."""
    return {"description": description} | ({} if example is None else {"example": example})


def _phone(**kwargs: Any) -> Text:
    return Text(
        max_length=32,
        metadata=described(
            "International with +, or national in the programme's country.", "+8613800138000"
        ),
        **kwargs,
    )


def _email(**kwargs: Any) -> Text:
    return Text(
        max_length=254,
        validate=validate.Email(),
        metadata=described("Compared without regard to case.", "li.lei@example.com"),
        **kwargs,
    )


def card_field(**kwargs: Any) -> Text:
    """Return a card's number as people and tills spell it."""
    return Text(
        max_length=40,
        min_length=4,
        validate=validate.Regexp(
            r"\A[A-Za-z0-9][A-Za-z0-9 -]*\Z", error="Use letters, digits, blanks and -"
        ),
        metadata=described("Blanks, hyphens and case do not matter.", "6200 0000 1234"),
        **kwargs,
    )


def _name(**kwargs: Any) -> Text:
    return Text(
        max_length=100,
        validate=validate.Regexp(r"\A\S(.*\S)?\Z", error="Starts or ends with a blank."),
        metadata=described("Full name.", "Li Lei"),
        **kwargs,
    )


def _birthday(**kwargs: Any) -> LocalDate:
    return LocalDate(metadata=described("Date of birth.", "1990-05-17"), **kwargs)


def _locale(**kwargs: Any) -> Text:
    return Text(
        max_length=35,
        validate=validate.Regexp(
            r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z", error="Not a BCP 47 language tag."
        ),
        metadata=described("BCP 47 language tag.", "zh-CN"),
        **kwargs,
    )


def _store(**kwargs: Any) -> ExternalKey:
    return ExternalKey(metadata=described("Store the member calls home.", "S001"), **kwargs)


class ExternalIdSchema(WireSchema):
    """The member's id in another system, such as a web shop's customer number."""

    system = Text(
        required=True,
        max_length=40,
        validate=validate.Regexp(
            r"\A[a-z0-9][a-z0-9_.-]*\Z", error="Use small letters, digits and _ . -"
        ),
        metadata=described("Name of the other system.", "webshop"),
    )
    id = Text(required=True, metadata=described("Id in that system, compared exactly.", "C-1001"))


class ConsentSchema(WireSchema):
    """A yes or no to one purpose over one channel (M5)."""

    purpose = Choice(*CONSENT_PURPOSES, required=True)
    channel = Choice(*CONSENT_CHANNELS, required=True)
    granted = StrictBoolean(required=True)
    policy_version = Text(
        required=True,
        max_length=40,
        metadata=described("Version of the privacy policy that was shown.", "2026-01"),
    )


class ConsentRecordSchema(ConsentSchema):
    """A consent with its proof."""

    at = Instant(required=True, metadata=described("When it was given or refused."))
    proof = Choice(
        *CHANNELS, required=True, metadata=described("Where it was given or refused.", "store")
    )


class EnrolSchema(WireSchema):
    """A person who joins."""

    phone = _phone(required=True)
    name = _name()
    email = _email()
    birthday = _birthday()
    gender = Choice(*GENDERS)
    locale = _locale()
    card_number = card_field()
    external_ids = fields.List(fields.Nested(ExternalIdSchema), validate=validate.Length(max=20))
    home_store_id = _store()
    channel = Choice(*CHANNELS, required=True, metadata=described("Where they joined.", "store"))
    consents = fields.List(fields.Nested(ConsentSchema), validate=validate.Length(max=30))


class EnrolCommandSchema(EnrolSchema):
    """`EnrolSchema` with what the token proves."""

    verified_phone_digest = Text(load_default=None, allow_none=True)
    """Base64url digest of the phone an OTP token proves; null for terminals, shops and staff."""


class PatchMemberSchema(WireSchema):
    """Changes to a profile; a field left out stays, null clears it."""

    phone = _phone()
    name = _name(allow_none=True)
    email = _email(allow_none=True)
    birthday = _birthday(allow_none=True)
    gender = Choice(*GENDERS, allow_none=True)
    locale = _locale(allow_none=True)
    home_store_id = _store(allow_none=True)


class PatchMemberRequestSchema(PatchMemberSchema):
    """`PatchMemberSchema` with the proof that a member's new phone is its own."""

    phone_token = Text(
        max_length=8_192,
        metadata=described(
            "An access token that a one-time code sent to the new phone gave; members need it to "
            "change their phone.",
            "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
        ),
    )


class PatchMemberCommandSchema(PatchMemberSchema):
    """`PatchMemberSchema` with whose profile it is, and what the token proves."""

    member_id = Id(required=True)
    verified_phone_digest = Text(load_default=None, allow_none=True)
    """Base64url digest of the phone that ``phone_token`` proves."""


class MemberIdSchema(WireSchema):
    """One member by id."""

    member_id = Id(required=True)


class MemberSchema(WireSchema):
    """A member. Anyone but the member itself gets personal fields masked (M7)."""

    member_id = Id(required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    masked = StrictBoolean(
        required=True, metadata=described("Whether personal fields are masked.", False)
    )
    phone = Text(required=True, metadata=described("E.164.", "+8613800138000"))
    name = Text(required=True, allow_none=True)
    email = Text(required=True, allow_none=True)
    birthday = Text(
        required=True,
        allow_none=True,
        metadata=described("`YYYY-MM-DD`; `****-**-**` where masked.", "1990-05-17"),
    )
    gender = Text(required=True, allow_none=True)
    locale = Text(required=True, allow_none=True)
    card_numbers = fields.List(Text(), required=True)
    external_ids = fields.List(fields.Nested(ExternalIdSchema), required=True)
    unconfirmed = fields.List(
        Choice("email", "card_numbers"),
        required=True,
        metadata=described(
            "Where the member names as its own what belongs to somebody else, and so is recognised "
            "by none of it; shown to staff and tills only.",
            [],
        ),
    )
    home_store_id = ExternalKey(required=True, allow_none=True)
    channel = Choice(*CHANNELS, required=True)
    consents = fields.List(fields.Nested(ConsentRecordSchema), required=True)
    enrolled_at = Instant(required=True)
    updated_at = Instant(required=True)
    merged_into = Id(
        required=True, allow_none=True, metadata=described("Who a merged member is by now.", None)
    )


class MemberStatusSchema(WireSchema):
    """That a member exists, and how it stands; nothing personal."""

    member_id = Id(required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    enrolled_at = Instant(required=True)


class ReferenceSchema(WireSchema):
    """A member as a till or a shop knows it."""

    type = Choice(*REFERENCE_TYPES, required=True, metadata=described("Kind of value.", "phone"))
    value = Text(
        required=True,
        max_length=1_024,
        metadata=described("The value; of a code, the barcode or the QR code.", "13800138000"),
    )
    system = Text(
        max_length=40,
        allow_none=True,
        load_default=None,
        metadata=described("Name of the other system; with type external only.", "webshop"),
    )

    @validates_schema
    def _system_belongs_to_external(self, data: dict[str, Any], **_: Any) -> None:
        if (data.get("type") == "external") != (data.get("system") is not None):
            raise ValidationError("Goes with type external, and only with it.", "system")


class ReferencesSchema(WireSchema):
    """Several references at once."""

    references = fields.List(
        fields.Nested(ReferenceSchema), required=True, validate=validate.Length(max=MAX_REFERENCES)
    )


class FoundSchema(WireSchema):
    """Whether a reference leads to a member; without one it names none.

    Then the status is null too, unless it is known that there was one: ``erased``.
    """

    found = StrictBoolean(required=True)
    member_id = Id(required=True, allow_none=True)
    status = Choice(*MEMBER_STATUSES, required=True, allow_none=True)


class FoundManySchema(WireSchema):
    """One answer a reference, in their order."""

    results = fields.List(fields.Nested(FoundSchema), required=True)


class IdentitySchema(WireSchema):
    """Who a reference is, recognisable to someone who knows them and to nobody else."""

    member_id = Id(required=True)
    status = Choice(*MEMBER_STATUSES, required=True)
    name_masked = Text(required=True, allow_none=True, metadata=described("Masked.", "L**"))
    phone_masked = Text(required=True, metadata=described("Masked.", "+86*******8000"))


class LookupSchema(IdentitySchema):
    """What a till shows when a customer identifies."""

    tier = Text(required=True, metadata=described("Code of the tier.", "GOLD"))
    points_available = StrictInteger(
        required=True, metadata=described("Points that can be spent now.", 1280)
    )


class SearchQuery(WireSchema):
    """At most one exact criterion; without one, all members, newest first."""

    phone = _phone()
    card_number = card_field()
    email = _email()
    name = Text(max_length=100, metadata=described("The whole name, in any case.", "Li Lei"))

    @validates_schema
    def _one_criterion(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("phone", "card_number", "email", "name") if name in data]
        if len(given) > 1:
            raise ValidationError("Search by one criterion at a time.", given[-1])


class SearchCommandSchema(SearchQuery, PageQuery):
    """`SearchQuery` for one page."""
