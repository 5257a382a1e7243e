"""The first admin: without one nobody could create anybody."""

from __future__ import annotations

import secrets

from services.identity import passwords
from services.identity.use_cases import staff
from shared.db import Transactions

USERNAME = "admin"
_PASSWORD_BYTES = 18


def ensure_admin(transactions: Transactions, password: str | None) -> str | None:
    """Create the staff member ``admin`` with role admin if there is no staff yet.

    ``password`` is the operator's choice, whatever its length; without one a password is made up.
    May be called by several processes at once and at every start: only the first call of all does
    anything.

    Returns:
        The made-up password, to be shown once; None when none was made up or nothing was to do.
    """
    if transactions.run(staff.is_any_staff):
        return None
    chosen = password or secrets.token_urlsafe(_PASSWORD_BYTES)
    created = transactions.run(
        staff.create_first_admin,
        username=USERNAME,
        password_hash=passwords.hash_password(chosen),
    )
    return chosen if created and not password else None
