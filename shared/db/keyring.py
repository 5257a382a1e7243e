"""Signing keys kept in a service's database, sealed, and rotated without downtime (I1).

The next key is published before it signs anything, and a retired one for as long as anything it
has signed may be shown. So verifiers that fetch the key set now and then never meet a signature
whose key they cannot have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.units import UnitOfWork
from shared.security.crypto import MasterKey
from shared.security.tokens import SigningKey

NEXT, CURRENT, RETIRED = "next", "current", "retired"


def signing_keys_table(name: str, metadata: sa.MetaData) -> sa.Table:
    """Return a table of signing keys as a service's own migration makes it."""
    return sa.Table(
        name,
        metadata,
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sealed_private", sa.LargeBinary, nullable=False),
        sa.Column("public_jwk", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('next', 'current', 'retired')", name="state_known"),
        sa.CheckConstraint(
            "(state = 'retired') = (retired_at IS NOT NULL)", name="retired_at_fits"
        ),
        sa.Index(
            f"uq_{name}_one_current",
            "state",
            unique=True,
            postgresql_where=sa.text("state = 'current'"),
        ),
    )


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: which key signs now, and which is published to be the next."""

    signing: str
    following: str
    changed: bool
    """False when the key that signs is the one before: its successor has only been published."""

    def sentence(self) -> str:
        """Return what an operator needs to know."""
        if self.changed:
            return f"{self.signing} signs now; {self.following} is published to be the next."
        return f"{self.following} is published; run this again once verifiers have fetched it."


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one table; ``context`` is what they are sealed for."""

    table: sa.Table
    context: bytes
    shown_for: timedelta
    """How long a retired key is still published."""

    def signing_key(self, uow: UnitOfWork, master: MasterKey) -> SigningKey:
        """Return the key that signs at present; the first call ever makes it.

        Processes that start at the same time wait for each other, so that there is one first key.
        """
        row = self._one(uow.connection, CURRENT)
        if row is None:
            self._lock(uow.connection)
            row = self._one(uow.connection, CURRENT)
        if row is None:
            return self._add(uow, master, CURRENT)
        return SigningKey.from_bytes(master.open(bytes(row.sealed_private), context=self.context))

    def published(self, connection: sa.Connection, now: datetime) -> list[Mapping[str, Any]]:
        """Return the public keys that verifiers need at this time."""
        key = self.table.c
        needed = sa.or_(key.state != RETIRED, key.retired_at > now - self.shown_for)
        rows = connection.execute(sa.select(key.public_jwk).where(needed).order_by(key.created_at))
        return list(rows.scalars())

    def rotate(self, uow: UnitOfWork, master: MasterKey) -> Rotation:
        """Let the published next key sign, retire the one before and publish a new next one.

        Where no next key is published yet, this only publishes one: call again once verifiers have
        fetched it.
        """
        present = self.signing_key(uow, master)
        self._lock(uow.connection)
        following = self._one(uow.connection, NEXT)
        if following is None:
            return Rotation(present.kid, self._add(uow, master, NEXT).kid, changed=False)
        self._move(uow.connection, CURRENT, state=RETIRED, retired_at=uow.now)
        self._move(uow.connection, NEXT, state=CURRENT)
        return Rotation(following.kid, self._add(uow, master, NEXT).kid, changed=True)

    def reseal(self, uow: UnitOfWork, master: MasterKey) -> None:
        """Seal private keys by the present master key where an earlier one did (M4)."""
        key = self.table.c
        rows = uow.connection.execute(sa.select(key.kid, key.sealed_private).with_for_update())
        for row in rows.all():
            sealed = master.resealed(bytes(row.sealed_private), context=self.context)
            if sealed is not None:
                mine = sa.update(self.table).where(key.kid == row.kid)
                uow.connection.execute(mine.values(sealed_private=sealed))

    def _one(self, connection: sa.Connection, state: str) -> sa.Row[Any] | None:
        found = sa.select(self.table).where(self.table.c.state == state)
        return connection.execute(found.order_by(self.table.c.created_at).limit(1)).one_or_none()

    def _move(self, connection: sa.Connection, before: str, **values: Any) -> None:
        changed = sa.update(self.table).where(self.table.c.state == before)
        connection.execute(changed.values(**values))

    def _add(self, uow: UnitOfWork, master: MasterKey, state: str) -> SigningKey:
        key = SigningKey.generate()
        uow.connection.execute(
            sa.insert(self.table).values(
                kid=key.kid,
                state=state,
                sealed_private=master.seal(key.to_bytes(), context=self.context),
                public_jwk=dict(key.public_jwk),
                created_at=uow.now,
            )
        )
        return key

    def _lock(self, connection: sa.Connection) -> None:
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"keyring.{self.table.name}"},
        )
