"""Calls of the gateway that have no contract yet; nothing may be added here."""

from __future__ import annotations

UNCOVERED = frozenset(
    """
    coupons.claim coupons.export_codes coupons.gift coupons.revise_campaign coupons.start_codes
    identity.ping
    platform.advance_clock platform.cancel_job platform.list_audit platform.list_jobs
    platform.ping platform.read_job_file platform.verify_audit
    points.allowance_keys points.announce_expiry_change points.approve_adjustment
    points.expiry_change points.expiry_changes points.get_pos_exception points.liability
    points.offline_allowance points.rebuild points.reject_adjustment points.resolve_pos_exception
    points.statement
    """.split()
)
