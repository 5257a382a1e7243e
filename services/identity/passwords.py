"""Password hashes: argon2id with the least cost that OWASP accepts (I2).

19 MiB and two passes take about 30 ms here, bounded in memory however many sign in at once.
"""

from __future__ import annotations

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)

NOBODYS_HASH = _HASHER.hash("a password that nobody has")
"""Verified when there is no such user, so that the answer takes the same time (I3)."""


def hash_password(password: str) -> str:
    """Return the argon2id hash in its standard text form, parameters and salt included."""
    return _HASHER.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Return whether ``password`` is the one hashed."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
