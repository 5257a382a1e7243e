"""What identity keeps: who is signed in, and codes on their way to phones."""

from __future__ import annotations

from shared.privacy.register.entries import Form, Holding, deleted, kept

_BY_PHONE = "names a phone by its keyed hash only, and is gone within a day"

IDENTITY = (
    Holding(
        "identity",
        "refresh_families",
        "Your sessions: when you signed in.",
        deleted("family_id created_at expires_at revoked_at revoked_because"),
        whose=("subject_id",),
        others=("kind",),
    ),
    Holding(
        "identity",
        "refresh_tokens",
        "When your sessions were renewed.",
        (*deleted("issued_at expires_at used_at"), *deleted("token_digest", Form.DIGEST)),
        whose=("family_id",),
        through="refresh_families.family_id",
    ),
    Holding(
        "identity",
        "otp_codes",
        "One-time codes of the last day.",
        (*deleted("created_at failures used_at"),
         *deleted("phone_digest address_digest code_digest", Form.DIGEST)),
        whose=(),
        others=("otp_id",),
        unexported=_BY_PHONE,
    ),
    Holding(
        "identity",
        "otp_messages",
        "One-time codes that are being sent.",
        (*deleted("tries created_at next_try_at"), *deleted("sealed", Form.SEALED)),
        whose=(),
        others=("otp_id",),
        unexported=_BY_PHONE,
    ),
    Holding(
        "identity",
        "erased_members",
        "That you were erased.",
        kept("erased_at"),
        unexported="exists only once there is nobody to export",
    ),
)  # fmt: skip

IDENTITY_OTHERS = frozenset(
    {
        "clients",
        "credentials",
        "login_attempts",
        "signing_keys",
        "staff",
        "staff_totp",
        "stores",
        "terminals",
    }
)
"""Staff and machines are no members."""
