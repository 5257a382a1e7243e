"""What tills' offline reports leave for staff to look at: missing numbers, conflicts, refusals.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE pos_terminals (
    terminal_id text NOT NULL CONSTRAINT pk_pos_terminals PRIMARY KEY,
    last_counter bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE pos_exceptions (
    exception_id uuid NOT NULL CONSTRAINT pk_pos_exceptions PRIMARY KEY,
    kind text NOT NULL,
    status text NOT NULL,
    terminal_id text NOT NULL,
    store_id text,
    first_counter bigint,
    last_counter bigint,
    sale_id text,
    return_id text,
    member_id uuid,
    occurred_at timestamptz,
    amount_minor bigint,
    points_to_redeem bigint,
    code text,
    detail text,
    fingerprint text,
    times bigint NOT NULL,
    detected_at timestamptz NOT NULL,
    last_reported_at timestamptz NOT NULL,
    action text,
    note text,
    resolved_by text,
    closed_at timestamptz,
    CONSTRAINT ck_pos_exceptions_kind_known CHECK (kind IN (
        'counter_gap', 'counter_conflict', 'sale_conflict', 'return_conflict', 'too_old',
        'over_allowance', 'refused'
    )),
    CONSTRAINT ck_pos_exceptions_status_known CHECK (status IN ('open', 'resolved', 'closed')),
    CONSTRAINT ck_pos_exceptions_closed_unless_open
        CHECK ((status = 'open') = (closed_at IS NULL)),
    CONSTRAINT ck_pos_exceptions_resolved_by_somebody CHECK (
        (status = 'resolved')
        = (action IS NOT NULL AND note IS NOT NULL AND resolved_by IS NOT NULL)
    ),
    CONSTRAINT ck_pos_exceptions_gap_has_range CHECK (
        kind <> 'counter_gap'
        OR (first_counter IS NOT NULL AND last_counter IS NOT NULL AND fingerprint IS NULL)
    ),
    CONSTRAINT ck_pos_exceptions_range_not_empty CHECK (first_counter <= last_counter),
    CONSTRAINT ck_pos_exceptions_report_has_fingerprint
        CHECK (kind = 'counter_gap' OR fingerprint IS NOT NULL)
);
CREATE UNIQUE INDEX uq_pos_exceptions_open_gap ON pos_exceptions (terminal_id, first_counter)
    WHERE kind = 'counter_gap' AND status = 'open';
CREATE UNIQUE INDEX uq_pos_exceptions_report ON pos_exceptions (terminal_id, fingerprint)
    WHERE fingerprint IS NOT NULL;
CREATE INDEX ix_pos_exceptions_open_sale ON pos_exceptions (terminal_id, sale_id)
    WHERE status = 'open' AND sale_id IS NOT NULL;
CREATE INDEX ix_pos_exceptions_open ON pos_exceptions (exception_id) WHERE status = 'open';
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loyalty_points') THEN
        REVOKE DELETE, TRUNCATE ON pos_terminals, pos_exceptions FROM loyalty_points;
    END IF;
END $$;
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Refuse: what tills reported is never thrown away by a migration."""
    raise NotImplementedError("restore a backup instead")
