"""What can be done with members: one function, one use case, one transaction."""

from __future__ import annotations

from services.members.use_cases.codes import (
    code_keys,
    forget_uses,
    rotate_code_key,
    show_code,
    use_codes,
)
from services.members.use_cases.consents import set_consents
from services.members.use_cases.enrolment import enrol
from services.members.use_cases.erasing import (
    ERASURE,
    erase,
    erasure_slice,
    note_acknowledged,
)
from services.members.use_cases.exporting import (
    EXPORT,
    export_slice,
    forget_exports,
    start_export,
    take_part,
)
from services.members.use_cases.households import (
    create_household,
    join_household,
    leave_household,
    update_household,
)
from services.members.use_cases.identifiers import (
    add_card,
    add_external_id,
    block_card,
    remove_external_id,
)
from services.members.use_cases.importing import (
    IMPORT,
    forget_rehearsed,
    import_slice,
    start_import,
)
from services.members.use_cases.listing import LISTING, list_slice, start_list
from services.members.use_cases.merges import merge, note_applied, unmerge
from services.members.use_cases.profiles import patch
from services.members.use_cases.rewrapping import rewrap
from services.members.use_cases.standing import change_standing
from services.members.use_cases.unmasking import unmask

__all__ = [
    "ERASURE",
    "EXPORT",
    "IMPORT",
    "LISTING",
    "add_card",
    "add_external_id",
    "block_card",
    "change_standing",
    "code_keys",
    "create_household",
    "enrol",
    "erase",
    "erasure_slice",
    "export_slice",
    "forget_exports",
    "forget_rehearsed",
    "forget_uses",
    "import_slice",
    "join_household",
    "leave_household",
    "list_slice",
    "merge",
    "note_acknowledged",
    "note_applied",
    "patch",
    "remove_external_id",
    "rewrap",
    "rotate_code_key",
    "set_consents",
    "show_code",
    "start_export",
    "start_import",
    "start_list",
    "take_part",
    "unmask",
    "unmerge",
    "update_household",
    "use_codes",
]
