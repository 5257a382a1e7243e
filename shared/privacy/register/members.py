"""What members keeps: the person."""

from __future__ import annotations

from collections.abc import Mapping

from shared.privacy.register.entries import Erasure, Field, Form, Holding, blanked, deleted, kept

_PLUMBING = "holds nothing but copies of what is exported, on their way"

MEMBERS = (
    Holding(
        "members",
        "members",
        "You, and since when you take part.",
        (
            *kept("member_id status channel merged_into enrolled_at updated_at"),
            *blanked("locale home_store_id code_handle"),
            *blanked("profile", Form.SEALED),
            *blanked("name_digest", Form.DIGEST),
            *blanked("data_key", Form.KEY),
        ),
    ),
    Holding(
        "members",
        "identifiers",
        "What you are recognised by: phone, e-mail, cards, ids in other systems.",
        (
            *deleted("kind system added_at blocked_at"),
            *deleted("value blocked_because", Form.SEALED),
            *deleted("digest", Form.DIGEST),
        ),
    ),
    Holding(
        "members",
        "consents",
        "What you agreed to or withdrew, and when.",
        kept("consent_id purpose channel granted policy_version at proof recorded_by"),
    ),
    Holding(
        "members",
        "standing_changes",
        "When your account was frozen, closed or opened again, and why.",
        (
            *kept("change_id from_status status actor at"),
            Field("reason", Form.SEALED, Erasure.UNREADABLE),
        ),
    ),
    Holding(
        "members",
        "household_members",
        "The household you belong to.",
        deleted("household_id role joined_at recorded_by"),
    ),
    Holding(
        "members",
        "households",
        "What your household is called. Erased if it is yours.",
        (*kept("created_at closed_at"), *blanked("name", Form.SEALED)),
        whose=("household_id",),
        through="household_members.household_id",
    ),
    Holding(
        "members",
        "household_invitations",
        "Households that have asked you to join.",
        deleted("household_id expires_at"),
    ),
    Holding(
        "members",
        "code_uses",
        "Which sales your rotating code was used for in the last 30 days.",
        deleted("step use_id spends used_at"),
    ),
    Holding(
        "members",
        "merges",
        "Members of yours that became one, and why.",
        (
            *kept(
                "merge_id source_member_id survivor_member_id merged_at merged_by undo_until"
                " unmerged_at unmerged_by"
            ),
            *blanked("reason", Form.SEALED),
            *blanked("moved"),
        ),
        whose=("source_member_id", "survivor_member_id"),
    ),
    Holding(
        "members",
        "imported_rows",
        "That you came from another system, in a file.",
        (*deleted("imported_at"), *deleted("row_key content", Form.DIGEST)),
    ),
    Holding(
        "members",
        "exports",
        "Exports under way.",
        (*deleted("requested_at"), *deleted("private_key", Form.KEY)),
        others=("job_id",),
        unexported=_PLUMBING,
    ),
    Holding(
        "members",
        "export_parts",
        "What other services sent for them.",
        deleted("sealed", Form.KEY),
        whose=("job_id",),
        through="exports.job_id",
        others=("service", "seq", "holding", "is_last"),
        unexported=_PLUMBING,
    ),
    Holding(
        "members",
        "stored_answers",
        "Which kept answers to requests show you; they go with it.",
        deleted("member_id"),
        others=("caller", "route", "key"),
        unexported=_PLUMBING,
    ),
    Holding(
        "members",
        "erasures",
        "That you were erased.",
        kept("requested_at"),
        others=("job_id",),
        unexported="exists only once there is nobody to export",
    ),
    Holding(
        "members",
        "erasure_acknowledgements",
        "Which services have forgotten you.",
        kept("acknowledged_at"),
        others=("service", "done"),
        unexported="exists only once there is nobody to export",
    ),
)

MEMBERS_OTHERS = frozenset(
    {
        "code_keys",
        # How far services have come with merges, by id.
        "merge_progress",
        "merge_steps",
        # Keyed hashes of what a dry run has read, while it goes on; whether anybody has them is
        # not known.
        "rehearsed_rows",
    }
)

MEMBERS_TOLD: Mapping[str, Mapping[str, str | None]] = {
    "member.enrolled": {"birth_month": None, "locale": None, "home_store_id": None},
    "member.updated": {"birth_month": None},
    "member.erased": {"phone_digest": None},
}
