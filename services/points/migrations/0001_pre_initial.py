"""Ledger, sales, returns, checkouts, and what others said about members.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MEMBERS = """
CREATE TABLE members (
    member_id uuid NOT NULL CONSTRAINT pk_members PRIMARY KEY,
    status text NOT NULL,
    sequence bigint NOT NULL,
    CONSTRAINT ck_members_status_known
        CHECK (status IN ('active', 'frozen', 'closed', 'merged', 'erased'))
);
CREATE TABLE member_tiers (
    member_id uuid NOT NULL,
    sequence bigint NOT NULL,
    effective_from timestamptz NOT NULL,
    tier text NOT NULL,
    multiplier text NOT NULL,
    CONSTRAINT pk_member_tiers PRIMARY KEY (member_id, sequence)
);
"""

_ACCOUNTS = """
CREATE TABLE accounts (
    member_id uuid NOT NULL CONSTRAINT pk_accounts PRIMARY KEY,
    pending bigint NOT NULL DEFAULT 0,
    available bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    debt bigint NOT NULL DEFAULT 0,
    earned bigint NOT NULL DEFAULT 0,
    redeemed bigint NOT NULL DEFAULT 0,
    expired bigint NOT NULL DEFAULT 0,
    clawed_back bigint NOT NULL DEFAULT 0,
    adjusted bigint NOT NULL DEFAULT 0,
    last_number bigint NOT NULL DEFAULT 0,
    next_lapse_at timestamptz,
    CONSTRAINT ck_accounts_balances_never_negative
        CHECK (pending >= 0 AND available >= 0 AND held >= 0 AND debt >= 0),
    CONSTRAINT ck_accounts_lifetime_never_negative
        CHECK (earned >= 0 AND redeemed >= 0 AND expired >= 0 AND clawed_back >= 0),
    CONSTRAINT ck_accounts_adds_up CHECK (
        earned - redeemed - expired - clawed_back + adjusted = available + pending + held - debt
    )
) WITH (fillfactor = 80);
CREATE INDEX ix_accounts_next_lapse_at ON accounts (next_lapse_at)
    WHERE next_lapse_at IS NOT NULL;
"""

_JOURNAL = """
CREATE TABLE transactions (
    member_id uuid NOT NULL CONSTRAINT fk_transactions_member_id REFERENCES accounts (member_id),
    number bigint NOT NULL,
    transaction_id uuid NOT NULL,
    type text NOT NULL,
    reference_kind text NOT NULL,
    reference_id text NOT NULL,
    line_id text NOT NULL,
    rule text NOT NULL,
    points bigint NOT NULL,
    balance_after bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL,
    reason_code text,
    actor text NOT NULL,
    request_id text NOT NULL,
    explain jsonb,
    CONSTRAINT pk_transactions PRIMARY KEY (member_id, number),
    CONSTRAINT uq_transactions_business_key
        UNIQUE (reference_id, reference_kind, type, line_id, rule),
    CONSTRAINT ck_transactions_balance_never_negative CHECK (balance_after >= 0),
    CONSTRAINT ck_transactions_type_known CHECK (type IN (
        'earn', 'activate', 'redeem', 'hold', 'release', 'restore', 'clawback', 'expire', 'adjust',
        'transfer_in', 'transfer_out', 'debt_repay', 'forfeit'
    ))
);
CREATE TABLE postings (
    member_id uuid NOT NULL,
    number bigint NOT NULL,
    seq smallint NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    points bigint NOT NULL,
    counterparty_id uuid,
    CONSTRAINT pk_postings PRIMARY KEY (member_id, number, seq),
    CONSTRAINT fk_postings_member_id_number FOREIGN KEY (member_id, number)
        REFERENCES transactions (member_id, number),
    CONSTRAINT ck_postings_points_positive CHECK (points > 0),
    CONSTRAINT ck_postings_accounts_differ CHECK (debit <> credit),
    CONSTRAINT ck_postings_debit_known CHECK (debit IN (
        'pending', 'available', 'held', 'debt',
        'issued', 'redeemed', 'expired', 'clawed_back', 'uncollected'
    )),
    CONSTRAINT ck_postings_credit_known CHECK (credit IN (
        'pending', 'available', 'held', 'debt',
        'issued', 'redeemed', 'expired', 'clawed_back', 'uncollected'
    ))
);
CREATE TABLE lots (
    member_id uuid NOT NULL,
    lot_id uuid NOT NULL,
    points bigint NOT NULL,
    remaining bigint NOT NULL,
    activated_at timestamptz NOT NULL,
    expires_at timestamptz,
    number bigint NOT NULL,
    sale_id text,
    origin_lot_id uuid,
    CONSTRAINT pk_lots PRIMARY KEY (member_id, lot_id),
    CONSTRAINT fk_lots_member_id_number FOREIGN KEY (member_id, number)
        REFERENCES transactions (member_id, number),
    CONSTRAINT ck_lots_remaining_within_points CHECK (0 <= remaining AND remaining <= points),
    CONSTRAINT ck_lots_points_positive CHECK (points > 0)
) WITH (fillfactor = 90);
CREATE INDEX ix_lots_spendable ON lots (member_id, expires_at, activated_at, lot_id)
    INCLUDE (remaining) WHERE remaining > 0;
