"""The tables of points, as the migrations make them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.points.tables.checkouts import checkouts
from services.points.tables.columns import amount as _amount
from services.points.tables.columns import identifier as _id
from services.points.tables.columns import instant as _instant
from services.points.tables.columns import metadata
from services.points.tables.columns import text as _text
from services.points.tables.expiry import (
    expiry_changes,
    expiry_notices,
    expiry_passes,
    expiry_periods,
    nightly_proofs,
    notice_rounds,
)
from services.points.tables.households import households
from services.points.tables.movements import adjustments, holds, transfers
from services.points.tables.pos import (
    allowance_keys,
    offline_allowances,
    pos_exceptions,
    pos_terminals,
    sale_claims,
)
from shared.db.merge_tables import merge_tables

# Passed on from modules of this package; what is defined here needs no mention.
__all__ = [
    "adjustments",
    "allowance_keys",
    "checkouts",
    "expiry_changes",
    "expiry_notices",
    "expiry_passes",
    "expiry_periods",
    "holds",
    "households",
    "metadata",
    "nightly_proofs",
    "notice_rounds",
    "offline_allowances",
    "pos_exceptions",
    "pos_terminals",
    "sale_claims",
    "transfers",
]

merges = merge_tables(metadata)
"""What was heard of members that became one (M3)."""

members = sa.Table(
    "members",
    metadata,
    _id("member_id", primary_key=True),
    _text("status"),
    _amount("sequence"),
    sa.Column("birth_month", sa.SmallInteger),
    _instant("enrolled_at", nullable=True),
)
"""Who may own points: what members said last; ``sequence`` is that event's (T8, M1).

``birth_month`` is 1 to 12, null while unknown (E2). ``enrolled_at`` is null only for members that
were told of by a release which did not tell it.
"""

stores = sa.Table(
    "stores",
    metadata,
    _text("store_id", primary_key=True),
    _text("time_zone"),
    _amount("sequence"),
)
"""Where stores are, by IANA time zone: local time windows are judged there (E2)."""

member_tiers = sa.Table(
    "member_tiers",
    metadata,
    _id("member_id", primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    _instant("effective_from"),
    _text("tier"),
    _text("multiplier"),
)
"""Each member's tiers over time, since a sale is judged by that of ``occurred_at`` (T8)."""

accounts = sa.Table(
    "accounts",
    metadata,
    _id("member_id", primary_key=True),
    _amount("pending"),
    _amount("available"),
    _amount("held"),
    _amount("debt"),
    _amount("earned"),
    _amount("redeemed"),
    _amount("expired"),
    _amount("clawed_back"),
    _amount("adjusted"),
    _amount("last_number"),
    _instant("next_lapse_at", nullable=True),
    _id("merged_into", nullable=True),
    _instant("erased_at", nullable=True),
)
"""The sums of each member's postings (L2); the row to lock before anything of the member's.

``last_number`` is that of the member's last transaction. Time alone changes nothing before
``next_lapse_at``: no lot lapses or becomes available, no hold ends. Who comes earlier need not
look. What is meant for an account with ``merged_into`` is done to that one (M3). From ``erased_at``
on the account belongs to nobody (M6).
"""

