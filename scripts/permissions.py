"""Print which role holds which scope, as ``docs/reference/permissions.md`` has it.

Which scopes open a route stands with the route, in the OpenAPI document.
"""

from __future__ import annotations

from shared.security.scopes import ALL_SCOPES, PERSON_ROLES, STAFF_ROLES

_HEAD = """\
# Permissions

Written by `make permissions` from `shared/security/scopes.py`; not to be edited. A route names the
scopes that open it, any one of which is enough, as `x-scopes` in [the HTTP API](openapi.json); a
token with none of them is refused with `forbidden`. Tokens of `member`, `terminal` and `shop` hold
the scopes of their role, those of staff the scopes of all their roles together. `self` scopes
reach the member itself only.
"""


def matrix() -> str:
    """Return the document."""
    roles = {**PERSON_ROLES, **STAFF_ROLES}
    rows = [
        ["scope", *roles],
        ["---", *(":-:" for _ in roles)],
        *(
            [f"`{scope}`", *("✓" if scope in scopes else "" for scopes in roles.values())]
            for scope in sorted(ALL_SCOPES)
        ),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{_HEAD}\n{table}\n"


if __name__ == "__main__":
    print(matrix(), end="")
