"""What points keeps: the ledger, and what was bought."""

from __future__ import annotations

from shared.privacy.register.entries import Holding, blanked, kept

_SALE, _THEIR_SALES = ("sale_id",), "sales.sale_id"

POINTS = (
    Holding(
        "points",
        "members",
        "What points knows of you.",
        (*kept("status enrolled_at"), *blanked("birth_month")),
        others=("sequence",),
    ),
    Holding(
        "points",
        "member_tiers",
        "By which tier your sales were judged.",
        kept("effective_from tier multiplier"),
        others=("sequence",),
    ),
    Holding(
        "points",
        "accounts",
        "Your points in sum.",
        kept("pending available held debt earned redeemed expired clawed_back adjusted"
             " next_lapse_at merged_into erased_at"),
        others=("last_number",),
    ),
    Holding(
        "points",
        "transactions",
        "Every change of your points.",
        kept("number transaction_id type reference_kind reference_id line_id rule points"
             " balance_after occurred_at posted_at reason_code actor explain"),
        others=("request_id",),
    ),
    Holding(
        "points",
        "postings",
        "What each of them moved.",
        kept("number seq debit credit points counterparty_id"),
    ),
    Holding(
        "points",
        "lots",
        "Points that came together, and when they lapse.",
        kept("lot_id points remaining activated_at expires_at number sale_id origin_lot_id"
             " is_pending earned_at"),
    ),
    Holding(
        "points",
        "lot_entries",
        "Which of them each change took from or gave to.",
        kept("number seq lot_id points"),
    ),
    Holding(
        "points",
        "sales",
        "What you bought.",
        kept("sale_id status occurred_at recorded_at recorded_by currency store_id gross_minor"
             " discount_minor points_minor payable_minor points_earned points_redeemed lot_id"
             " redeem_number refunded_minor points_restored receipt_code"),
        # The answer repeats the row; the hash is the content's, the number the till's.
        others=("answer", "content_hash", "terminal_counter"),
    ),
    Holding(
        "points",
        "sale_lines",
        "The goods on your receipts.",
        kept("sale_id line_id place sku category brand kind quantity net_minor discount_minor"
             " points_minor points returned_quantity refunded_minor clawed_back"),
        whose=_SALE,
        through=_THEIR_SALES,
    ),
    Holding(
        "points",
        "sale_awards",
        "What your purchases earned by which rule.",
        kept("sale_id place rule kind points lot_id line_ids threshold_minor clawed_back"),
        whose=_SALE,
        through=_THEIR_SALES,
    ),
    Holding(
        "points",
        "sale_usage",
        "What they counted against limits of rules.",
        kept("sale_id holder rule_id period points is_returned"),
        whose=_SALE,
        through=_THEIR_SALES,
    ),
    Holding(
        "points",
        "returns",
        "What you brought back.",
        kept("sale_id return_id occurred_at recorded_at recorded_by reason_code refunded_minor"),
        others=("answer", "content_hash"),
        whose=_SALE,
        through=_THEIR_SALES,
    ),
    Holding(
        "points",
        "sale_claims",
        "Receipts you had credited later.",
        kept("sale_id claimed_at claimed_by"),
        others=("answer",),
    ),
    Holding(
        "points",
        "activities",
        "What you did beside buying.",
        kept("activity_id activity occurred_at recorded_at recorded_by local_day counted points"),
        others=("answer", "content_hash"),
    ),
    Holding(
        "points",
        "adjustments",
        "Points that staff gave or took.",
        (*kept("adjustment_id points reason_code expires_at status requested_by requested_at"
               " decided_by decided_at transaction_id"), *blanked("note")),
    ),
    Holding(
        "points",
        "transfers",
        "Points that you gave or were given.",
        (*kept("transfer_id from_member_id to_member_id points household_id made_by made_at"),
         *blanked("note")),
        whose=("from_member_id", "to_member_id"),
    ),
    Holding(
        "points",
        "holds",
        "Points set aside for orders.",
        kept("hold_id number order_id points captured status placed_by store_id placed_at"
             " expires_at closed_at"),
    ),
    Holding(
        "points",
        "checkouts",
        "Orders you began.",
        kept("order_id status attempt opened_by opened_at expires_at closed_at promise hold_id"
             " ready_at reason_code"),
        others=("digest", "past_digests"),
    ),
    Holding(
        "points",
        "card_spending",
        "Points you spent by card alone, by day.",
        kept("spent_on points"),
    ),
    Holding(
        "points",
        "offline_allowances",
        "What tills were promised you might spend while offline.",
        kept("allowance_id terminal_id points used granted_at valid_until ended_at"),
        others=("merge_ids",),
    ),
    Holding(
        "points",
        "expiry_notices",
        "What you were told would lapse.",
        kept("expires_at days_ahead points noticed_at"),
    ),
    Holding(
        "points",
        "pos_exceptions",
        "Sales of yours that staff had to look at.",
        (*kept("exception_id kind status terminal_id store_id sale_id return_id occurred_at"
               " amount_minor points_to_redeem code detail times detected_at last_reported_at"
               " action resolved_by closed_at"), *blanked("note")),
        others=("first_counter", "last_counter", "fingerprint"),
    ),
)  # fmt: skip

POINTS_OTHERS = frozenset(
    {
        "allowance_keys",
        "earning_rule_versions",
        "earning_rules",
        "expiry_changes",
        "expiry_passes",
        "expiry_periods",
        # Repeats what members exports; members tells it when somebody leaves.
        "households",
        "nightly_proofs",
        "notice_rounds",
        "pos_terminals",
        "rule_book",
        # Sums of `sale_usage` by member's id.
        "rule_usage",
        "stores",
    }
)
