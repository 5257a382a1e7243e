"""Tables of the members service. No column holds a personal value in plain (M4)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from shared.contracts.members.events import CHANNELS, MEMBER_STATUSES
from shared.db.keyring import signing_keys_table
from shared.db.tables import new_metadata, platform_tables

METADATA = new_metadata()
PLATFORM = platform_tables(METADATA)


def _words(column: str, words: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _id(name: str, *constraints: sa.ForeignKey, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(
        name, UUID(as_uuid=True), *constraints, primary_key=primary_key, nullable=False
    )


members = sa.Table(
    "members",
    METADATA,
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("locale", sa.Text),
    sa.Column("home_store_id", sa.Text),
    # Wrapped by the master key; without it every sealed value of the member is noise (M6).
    sa.Column("data_key", sa.LargeBinary),
    sa.Column("profile", sa.LargeBinary),
    sa.Column("name_digest", sa.LargeBinary),
    # Twelve digits at random that a barcode finds the member by; made when it first shows one.
    sa.Column("code_handle", sa.BigInteger, unique=True),
    sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("merged_into", UUID(as_uuid=True), sa.ForeignKey("members.member_id")),
    _words("status", MEMBER_STATUSES),
    _words("channel", CHANNELS),
    sa.CheckConstraint(
        "status = 'erased' OR (data_key IS NOT NULL AND profile IS NOT NULL)",
        name="readable_unless_erased",
    ),
    sa.CheckConstraint(
        "status <> 'merged' OR merged_into IS NOT NULL", name="merged_into_somebody"
    ),
    sa.Index(
        "ix_members_merged_into",
        "merged_into",
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    ),
    sa.Index("ix_members_name_digest", "name_digest", "member_id"),
)

identifiers = sa.Table(
    "identifiers",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("system", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    # A blocked card stays its owner's: nobody, the owner included, is recognised by it again.
    sa.Column("blocked_at", sa.DateTime(timezone=True)),
    sa.Column("blocked_because", sa.LargeBinary),
    sa.CheckConstraint("kind IN ('phone', 'email', 'card', 'external')", name="kind_known"),
    sa.CheckConstraint("(kind = 'external') = (system <> '')", name="system_if_external"),
    sa.CheckConstraint("blocked_at IS NULL OR kind = 'card'", name="only_cards_blocked"),
    sa.CheckConstraint("(blocked_at IS NULL) = (blocked_because IS NULL)", name="block_complete"),
    sa.Index("ix_identifiers_member_id", "member_id"),
    sa.Index(
        "uq_identifiers_one_phone_and_email",
        "member_id",
        "kind",
        unique=True,
        postgresql_where=sa.text("kind IN ('phone', 'email')"),
    ),
)

consents = sa.Table(
    "consents",
    METADATA,
    sa.Column("consent_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("policy_version", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("proof", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Index("ix_consents_latest", "member_id", "purpose", "channel", "at", "consent_id"),
)
"""Every consent ever given or refused; the latest row of a purpose and channel holds (M5)."""

standing_changes = sa.Table(
    "standing_changes",
    METADATA,
    sa.Column("change_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), nullable=False),
    sa.Column("from_status", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    # Written by people about people, so it is sealed like what it is about.
    sa.Column("reason", sa.LargeBinary, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_standing_changes_member_id", "member_id", "change_id"),
)
"""Who froze, closed or opened an account again, and why; never rewritten."""

households = sa.Table(
    "households",
    METADATA,
    sa.Column("household_id", UUID(as_uuid=True), primary_key=True),
    # Families name it after themselves, so it is sealed.
    sa.Column("name", sa.LargeBinary),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(name IS NULL) OR (closed_at IS NULL)", name="nameless_once_closed"),
)

household_members = sa.Table(
    "household_members",
    METADATA,
    sa.Column(
        "member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), primary_key=True
    ),
    sa.Column(
        "household_id", UUID(as_uuid=True), sa.ForeignKey(households.c.household_id), nullable=False
    ),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.CheckConstraint("role IN ('owner', 'member')", name="role_known"),
    sa.Index("ix_household_members_household_id", "household_id"),
    sa.Index(
        "uq_household_members_one_owner",
        "household_id",
        unique=True,
        postgresql_where=sa.text("role = 'owner'"),
    ),
)
"""Who belongs to which household: one at a time, hence the key (L10)."""

household_invitations = sa.Table(
    "household_invitations",
    METADATA,
    sa.Column(
        "household_id",
        UUID(as_uuid=True),
        sa.ForeignKey(households.c.household_id),
        primary_key=True,
    ),
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)
"""Whom owners have asked; there may be no such member, which an owner must not learn."""

code_keys = signing_keys_table("code_keys", METADATA)
"""What signs members' codes for tills that are offline (M2)."""

