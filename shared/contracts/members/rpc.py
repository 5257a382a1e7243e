"""What the members service answers."""

from __future__ import annotations

from shared.contracts.base import page_of
from shared.contracts.members import schemas
from shared.contracts.method import Method
from shared.errors import Forbidden, Invalid, NotFound
from shared.errors.members import (
    ExternalIdNotProven,
    IdentifierTaken,
    MemberNotFound,
    PhoneNotProven,
    PhoneTaken,
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
    errors=(NotFound, IdentifierTaken, Invalid, Forbidden),
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
    errors=(MemberNotFound,),
)
LOOKUP_MANY = Method(SERVICE, "lookup_many", schemas.ReferencesSchema, schemas.FoundManySchema)
"""For sales: no personal field is opened, so it is the cheap one, also for a single reference."""
