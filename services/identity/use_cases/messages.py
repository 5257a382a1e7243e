"""One-time codes on their way: queued with the code, sent after the commit, tried again (I2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from services.identity import domain, repository
from services.identity.vault import Vault
from shared.db import UnitOfWork

_BATCH = 20
_SEAL = b"otp_messages"


@dataclass(frozen=True, slots=True)
class Message:
    """A code for a phone."""

    otp_id: UUID
    phone: str
    code: str


def queue(uow: UnitOfWork, vault: Vault, message: Message) -> None:
    """Have a code sent once this transaction is committed; it lies sealed until then."""
    plain = json.dumps({"phone": message.phone, "code": message.code}).encode()
    sealed = vault.master.seal(plain, context=_SEAL)
    repository.add_message(uow.connection, message.otp_id, sealed=sealed, now=uow.now)


def claim(uow: UnitOfWork, *, vault: Vault) -> list[Message]:
    """Return messages to send now; who claims them has until their next try to send them.

    Messages whose code has expired are dropped. A process that dies after sending leaves its
    messages to be sent again, with the same code.
    """
    repository.drop_messages(uow.connection, before=uow.now - domain.OTP_TTL)
    rows = repository.claim_messages(uow.connection, uow.now, domain.message_pause, limit=_BATCH)
    messages = []
    for row in rows:
        plain = json.loads(vault.master.open(bytes(row.sealed), context=_SEAL))
        messages.append(Message(row.otp_id, plain["phone"], plain["code"]))
    return messages


def forget(uow: UnitOfWork, *, otp_id: UUID) -> None:
    """Drop a message that was sent."""
    repository.drop_message(uow.connection, otp_id)
