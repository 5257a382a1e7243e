"""Which role may do what. A route lists the scopes that open it; any one is enough (§1, §11)."""

from __future__ import annotations

from collections.abc import Iterable

MEMBER = frozenset({"self:read", "self:write"})

TERMINAL = frozenset(
    {"members:lookup", "members:enrol", "sales:write", "sales:read", "returns:write",
     "holds:write", "quotes:write", "coupons:quote", "activities:write", "allowances:read",
     "benefits:use", "subscriptions:write"}
)  # fmt: skip

SHOP = frozenset(
    {"members:lookup", "members:enrol", "quotes:write", "checkouts:write", "returns:write",
     "sales:write", "sales:read", "holds:write", "coupons:quote", "activities:write",
     "external_ids:write", "benefits:use", "subscriptions:write"}
)  # fmt: skip

_STAFF_READ = frozenset(
    {"members:lookup", "members:read", "points:read", "sales:read", "coupons:read",
     "campaigns:read", "rewards:read", "rules:read", "tiers:read", "stores:read", "jobs:read",
     "pos_exceptions:read", "staff:self"}
)  # fmt: skip

_SUPPORT = _STAFF_READ | {
    "members:enrol", "members:write", "members:unmask", "points:adjust", "returns:write",
    "transfers:write", "reward_orders:write", "external_ids:write", "members:standing",
    "benefits:use", "subscriptions:write",
}  # fmt: skip

_MARKETING = _STAFF_READ | {
    "campaigns:write", "coupons:issue", "rewards:write", "rules:write", "rules:simulate",
}  # fmt: skip

_MANAGER = (
    _SUPPORT
    | _MARKETING
    | {
        "points:approve", "points:rebuild", "expiry:write", "tiers:write", "members:merge",
        "members:erase", "members:export", "members:import", "pos_exceptions:write",
    }
)  # fmt: skip

_AUDITOR = _STAFF_READ | {"points:liability", "points:verify", "audit:read", "staff:read"}

_ADMIN = frozenset(
    {"staff:read", "staff:write", "staff:self", "stores:read", "stores:write", "terminals:write",
     "clients:write", "members:import", "webhooks:write", "sandbox:write", "jobs:read",
     "settings:write"}
)  # fmt: skip

STAFF_ROLES: dict[str, frozenset[str]] = {
    "support": _SUPPORT,
    "marketing": _MARKETING,
    "manager": _MANAGER,
    "auditor": _AUDITOR,
    "admin": _ADMIN,
}

PERSON_ROLES: dict[str, frozenset[str]] = {"member": MEMBER, "terminal": TERMINAL, "shop": SHOP}

ALL_SCOPES: frozenset[str] = frozenset().union(*STAFF_ROLES.values(), *PERSON_ROLES.values())


def scopes_of(kind: str, roles: Iterable[str] = ()) -> frozenset[str]:
    """Return the scopes of an actor kind; staff have the union of their roles'."""
    if kind == "staff":
        return frozenset().union(*(STAFF_ROLES[role] for role in roles))
    return PERSON_ROLES[kind]
