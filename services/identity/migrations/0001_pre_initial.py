"""Signing keys, staff, stores, machines, one-time codes, refresh tokens.

Phase pre: runs before the code that needs it.
"""

from __future__ import annotations

from alembic import op

from shared.db import platform_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_PEOPLE = """
CREATE TABLE signing_keys (
    kid text NOT NULL CONSTRAINT pk_signing_keys PRIMARY KEY,
    state text NOT NULL,
    sealed_private bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT ck_signing_keys_state_known CHECK (state IN ('next', 'current', 'retired')),
    CONSTRAINT ck_signing_keys_retired_at_fits
        CHECK ((state = 'retired') = (retired_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_signing_keys_one_current ON signing_keys (state) WHERE state = 'current';

CREATE TABLE staff (
    staff_id uuid NOT NULL CONSTRAINT pk_staff PRIMARY KEY,
    username text NOT NULL CONSTRAINT uq_staff_username UNIQUE,
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT ck_staff_username_lower CHECK (username = lower(username)),
    CONSTRAINT ck_staff_has_role CHECK (cardinality(roles) > 0)
);

CREATE TABLE login_attempts (
    username_digest bytea NOT NULL CONSTRAINT pk_login_attempts PRIMARY KEY,
    failures integer NOT NULL,
    locked_until timestamptz,
    last_at timestamptz NOT NULL,
    CONSTRAINT ck_login_attempts_failures_not_negative CHECK (failures >= 0)
);
CREATE INDEX ix_login_attempts_last_at ON login_attempts (last_at);

CREATE TABLE otp_codes (
    otp_id uuid NOT NULL CONSTRAINT pk_otp_codes PRIMARY KEY,
    phone_digest bytea NOT NULL,
    address_digest bytea NOT NULL,
    code_digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    failures smallint NOT NULL,
    used_at timestamptz,
    CONSTRAINT ck_otp_codes_failures_bounded CHECK (failures BETWEEN 0 AND 5)
);
CREATE INDEX ix_otp_codes_phone_digest_created_at ON otp_codes (phone_digest, created_at);
CREATE INDEX ix_otp_codes_address_digest_created_at ON otp_codes (address_digest, created_at);
CREATE INDEX ix_otp_codes_created_at ON otp_codes (created_at);

CREATE TABLE refresh_families (
    family_id uuid NOT NULL CONSTRAINT pk_refresh_families PRIMARY KEY,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_because text,
    CONSTRAINT ck_refresh_families_kind_known CHECK (kind IN ('member', 'staff')),
    CONSTRAINT ck_refresh_families_revocation_complete
        CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);
CREATE INDEX ix_refresh_families_subject_id ON refresh_families (subject_id);
CREATE INDEX ix_refresh_families_expires_at ON refresh_families (expires_at);

CREATE TABLE refresh_tokens (
    token_digest bytea NOT NULL CONSTRAINT pk_refresh_tokens PRIMARY KEY,
    family_id uuid NOT NULL CONSTRAINT fk_refresh_tokens_family_id
        REFERENCES refresh_families (family_id) ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX ix_refresh_tokens_family_id ON refresh_tokens (family_id);
"""

_MACHINES = """
CREATE TABLE stores (
    store_id text NOT NULL CONSTRAINT pk_stores PRIMARY KEY,
    name text NOT NULL,
    time_zone text NOT NULL,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE credentials (
    client_id text NOT NULL CONSTRAINT pk_credentials PRIMARY KEY,
    role text NOT NULL,
    active boolean NOT NULL,
    secret_digest bytea NOT NULL,
    previous_digest bytea,
    previous_valid_until timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT ck_credentials_role_known CHECK (role IN ('terminal', 'shop')),
    CONSTRAINT ck_credentials_overlap_complete
        CHECK ((previous_digest IS NULL) = (previous_valid_until IS NULL))
);

CREATE TABLE terminals (
    terminal_id text NOT NULL CONSTRAINT pk_terminals PRIMARY KEY,
    store_id text NOT NULL CONSTRAINT fk_terminals_store_id REFERENCES stores (store_id),
    client_id text NOT NULL CONSTRAINT uq_terminals_client_id UNIQUE
        CONSTRAINT fk_terminals_client_id REFERENCES credentials (client_id)
);
CREATE INDEX ix_terminals_store_id ON terminals (store_id);

CREATE TABLE clients (
    client_id text NOT NULL CONSTRAINT pk_clients PRIMARY KEY
        CONSTRAINT fk_clients_client_id REFERENCES credentials (client_id),
    name text NOT NULL
);
"""


def upgrade() -> None:
    """Create the tables."""
    platform_ddl.create_v1()
    op.execute(_PEOPLE)
    op.execute(_MACHINES)