CREATE TABLE lot_entries (
    member_id uuid NOT NULL,
    number bigint NOT NULL,
    seq smallint NOT NULL,
    lot_id uuid NOT NULL,
    points bigint NOT NULL,
    CONSTRAINT pk_lot_entries PRIMARY KEY (member_id, number, seq),
    CONSTRAINT fk_lot_entries_member_id_number FOREIGN KEY (member_id, number)
        REFERENCES transactions (member_id, number),
    CONSTRAINT fk_lot_entries_member_id_lot_id FOREIGN KEY (member_id, lot_id)
        REFERENCES lots (member_id, lot_id),
    CONSTRAINT ck_lot_entries_points_not_zero CHECK (points <> 0)
);
"""

_APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lot_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON transactions, postings, lot_entries FROM loyalty_points;
        REVOKE DELETE, TRUNCATE ON accounts, lots, sales, sale_lines, returns FROM loyalty_points;
    END IF;
END $$;
"""

_SALES = """
CREATE TABLE sales (
    sale_id text NOT NULL CONSTRAINT pk_sales PRIMARY KEY,
    member_id uuid,
    status text NOT NULL,
    content_hash text NOT NULL,
    recorded_by text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    currency text NOT NULL,
    store_id text,
    terminal_counter bigint,
    gross_minor bigint NOT NULL,
    discount_minor bigint NOT NULL,
    points_minor bigint NOT NULL,
    payable_minor bigint NOT NULL,
    points_earned bigint NOT NULL,
    points_redeemed bigint NOT NULL,
    lot_id uuid,
    redeem_number bigint,
    refunded_minor bigint NOT NULL,
    points_restored bigint NOT NULL,
    answer text NOT NULL,
    receipt_code text CONSTRAINT uq_sales_receipt_code UNIQUE,
    CONSTRAINT ck_sales_status_known CHECK (status IN ('completed', 'returned', 'cancelled')),
    CONSTRAINT ck_sales_totals_add_up CHECK (
        payable_minor >= 0 AND payable_minor = gross_minor - discount_minor - points_minor
    ),
    CONSTRAINT ck_sales_refund_within_price
        CHECK (0 <= refunded_minor AND refunded_minor <= gross_minor - discount_minor),
    CONSTRAINT ck_sales_restored_within_redeemed
        CHECK (0 <= points_restored AND points_restored <= points_redeemed)
) WITH (fillfactor = 95);
CREATE UNIQUE INDEX uq_sales_recorded_by_terminal_counter
    ON sales (recorded_by, terminal_counter) WHERE terminal_counter IS NOT NULL;
CREATE INDEX ix_sales_member_id ON sales (member_id, occurred_at) WHERE member_id IS NOT NULL;
CREATE TABLE sale_lines (
    sale_id text NOT NULL CONSTRAINT fk_sale_lines_sale_id REFERENCES sales (sale_id),
    line_id text NOT NULL,
    place smallint NOT NULL,
    sku text NOT NULL,
    category text,
    brand text,
    kind text NOT NULL,
    quantity bigint NOT NULL,
    net_minor bigint NOT NULL,
    discount_minor bigint NOT NULL,
    points_minor bigint NOT NULL,
    points bigint NOT NULL,
    returned_quantity bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    clawed_back bigint NOT NULL,
    CONSTRAINT pk_sale_lines PRIMARY KEY (sale_id, line_id),
    CONSTRAINT ck_sale_lines_discount_within_price CHECK (discount_minor <= net_minor),
    CONSTRAINT ck_sale_lines_returned_within_quantity
        CHECK (0 <= returned_quantity AND returned_quantity <= quantity),
    CONSTRAINT ck_sale_lines_refund_within_price
        CHECK (0 <= refunded_minor AND refunded_minor <= net_minor - discount_minor),
    CONSTRAINT ck_sale_lines_claw_within_points CHECK (0 <= clawed_back AND clawed_back <= points)
);
CREATE TABLE returns (
    sale_id text NOT NULL CONSTRAINT fk_returns_sale_id REFERENCES sales (sale_id),
    return_id text NOT NULL,
    content_hash text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    reason_code text NOT NULL,
    refunded_minor bigint NOT NULL,
    answer text NOT NULL,
    CONSTRAINT pk_returns PRIMARY KEY (sale_id, return_id)
);
CREATE TABLE checkouts (
    order_id text NOT NULL CONSTRAINT pk_checkouts PRIMARY KEY,
    member_id uuid,
    status text NOT NULL,
    attempt bigint NOT NULL,
    digest text NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT ck_checkouts_status_known
        CHECK (status IN ('open', 'completed', 'cancelled', 'expired')),
    CONSTRAINT ck_checkouts_closed_unless_open CHECK ((status = 'open') = (closed_at IS NULL))
);
CREATE INDEX ix_checkouts_expires_at ON checkouts (expires_at) WHERE status = 'open';
"""


def upgrade() -> None:
    """Create the tables and close the journal against change."""
    platform_ddl.create_v1()
    for statements in (_MEMBERS, _ACCOUNTS, _JOURNAL, _SALES, _APPEND_ONLY):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: a ledger is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
