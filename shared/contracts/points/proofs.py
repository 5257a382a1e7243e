"""The ledger proven and set right (L2)."""

from __future__ import annotations

from shared.contracts.base import EmptySchema
from shared.contracts.jobs import JobStartedSchema
from shared.contracts.method import Method
from shared.errors.jobs import TooManyJobs

REBUILD = Method(
    "points", "rebuild", EmptySchema, JobStartedSchema, success=202, errors=(TooManyJobs,)
)
