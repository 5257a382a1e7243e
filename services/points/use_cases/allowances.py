"""Offline allowances: promised, signed, and held against what tills report (S5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from services.points.domain.allowances import Allowance, grantable
from services.points.domain.lateness import is_offline
from services.points.domain.programme import Programme
from services.points.domain.sales import Sale
from services.points.repository import allowances as repository
from services.points.repository.book import Book
from services.points.use_cases.pos import TERMINAL
from services.points.use_cases.standing import refuse_over
from shared.db import UnitOfWork
from shared.errors import Unauthenticated
from shared.errors.points import InsufficientPoints, OfflineAllowanceExceeded
from shared.ids import new_id
from shared.security import tokens
from shared.security.crypto import MasterKey
from shared.security.tokens import SigningKey

AUDIENCE = "offline-allowance"
_SEAL = b"allowance_keys.private"


@dataclass(frozen=True, slots=True)
class Signer:
    """What it takes to sign allowances."""

    vault: MasterKey = field(repr=False)
    issuer: str

    def key(self, uow: UnitOfWork) -> SigningKey:
        """Return the key that signs at present; the first call ever makes it."""
        found = repository.keys(uow.connection)
        if not found:
            repository.lock_keys(uow.connection)
            found = repository.keys(uow.connection)
        if found:
            return SigningKey.from_bytes(self.vault.open(bytes(found[0].sealed), context=_SEAL))
        key = SigningKey.generate()
        row = {
            "kid": key.kid,
            "sealed": self.vault.seal(key.to_bytes(), context=_SEAL),
            "public_jwk": dict(key.public_jwk),
            "created_at": uow.now,
        }
        repository.add_key(uow.connection, row)
        return key

    def sign(self, uow: UnitOfWork, allowance: Allowance) -> str:
        """Return the JWT that says what an allowance says."""
        granted = int(allowance.granted_at.timestamp())
        return self.key(uow).sign(
            {
                "iss": self.issuer,
                "aud": AUDIENCE,
                "jti": str(allowance.allowance_id),
                "sub": str(allowance.member_id),
                "terminal_id": allowance.terminal_id,
                "points": allowance.points,
                "iat": granted,
                "nbf": granted,
                "exp": int(allowance.valid_until.timestamp()),
            }
        )


def allowance_keys(uow: UnitOfWork, *, signer: Signer) -> Mapping[str, Any]:
    """Return the public keys that verify allowances (RFC 7517)."""
    signer.key(uow)
    return {"keys": [row.public_jwk for row in repository.keys(uow.connection)]}


def grant_allowance(
    uow: UnitOfWork,
    *,
    programme: Programme,
    signer: Signer,
    member_id: UUID,
    member_status: str,
) -> Mapping[str, Any]:
    """Promise a terminal what a member may spend while it is offline.

    Asked again while it is valid, the answer is the same. Asked again later, the terminal has
    reported what it sold before: what is left of the earlier promise ends. Nothing is set aside
    (ADR 0013).

    Raises:
        MemberNotActive: the member may not spend points.
    """
    book = Book(uow)
    book.open([member_id])
    account = book.account(member_id)
    member_id = account.member_id
    refuse_over(account, member_status)
    book.flush()
    horizon = uow.now - programme.late_limit - programme.future_tolerance
    granted = repository.of_member(uow.connection, member_id, horizon)
    for mine in granted:
        if mine.terminal_id == uow.actor.id and mine.ended_at is None:
            if uow.now < mine.valid_until:
                return _view(uow, signer, mine)
            repository.change(uow.connection, mine.allowance_id, ended_at=uow.now)
    others = [each for each in granted if each.terminal_id != uow.actor.id]
    allowance = Allowance(
        allowance_id=new_id(),
        member_id=member_id,
        terminal_id=uow.actor.id,
        points=grantable(account.figures.available, others, programme, uow.now),
        used=0,
        granted_at=uow.now,
        # A JWT counts whole seconds.
        valid_until=uow.now.replace(microsecond=0) + programme.allowance_valid_for,
    )
    if allowance.points:
        repository.add(uow.connection, allowance)
    return _view(uow, signer, allowance)


def _view(uow: UnitOfWork, signer: Signer, allowance: Allowance) -> Mapping[str, Any]:
    return {
        "points": allowance.points,
        "valid_until": allowance.valid_until,
        "signature": signer.sign(uow, allowance),
    }


@dataclass(slots=True)
class Allowances:
    """The allowances that the sales of one transaction hand in."""

    uow: UnitOfWork
    programme: Programme
    _ids: dict[str, UUID] = field(default_factory=dict)
    _known: dict[UUID, Allowance] = field(default_factory=dict)

    def look_up(self, sales: Iterable[Sale]) -> None:
        """Read the signatures handed in; one that does not verify is as good as none."""
        handed_in = {sale.offline_allowance for sale in sales if sale.offline_allowance}
        if not handed_in:
            return
        keys = tokens.verification_keys(
            row.public_jwk for row in repository.keys(self.uow.connection)
        )
        for signature in handed_in:
            try:
                claims = tokens.verify_statement(signature, key_of=keys.get, audience=AUDIENCE)
                self._ids[signature] = UUID(str(claims["jti"]))
            except (Unauthenticated, ValueError):
                continue
        self._known = repository.by_id(self.uow.connection, set(self._ids.values()))

    def refuse_unless_spendable(self, sale: Sale, available: int) -> None:
        """Let points pay that are there, or that a till was promised while it was offline.

        Raises:
            OfflineAllowanceExceeded: a till was offline, and no promise covers it.
            InsufficientPoints: fewer are there.
        """
        points, is_till = sale.points_to_redeem, self.uow.actor.kind == TERMINAL
        if not points or (is_till and self._use(sale)):
            return
        if is_till and is_offline(sale.occurred_at, self.programme, self.uow.now):
            raise OfflineAllowanceExceeded
        if points > available:
            raise InsufficientPoints(available=available)

    def _use(self, sale: Sale) -> bool:
        """Book what a sale spends on the allowance it hands in; return whether that covers it."""
        known = self._known.get(self._ids.get(sale.offline_allowance or "", _NO_ID))
        if known is None or known.member_id != sale.member_id:
            return False
        points, terminal_id = sale.points_to_redeem, self.uow.actor.id
        if not known.covers(points, terminal_id, sale.occurred_at, self.programme):
            return False
        used = known.used + points
        self._known[known.allowance_id] = replace(known, used=used)
        repository.change(self.uow.connection, known.allowance_id, used=used)
        return True


_NO_ID = UUID(int=0)
