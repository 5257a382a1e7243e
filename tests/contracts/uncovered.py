"""Calls of the gateway that have no contract yet; nothing may be added here."""

from __future__ import annotations

UNCOVERED = frozenset(
    """
    coupons.amend_campaign coupons.archive_campaign coupons.campaign coupons.campaign_versions
    coupons.campaigns coupons.claim coupons.create_campaign coupons.export_codes coupons.gift
    coupons.history coupons.issue coupons.pause_campaign coupons.preview_campaign
    coupons.publish_campaign coupons.resume_campaign coupons.revise_campaign coupons.start_codes
    coupons.void
    identity.ping
    platform.advance_clock platform.cancel_job platform.list_audit platform.list_jobs
    platform.ping platform.read_job_file platform.verify_audit
    points.allowance_keys points.amend_rule points.announce_expiry_change
    points.approve_adjustment points.cancel_sale points.expiry_change points.expiry_changes
    points.get_adjustment points.get_hold points.get_pos_exception points.get_sale
    points.get_transfer points.liability points.list_adjustments points.list_holds
    points.list_transfers points.offline_allowance points.rebuild points.record_sales
    points.reject_adjustment points.release_hold points.resolve_pos_exception points.retire_rule
    points.rule points.rules points.statement points.transactions points.verify
    """.split()
)
