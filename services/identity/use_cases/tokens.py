"""Signing keys, access tokens and families of refresh tokens (I1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.identity import domain, repository
from services.identity.domain import Subject
from services.identity.vault import SIGNING_KEYS, Vault, new_secret
from shared.db import UnitOfWork
from shared.db.keyring import Rotation
from shared.ids import new_id
from shared.security.scopes import scopes_of

_ACCESS_TTL_S = int(domain.ACCESS_TTL.total_seconds())


@dataclass(frozen=True, slots=True)
class Family:
    """A person's session: refresh tokens that follow from one sign-in."""

    family_id: UUID
    kind: str
    expires_at: Any


def jwks(uow: UnitOfWork, *, vault: Vault) -> Mapping[str, Any]:
    """Return the public keys; the first call ever makes the first key."""
    SIGNING_KEYS.signing_key(uow, vault.master)
    return {"keys": SIGNING_KEYS.published(uow.connection, uow.now)}


def rotate_signing_key(uow: UnitOfWork, *, vault: Vault) -> Rotation:
    """Let the next key sign access tokens; see `KeyRing.rotate`."""
    return SIGNING_KEYS.rotate(uow, vault.master)


def access_token(uow: UnitOfWork, vault: Vault, subject: Subject) -> dict[str, Any]:
    """Return a token answer for ``subject`` without a refresh token."""
    claims = domain.access_claims(
        subject,
        scopes=scopes_of(subject.role, subject.roles),
        issuer=vault.issuer,
        audience=vault.audience,
        now=uow.now,
        token_id=new_id(),
    )
    return {
        "access_token": SIGNING_KEYS.signing_key(uow, vault.master).sign(claims),
        "token_type": "Bearer",
        "expires_in": _ACCESS_TTL_S,
        "scope": claims["scope"],
    }


def begin_family(uow: UnitOfWork, vault: Vault, *, kind: str, subject_id: UUID) -> str:
    """Begin a session of a ``member`` or of ``staff`` and return its first refresh token."""
    expires_at = uow.now + domain.REFRESH_LIFETIMES[kind].family
    family = Family(new_id(), kind, expires_at)
    repository.add_family(
        uow.connection,
        {
            "family_id": family.family_id,
            "kind": kind,
            "subject_id": subject_id,
            "created_at": uow.now,
            "expires_at": expires_at,
        },
    )
    return next_refresh_token(uow, vault, family)


def next_refresh_token(uow: UnitOfWork, vault: Vault, family: Family) -> str:
    """Return the next refresh token of a session whose row is new or locked."""
    token = new_secret("lrt")
    repository.add_refresh_token(
        uow.connection,
        digest=vault.refresh_digest(token),
        family_id=family.family_id,
        now=uow.now,
        expires_at=domain.refresh_expiry(family.kind, uow.now, family.expires_at),
    )
    return token
