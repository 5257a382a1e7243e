"""Profiles, identifiers, consents.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE members (
    member_id uuid NOT NULL CONSTRAINT pk_members PRIMARY KEY,
    status text NOT NULL,
    channel text NOT NULL,
    locale text,
    home_store_id text,
    data_key bytea,
    profile bytea,
    name_digest bytea,
    enrolled_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_members_status_known
        CHECK (status IN ('active', 'frozen', 'closed', 'merged', 'erased')),
    CONSTRAINT ck_members_channel_known
        CHECK (channel IN ('store', 'web', 'app', 'social', 'call_center', 'import')),
    CONSTRAINT ck_members_readable_unless_erased
        CHECK (status = 'erased' OR (data_key IS NOT NULL AND profile IS NOT NULL))
);
CREATE INDEX ix_members_name_digest ON members (name_digest, member_id);

CREATE TABLE identifiers (
    kind text NOT NULL,
    system text NOT NULL,
    digest bytea NOT NULL,
    member_id uuid NOT NULL CONSTRAINT fk_identifiers_member_id REFERENCES members (member_id),
    value bytea NOT NULL,
    added_at timestamptz NOT NULL,
    CONSTRAINT pk_identifiers PRIMARY KEY (kind, system, digest),
    CONSTRAINT ck_identifiers_kind_known CHECK (kind IN ('phone', 'email', 'card', 'external')),
    CONSTRAINT ck_identifiers_system_if_external CHECK ((kind = 'external') = (system <> ''))
);
CREATE INDEX ix_identifiers_member_id ON identifiers (member_id);
CREATE UNIQUE INDEX uq_identifiers_one_phone_and_email ON identifiers (member_id, kind)
    WHERE kind IN ('phone', 'email');

CREATE TABLE consents (
    consent_id uuid NOT NULL CONSTRAINT pk_consents PRIMARY KEY,
    member_id uuid NOT NULL CONSTRAINT fk_consents_member_id REFERENCES members (member_id),
    purpose text NOT NULL,
    channel text NOT NULL,
    granted boolean NOT NULL,
    policy_version text NOT NULL,
    at timestamptz NOT NULL,
    proof text NOT NULL,
    recorded_by text NOT NULL
);
CREATE INDEX ix_consents_latest ON consents (member_id, purpose, channel, at, consent_id);
-- A proof that can be rewritten proves nothing (M5).
REVOKE UPDATE, DELETE ON consents FROM loyalty_members;
"""


def upgrade() -> None:
    """Apply."""
    platform_ddl.create_v1()
    op.execute(_TABLES)
