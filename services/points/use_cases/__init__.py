"""What can be done with points: one function, one use case, one transaction."""

from __future__ import annotations

from services.points.use_cases.activities import record_activity
from services.points.use_cases.adjustments import (
    adjust,
    approve_adjustment,
    reject_adjustment,
)
from services.points.use_cases.allowances import allowance_keys, grant_allowance
from services.points.use_cases.awards import forget_usage
from services.points.use_cases.benefits import award_benefit
from services.points.use_cases.checkouts import (
    cancel_checkout,
    checkout,
    close_overdue,
    open_checkout,
    ready_checkout,
)
from services.points.use_cases.claims import claim_sale
from services.points.use_cases.completing import complete_checkout
from services.points.use_cases.earning_rules import (
    amend_rule,
    create_rule,
    publish_rule,
    retire_rule,
)
from services.points.use_cases.erasing import erase_member
from services.points.use_cases.expiry import expire_lots, lapse_pace, settle_due
from services.points.use_cases.expiry_changes import announce_expiry_change, extend_lots
from services.points.use_cases.holds import capture_hold, place_hold, release_hold
from services.points.use_cases.importing import open_balances
from services.points.use_cases.merging import follow_merge
from services.points.use_cases.notices import notice_expiring
from services.points.use_cases.period_simulation import (
    SIMULATE_PERIOD,
    simulate_period,
    simulate_slice,
)
from services.points.use_cases.pooling import pool
from services.points.use_cases.pos import TERMINAL, resolve_exception
from services.points.use_cases.projections import (
    is_told_together,
    note_household,
    note_member,
    note_store,
    note_tier,
)
from services.points.use_cases.proofs import start_nightly_proof, start_rebuild
from services.points.use_cases.quoting import quote_sale
from services.points.use_cases.returns import cancel_sale, note_refused_return, return_sale
from services.points.use_cases.reward_refunds import follow_reward_cancel, refund_reward
from services.points.use_cases.sales import note_refused_sale, record_sale, record_sales
from services.points.use_cases.simulation import simulate
from services.points.use_cases.transfers import transfer

__all__ = [
    "SIMULATE_PERIOD",
    "TERMINAL",
    "adjust",
    "allowance_keys",
    "amend_rule",
    "announce_expiry_change",
    "approve_adjustment",
    "award_benefit",
    "cancel_checkout",
    "cancel_sale",
    "capture_hold",
    "checkout",
    "claim_sale",
    "close_overdue",
    "complete_checkout",
    "create_rule",
    "erase_member",
    "expire_lots",
    "extend_lots",
    "follow_merge",
    "follow_reward_cancel",
    "forget_usage",
    "grant_allowance",
    "is_told_together",
    "lapse_pace",
    "note_household",
    "note_member",
    "note_refused_return",
    "note_refused_sale",
    "note_store",
    "note_tier",
    "notice_expiring",
    "open_balances",
    "open_checkout",
    "place_hold",
    "pool",
    "publish_rule",
    "quote_sale",
    "ready_checkout",
    "record_activity",
    "record_sale",
    "record_sales",
    "refund_reward",
    "reject_adjustment",
    "release_hold",
    "resolve_exception",
    "retire_rule",
    "return_sale",
    "settle_due",
    "simulate",
    "simulate_period",
    "simulate_slice",
    "start_nightly_proof",
    "start_rebuild",
    "transfer",
]