transactions = sa.Table(
    "transactions",
    metadata,
    _id("member_id", primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    _id("transaction_id"),
    _text("type"),
    _text("reference_kind"),
    _text("reference_id"),
    _text("line_id"),
    _text("rule"),
    _amount("points"),
    _amount("balance_after"),
    _instant("occurred_at"),
    _instant("posted_at"),
    _text("reason_code", nullable=True),
    _text("actor"),
    _text("request_id"),
    sa.Column("explain", JSONB),
)
"""The journal's entries, numbered per member without a gap.

Unique by reference, line, rule and type: the business key (L7). ``points`` is the signed effect on
``available``, ``balance_after`` what that was then.
"""

postings = sa.Table(
    "postings",
    metadata,
    _id("member_id", primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("seq", sa.SmallInteger, primary_key=True),
    _text("debit"),
    _text("credit"),
    _amount("points"),
    _id("counterparty_id", nullable=True),
)
"""What each entry moved from which account to which (L1)."""

lots = sa.Table(
    "lots",
    metadata,
    _id("member_id", primary_key=True),
    _id("lot_id", primary_key=True),
    _amount("points"),
    _amount("remaining"),
    _instant("activated_at"),
    _instant("expires_at", nullable=True),
    _amount("number"),
    _text("sale_id", nullable=True),
    _id("origin_lot_id", nullable=True),
    sa.Column("is_pending", sa.Boolean, nullable=False),
    _instant("earned_at", nullable=True),
)
"""Points that came together and lapse together (L3); ``number`` is the entry that made the lot.

While ``is_pending`` what remains is of the account's ``pending``, else of its ``available``. The
entry of the activation, due at ``activated_at``, ends that (E5).
``origin_lot_id`` is set where spent points came home to a lot that could not take them (S4), and
where another member gave them (L10).
``earned_at`` is the instant from which the programme's terms make ``expires_at``, so that a change
of the terms can prolong it (L12); null where anything else decides when the points lapse.
"""

lot_entries = sa.Table(
    "lot_entries",
    metadata,
    _id("member_id", primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("seq", sa.SmallInteger, primary_key=True),
    _id("lot_id"),
    _amount("points"),
)
"""Which lots an entry gave to (+) and took from (-).

They sum to what the entry moved into ``available`` and ``pending`` together.
"""

sales = sa.Table(
    "sales",
    metadata,
    _text("sale_id", primary_key=True),
    _id("member_id", nullable=True),
    _text("status"),
    _text("content_hash"),
    _text("recorded_by"),
    _instant("occurred_at"),
    _instant("recorded_at"),
    _text("currency"),
    _text("store_id", nullable=True),
    _amount("terminal_counter", nullable=True),
    _amount("gross_minor"),
    _amount("discount_minor"),
    _amount("points_minor"),
    _amount("payable_minor"),
    _amount("points_earned"),
    _amount("points_redeemed"),
    _id("lot_id", nullable=True),
    _amount("redeem_number", nullable=True),
    _amount("refunded_minor"),
    _amount("points_restored"),
    _text("answer"),
    _text("receipt_code", nullable=True),
)
"""Sales, once per ``sale_id`` (L7); ``answer`` is the JSON that was answered.

``lot_id`` is what the sale earned, ``redeem_number`` the entry that spent points on it.
"""

sale_lines = sa.Table(
    "sale_lines",
    metadata,
    _text("sale_id", primary_key=True),
    _text("line_id", primary_key=True),
    sa.Column("place", sa.SmallInteger, nullable=False),
    _text("sku"),
    _text("category", nullable=True),
    _text("brand", nullable=True),
    _text("kind"),
    _amount("quantity"),
    _amount("net_minor"),
    _amount("discount_minor"),
    _amount("points_minor"),
    _amount("points"),
    _amount("returned_quantity"),
    _amount("refunded_minor"),
    _amount("clawed_back"),
)
"""The lines of sales and what has come back of them (S1)."""

returns = sa.Table(
    "returns",
    metadata,
    _text("sale_id", primary_key=True),
    _text("return_id", primary_key=True),
    _text("content_hash"),
    _instant("occurred_at"),
    _instant("recorded_at"),
    _text("recorded_by"),
    _text("reason_code"),
    _amount("refunded_minor"),
    _text("answer"),
)
"""Returns of a sale, once per ``return_id``; a cancel is the one with an empty id."""


earning_rules = sa.Table(
    "earning_rules",
    metadata,
    _id("rule_id", primary_key=True),
    _text("kind"),
    _text("status"),
    sa.Column("terms", JSONB, nullable=False),
    _amount("version"),
    sa.Column("has_changes", sa.Boolean, nullable=False),
    _instant("effective_from", nullable=True),
    _instant("retired_at", nullable=True),
    _instant("created_at"),
    _instant("updated_at"),
    _text("created_by"),
)
"""Earning rules as they are written; ``version`` and ``effective_from`` are the newest's."""

earning_rule_versions = sa.Table(
    "earning_rule_versions",
    metadata,
    _id("rule_id", primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("terms", JSONB, nullable=False),
    _instant("effective_from"),
    _instant("published_at"),
    _text("published_by"),
)
"""Published versions, which the database refuses to change (E2)."""

rule_book = sa.Table(
    "rule_book",
    metadata,
    sa.Column("singleton", sa.Boolean, primary_key=True),
    _id("token"),
)
"""One row from the first publication on; its token names the state of all published rules."""

rule_usage = sa.Table(
    "rule_usage",
    metadata,
    _text("holder", primary_key=True),
    _text("rule_id", primary_key=True),
    _text("period", primary_key=True),
    _amount("used"),
)
"""How many points a rule with caps has given to a member (or to all) in a day, a month or ever."""

sale_awards = sa.Table(
    "sale_awards",
    metadata,
    _text("sale_id", primary_key=True),
    sa.Column("place", sa.SmallInteger, primary_key=True),
    _text("rule"),
    _text("kind"),
    _amount("points"),
    _id("lot_id"),
    sa.Column("line_ids", JSONB, nullable=False),
    _amount("threshold_minor", nullable=True),
    _amount("clawed_back"),
)
"""What a sale earned by published rules, an award a lot (S2).

A sale judged by the programme's own rule alone has none: what it earned is its ``lot_id``.
"""

sale_usage = sa.Table(
    "sale_usage",
    metadata,
    _text("sale_id", primary_key=True),
    _text("holder", primary_key=True),
    _text("rule_id", primary_key=True),
    _text("period", primary_key=True),
    _amount("points"),
    sa.Column("is_returned", sa.Boolean, nullable=False),
)
"""What a sale counted against caps, so that it can be given back."""

activities = sa.Table(
    "activities",
    metadata,
    _text("activity_id", primary_key=True),
    _id("member_id"),
    _text("activity"),
    _instant("occurred_at"),
    _instant("recorded_at"),
    _text("recorded_by"),
    sa.Column("local_day", sa.Date, nullable=False),
    sa.Column("counted", sa.Boolean, nullable=False),
    _amount("points"),
    _text("content_hash"),
    _text("answer"),
)
"""What members did beside buying, once per ``activity_id`` (L7).

Of a member's check-ins one a local day is counted, of its complete profiles one for all time.
"""

card_spending = sa.Table(
    "card_spending",
    metadata,
    _id("member_id", primary_key=True),
    sa.Column("spent_on", sa.Date, primary_key=True),
    _amount("points"),
    sa.CheckConstraint("points > 0", name="points_positive"),
)
"""Points that members spent by static cards, by local day (M2)."""
