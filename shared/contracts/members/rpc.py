"""What the members service answers."""

from __future__ import annotations

from shared.contracts.base import EmptySchema, page_of
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.members import accounts, codes, households, imports, merges, schemas
from shared.contracts.method import Method
from shared.errors import Forbidden, Invalid, NotFound
from shared.errors.jobs import TooManyJobs
from shared.errors.members import (
    AlreadyInHousehold,
    CardBlocked,
    CodeExpired,
    CodeInvalid,
    ExternalIdNotProven,
    HouseholdFull,
    HouseholdOwnersOnly,
    HouseholdOwnerStays,
    IdentifierTaken,
    MemberClosed,
    MemberFrozen,
    MemberMerged,
    MemberNotFound,
    NotMerged,
    PhoneNotProven,
    PhoneTaken,
    StandingConflict,
    TooManyIdentifiers,
    UnmergeTooLate,
)

SERVICE = "members"

ENROL = Method(
    SERVICE,
    "enrol",
    schemas.EnrolCommandSchema,
    schemas.MemberSchema,
    success=201,
    errors=(PhoneTaken, IdentifierTaken, PhoneNotProven, ExternalIdNotProven, Invalid),
)
GET = Method(SERVICE, "get", schemas.MemberIdSchema, schemas.MemberSchema, errors=(NotFound,))
PATCH = Method(
    SERVICE,
    "patch",
    schemas.PatchMemberCommandSchema,
    schemas.MemberSchema,
    errors=(
        NotFound,
        MemberClosed,
        MemberFrozen,
        MemberMerged,
        PhoneTaken,
        PhoneNotProven,
        IdentifierTaken,
        Invalid,
        Forbidden,
    ),
)
SEARCH = Method(
    SERVICE, "search", schemas.SearchCommandSchema, page_of(schemas.MemberSchema), errors=(Invalid,)
)
STATUS = Method(
    SERVICE, "status", schemas.MemberIdSchema, schemas.MemberStatusSchema, errors=(NotFound,)
)
LOOKUP = Method(
    SERVICE,
    "lookup",
    schemas.ReferenceSchema,
    schemas.IdentitySchema,
    errors=(MemberNotFound, CodeExpired, CodeInvalid),
)
LOOKUP_MANY = Method(SERVICE, "lookup_many", schemas.ReferencesSchema, schemas.FoundManySchema)
"""For sales: no personal field is opened, so it is the cheap one, also for a single reference."""

_CHANGE_ERRORS = (NotFound, MemberClosed, MemberFrozen, MemberMerged)

ADD_CARD = Method(
    SERVICE,
    "add_card",
    accounts.AddCardCommandSchema,
    schemas.MemberSchema,
    success=201,
    errors=(*_CHANGE_ERRORS, CardBlocked, IdentifierTaken, TooManyIdentifiers, Invalid),
)
BLOCK_CARD = Method(
    SERVICE,
    "block_card",
    accounts.BlockCardCommandSchema,
    schemas.MemberSchema,
    errors=(NotFound, Invalid),
)
ADD_EXTERNAL_ID = Method(
    SERVICE,
    "add_external_id",
    accounts.ExternalIdCommandSchema,
    schemas.MemberSchema,
    success=201,
    errors=(*_CHANGE_ERRORS, IdentifierTaken, TooManyIdentifiers, Invalid),
)
REMOVE_EXTERNAL_ID = Method(
    SERVICE,
    "remove_external_id",
    accounts.ExternalIdCommandSchema,
    schemas.MemberSchema,
    errors=(NotFound, Invalid),
)
SET_CONSENTS = Method(
    SERVICE,
    "set_consents",
    accounts.SetConsentsCommandSchema,
    accounts.ConsentsSchema,
    errors=(NotFound, Invalid),
)
CONSENT_HISTORY = Method(
    SERVICE,
    "consent_history",
    accounts.MemberPageSchema,
    page_of(accounts.ConsentHistorySchema),
    errors=(NotFound,),
)
CHANGE_STANDING = Method(
    SERVICE,
    "change_standing",
    accounts.ChangeStandingSchema,
    schemas.MemberSchema,
    errors=(NotFound, StandingConflict, Invalid),
)
STANDING_HISTORY = Method(
    SERVICE,
    "standing_history",
    accounts.MemberPageSchema,
    page_of(accounts.StandingChangeSchema),
    errors=(NotFound,),
)

