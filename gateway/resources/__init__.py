"""The resources of the API, one module each, in the order of the documentation."""

from __future__ import annotations

RESOURCES: tuple[str, ...] = (
    "health",
    "auth",
    "staff",
    "stores",
    "terminals",
    "clients",
    "members",
    "identifiers",
    "consents",
    "standing",
    "merges",
    "privacy",
    "member_files",
    "households",
    "codes",
    "tiers",
    "tier_programmes",
    "tier_overrides",
    "benefits",
    "plans",
    "points",
    "holds",
    "adjustments",
    "transfers",
    "pooling",
    "expiry_changes",
    "statements",
    "liability",
    "sales",
    "claims",
    "pos",
    "earning_rules",
    "activities",
    "campaigns",
    "coupons",
    "quotes",
    "checkouts",
    "rewards",
    "jobs",
    "audit",
)

SANDBOX_RESOURCES: tuple[str, ...] = ("sandbox",)
"""Exist only with ``LOYALTY_SANDBOX=1`` (A8)."""
