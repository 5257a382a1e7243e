"""Writes of the members service."""

from __future__ import annotations

from services.members.repository.codes import (
    delete_uses,
    give_handle,
    is_known_use,
    note_use,
)
from services.members.repository.households import (
    add_household,
    add_to_household,
    change_household,
    drop_from_household,
    drop_invitations,
    household_of,
    invite_to_household,
    lock_household,
    members_of_household,
    open_invitations,
    set_household_role,
)
from services.members.repository.identifiers import (
    block,
    drop_identifier,
    drop_identifiers,
    identifier,
    identifiers_of,
    take_identifiers,
)
from services.members.repository.members import (
    add_consents,
    add_member,
    add_standing,
    change_member,
    lock_data_keys,
    lock_member,
)

__all__ = [
    "add_consents",
    "add_household",
    "add_member",
    "add_standing",
    "add_to_household",
    "block",
    "change_household",
    "change_member",
    "delete_uses",
    "drop_from_household",
    "drop_identifier",
    "drop_identifiers",
    "drop_invitations",
    "give_handle",
    "household_of",
    "identifier",
    "identifiers_of",
    "invite_to_household",
    "is_known_use",
    "lock_data_keys",
    "lock_household",
    "lock_member",
    "members_of_household",
    "note_use",
    "open_invitations",
    "set_household_role",
    "take_identifiers",
]
