"""Identity's tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from shared.db.keyring import signing_keys_table
from shared.db.merge_tables import merge_tables
from shared.db.tables import new_metadata

metadata = new_metadata()


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


merges = merge_tables(metadata)
"""What was heard of members that became one (M3)."""

signing_keys = signing_keys_table("signing_keys", metadata)

staff = sa.Table(
    "staff",
    metadata,
    sa.Column("staff_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("username", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("roles", ARRAY(sa.Text), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    _instant("created_at"),
    sa.CheckConstraint("username = lower(username)", name="username_lower"),
    sa.CheckConstraint("cardinality(roles) > 0", name="has_role"),
)

staff_totp = sa.Table(
    "staff_totp",
    metadata,
    sa.Column("staff_id", sa.ForeignKey("staff.staff_id"), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("last_step", sa.BigInteger),
    _instant("begun_at"),
    _instant("confirmed_at", nullable=True),
    sa.CheckConstraint("(confirmed_at IS NULL) = (last_step IS NULL)", name="used_once_confirmed"),
)
"""Second factors of staff: the secret, sealed by the master key, and the newest code used (I3)."""

login_attempts = sa.Table(
    "login_attempts",
    metadata,
    sa.Column("username_digest", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    _instant("locked_until", nullable=True),
    _instant("last_at"),
    sa.CheckConstraint("failures >= 0", name="failures_not_negative"),
    sa.Index("ix_login_attempts_last_at", "last_at"),
)
"""Also of names that nobody has, so that a lock does not tell which names exist (I3)."""

stores = sa.Table(
    "stores",
    metadata,
    sa.Column("store_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    _instant("created_at"),
)

credentials = sa.Table(
    "credentials",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("secret_digest", sa.LargeBinary, nullable=False),
    sa.Column("previous_digest", sa.LargeBinary),
    _instant("previous_valid_until", nullable=True),
    _instant("created_at"),
    sa.CheckConstraint("role IN ('terminal', 'shop')", name="role_known"),
    sa.CheckConstraint(
        "(previous_digest IS NULL) = (previous_valid_until IS NULL)", name="overlap_complete"
    ),
)
"""Secrets of machines. They are random, so a keyed hash guards them as well as a slow one."""

terminals = sa.Table(
    "terminals",
    metadata,
    sa.Column("terminal_id", sa.Text, primary_key=True),
    sa.Column("store_id", sa.ForeignKey("stores.store_id"), nullable=False, index=True),
    sa.Column("client_id", sa.ForeignKey("credentials.client_id"), nullable=False, unique=True),
)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", sa.ForeignKey("credentials.client_id"), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)

otp_codes = sa.Table(
    "otp_codes",
    metadata,
    sa.Column("otp_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("phone_digest", sa.LargeBinary, nullable=False),
    sa.Column("address_digest", sa.LargeBinary, nullable=False),
    sa.Column("code_digest", sa.LargeBinary, nullable=False),
    _instant("created_at"),
    sa.Column("failures", sa.SmallInteger, nullable=False),
    _instant("used_at", nullable=True),
    sa.CheckConstraint("failures BETWEEN 0 AND 5", name="failures_bounded"),
    sa.Index("ix_otp_codes_phone_digest_created_at", "phone_digest", "created_at"),
    sa.Index("ix_otp_codes_address_digest_created_at", "address_digest", "created_at"),
    sa.Index("ix_otp_codes_created_at", "created_at"),
)

refresh_families = sa.Table(
    "refresh_families",
    metadata,
    sa.Column("family_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject_id", UUID(as_uuid=True), nullable=False),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("revoked_at", nullable=True),
    sa.Column("revoked_because", sa.Text),
    sa.CheckConstraint("kind IN ('member', 'staff')", name="kind_known"),
    sa.CheckConstraint(
        "(revoked_at IS NULL) = (revoked_because IS NULL)", name="revocation_complete"
    ),
    sa.Index("ix_refresh_families_subject_id", "subject_id"),
    sa.Index("ix_refresh_families_expires_at", "expires_at"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_digest", sa.LargeBinary, primary_key=True),
    sa.Column(
        "family_id",
        sa.ForeignKey("refresh_families.family_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    _instant("issued_at"),
    _instant("expires_at"),
    _instant("used_at", nullable=True),
)

otp_messages = sa.Table(
    "otp_messages",
    metadata,
    sa.Column("otp_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("tries", sa.SmallInteger, nullable=False),
    _instant("created_at"),
    _instant("next_try_at"),
    sa.Index("ix_otp_messages_next_try_at", "next_try_at"),
)
"""Codes that are not sent yet: phone and code, sealed by the master key (I2)."""

erased_members = sa.Table(
    "erased_members",
    metadata,
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    _instant("erased_at"),
)
"""Who was forgotten: whoever was just signing in as one of them begins no session (M6)."""