CREATE_HOUSEHOLD = Method(
    SERVICE,
    "create_household",
    households.NewHouseholdSchema,
    households.HouseholdSchema,
    success=201,
    errors=(*_CHANGE_ERRORS, AlreadyInHousehold),
)
GET_HOUSEHOLD = Method(
    SERVICE,
    "get_household",
    households.HouseholdKey,
    households.HouseholdSchema,
    errors=(NotFound,),
)
LIST_HOUSEHOLDS = Method(
    SERVICE, "list_households", households.HouseholdsQuery, page_of(households.HouseholdSchema)
)
UPDATE_HOUSEHOLD = Method(
    SERVICE,
    "update_household",
    households.HouseholdChangeCommand,
    households.HouseholdSchema,
    errors=(NotFound, HouseholdOwnersOnly),
)
JOIN_HOUSEHOLD = Method(
    SERVICE,
    "join_household",
    households.MembershipCommand,
    households.HouseholdSchema,
    success=201,
    errors=(*_CHANGE_ERRORS, AlreadyInHousehold, HouseholdFull, HouseholdOwnersOnly),
)
LEAVE_HOUSEHOLD = Method(
    SERVICE,
    "leave_household",
    households.MembershipCommand,
    households.HouseholdSchema,
    errors=(NotFound, HouseholdOwnerStays, HouseholdOwnersOnly),
)

SHOW_CODE = Method(
    SERVICE,
    "show_code",
    schemas.MemberIdSchema,
    codes.CodeSchema,
    errors=_CHANGE_ERRORS,
)
CODE_KEYS = Method(SERVICE, "code_keys", EmptySchema, codes.CodeKeysSchema)
USE_CODES = Method(SERVICE, "use_codes", codes.UsesSchema, codes.UsedSchema)
"""Before a sale that a code identifies the member of; coming again, it changes nothing."""

UNMASK = Method(
    SERVICE,
    "unmask",
    accounts.UnmaskCommandSchema,
    accounts.UnmaskedSchema,
    errors=(NotFound, Invalid),
)

IMPORT_MEMBERS = Method(
    SERVICE,
    "import_members",
    imports.ImportCommandSchema,
    JobStartedSchema,
    success=202,
    errors=(TooManyJobs,),
)
EXPORT_MEMBERS = Method(
    SERVICE,
    "export_members",
    imports.ExportSchema,
    JobStartedSchema,
    success=202,
    errors=(TooManyJobs,),
)
MERGE = Method(
    SERVICE,
    "merge",
    merges.MergeCommandSchema,
    merges.MergeRecordSchema,
    errors=(*_CHANGE_ERRORS, MemberNotFound, Invalid),
)
"""A merge that is known tells its step again to the services that have not confirmed it."""
UNMERGE = Method(
    SERVICE,
    "unmerge",
    merges.UnmergeCommandSchema,
    merges.MergeRecordSchema,
    errors=(NotFound, MemberNotFound, NotMerged, UnmergeTooLate, MemberMerged, Invalid),
)
MERGES = Method(
    SERVICE,
    "merges",
    accounts.MemberPageSchema,
    page_of(merges.MergeRecordSchema),
    errors=(NotFound,),
)
EXPORT = Method(
    SERVICE,
    "export",
    schemas.MemberIdSchema,
    JobStartedSchema,
    success=202,
    errors=(NotFound, TooManyJobs),
)
ERASE = Method(
    SERVICE,
    "erase",
    accounts.EraseCommandSchema,
    JobStartedSchema,
    success=202,
    errors=(NotFound, MemberMerged, TooManyJobs, Invalid),
)
