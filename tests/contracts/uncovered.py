"""Calls of the gateway that have no contract yet; nothing may be added here."""

from __future__ import annotations

UNCOVERED = frozenset(
    """
    coupons.amend_campaign coupons.archive_campaign coupons.campaign coupons.campaign_versions
    coupons.campaigns coupons.claim coupons.create_campaign coupons.export_codes coupons.gift
    coupons.history coupons.issue coupons.pause_campaign coupons.preview_campaign
    coupons.publish_campaign coupons.resume_campaign coupons.revise_campaign coupons.start_codes
    coupons.void
    identity.create_client identity.create_staff identity.create_store identity.create_terminal
    identity.get_client identity.get_staff identity.get_store identity.get_terminal identity.jwks
    identity.list_clients identity.list_staff identity.list_stores identity.list_terminals
    identity.ping identity.request_otp identity.revoke_token identity.rotate_client
    identity.rotate_terminal identity.update_client identity.update_staff identity.update_store
    identity.update_terminal
    members.add_card members.add_external_id members.block_card members.change_standing
    members.code_keys members.consent_history members.create_household members.get_household
    members.join_household members.leave_household members.list_households members.lookup
    members.patch members.remove_external_id members.search members.set_consents
    members.show_code members.standing_history members.status members.unmask
    members.update_household members.use_codes
    platform.advance_clock platform.cancel_job platform.list_audit platform.list_jobs platform.ping
    platform.read_job_file platform.verify_audit
    points.allowance_keys points.amend_rule points.announce_expiry_change
    points.approve_adjustment points.cancel_sale points.expiry_change
    points.expiry_changes points.get_adjustment points.get_hold points.get_pos_exception
    points.get_sale points.get_transfer points.liability points.list_adjustments
    points.list_holds points.list_transfers points.offline_allowance points.rebuild
    points.record_sales points.reject_adjustment points.release_hold points.resolve_pos_exception
    points.retire_rule points.rule points.rules points.statement points.transactions
    points.verify
    tiers.amend_plan tiers.amend_programme tiers.approve_override tiers.buy_plan
    tiers.cancel_subscriptions tiers.create_plan tiers.create_programme tiers.member_benefits
    tiers.override tiers.overrides tiers.plan tiers.plans tiers.programme tiers.programme_version
    tiers.programmes tiers.publish_programme tiers.reject_override tiers.request_override
    tiers.reverse_use tiers.revoke_override tiers.simulate_programme tiers.subscription
    tiers.subscriptions tiers.tier_history tiers.use_benefit
    """.split()
)