code_uses = sa.Table(
    "code_uses",
    METADATA,
    sa.Column(
        "member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), primary_key=True
    ),
    sa.Column("step", sa.BigInteger, primary_key=True),
    sa.Column("use_id", sa.Text, primary_key=True),
    sa.Column("spends", sa.Boolean, primary_key=True),
    sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index(
        "uq_code_uses_one_spend",
        "member_id",
        "step",
        unique=True,
        postgresql_where=sa.text("spends"),
    ),
    sa.Index("ix_code_uses_used_at", "used_at"),
)
"""Which sale used which member's code of which step: for spending, one sale a step (M2)."""

merges = sa.Table(
    "merges",
    METADATA,
    _id("merge_id", primary_key=True),
    _id("source_member_id", sa.ForeignKey("members.member_id")),
    _id("survivor_member_id", sa.ForeignKey("members.member_id")),
    # Written by people about people: sealed by the survivor's key.
    sa.Column("reason", sa.LargeBinary, nullable=False),
    # What went to the survivor here, so that it can go back; names and digests, no values.
    sa.Column("moved", JSONB, nullable=False),
    sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("merged_by", sa.Text, nullable=False),
    sa.Column("undo_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("unmerged_at", sa.DateTime(timezone=True)),
    sa.Column("unmerged_by", sa.Text),
    sa.CheckConstraint("source_member_id <> survivor_member_id", name="two_members"),
    sa.CheckConstraint("(unmerged_at IS NULL) = (unmerged_by IS NULL)", name="unmerge_complete"),
    sa.Index(
        "uq_merges_one_survivor",
        "source_member_id",
        unique=True,
        postgresql_where=sa.text("unmerged_at IS NULL"),
    ),
    sa.Index("ix_merges_source_member_id", "source_member_id", "merge_id"),
    sa.Index("ix_merges_survivor_member_id", "survivor_member_id", "merge_id"),
)
"""The map of who was merged into whom; a row stays when the merge is undone."""

merge_steps = sa.Table(
    "merge_steps",
    METADATA,
    _id("step_id", primary_key=True),
    _id("merge_id", sa.ForeignKey(merges.c.merge_id)),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("after", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("merge_id", "act"),
    sa.CheckConstraint("act IN ('merge', 'unmerge')", name="act_known"),
)
"""What the other services were asked to do, once each."""

merge_progress = sa.Table(
    "merge_progress",
    METADATA,
    _id("step_id", sa.ForeignKey(merge_steps.c.step_id), primary_key=True),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("done_at", sa.DateTime(timezone=True)),
)
"""Which of them have said that they have done it."""

exports = sa.Table(
    "exports",
    METADATA,
    sa.Column("job_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), nullable=False),
    # Opens what other services send; sealed by the master key, and gone with the row.
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_exports_member_id", "member_id"),
)
"""Exports that are not written yet (M6)."""

export_parts = sa.Table(
    "export_parts",
    METADATA,
    sa.Column(
        "job_id",
        UUID(as_uuid=True),
        sa.ForeignKey(exports.c.job_id, ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("holding", sa.Text, nullable=False),
    sa.Column("is_last", sa.Boolean, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
)
"""What other services sent for an export: pages of one table each, sealed for it."""

erasures = sa.Table(
    "erasures",
    METADATA,
    sa.Column(
        "member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), primary_key=True
    ),
    sa.Column("job_id", UUID(as_uuid=True), nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
)
"""Who was erased, once each, and by which job (M6)."""

erasure_acknowledgements = sa.Table(
    "erasure_acknowledgements",
    METADATA,
    sa.Column(
        "member_id", UUID(as_uuid=True), sa.ForeignKey(erasures.c.member_id), primary_key=True
    ),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("done", JSONB, nullable=False),
    sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
)
"""Which services have forgotten whom."""

stored_answers = sa.Table(
    "stored_answers",
    METADATA,
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("member_id", UUID(as_uuid=True), primary_key=True),
    sa.ForeignKeyConstraint(
        ["caller", "route", "key"],
        [PLATFORM.idempotency.c[name] for name in ("caller", "route", "key")],
        ondelete="CASCADE",
    ),
    sa.Index("ix_stored_answers_member_id", "member_id"),
)
"""Which kept answers to requests show a member, so that they go with it."""

rehearsed_rows = sa.Table(
    "rehearsed_rows",
    METADATA,
    sa.Column("job_id", UUID(as_uuid=True), primary_key=True),
    # Of an identifier, or "row": the keyed hashes that identifiers and imported_rows would have.
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("content", sa.LargeBinary),
    sa.CheckConstraint("kind IN ('phone', 'email', 'card', 'row')", name="kind_known"),
    sa.CheckConstraint("(kind = 'row') = (content IS NOT NULL)", name="content_of_row"),
)
"""What a dry run has read so far, so that it notices what comes twice; gone once it is over."""

imported_rows = sa.Table(
    "imported_rows",
    METADATA,
    # Keyed hashes of the row's phone, and of all it said.
    sa.Column("row_key", sa.LargeBinary, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("member_id", UUID(as_uuid=True), sa.ForeignKey(members.c.member_id), nullable=False),
    sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_imported_rows_member_id", "member_id"),
)
"""Rows of files that became members: the same row again is the same member."""
