"""Refusals of signing in and of keeping staff, stores, terminals and clients."""

from __future__ import annotations

from shared.errors import LoyaltyError


class InvalidCredentials(LoyaltyError):
    """The credentials are not valid."""

    # One answer for an unknown name, a wrong secret, a used code and a locked account (I3).
    code = "invalid_credentials"
    status = 401


class TokenExpired(LoyaltyError):
    """The access token has expired."""

    code = "token_expired"
    status = 401


class OtpThrottled(LoyaltyError):
    """Too many codes were asked for; wait as long as Retry-After says."""

    code = "otp_throttled"
    status = 429
    retryable = True


class UsernameTaken(LoyaltyError):
    """There is already a staff member with this username."""

    code = "username_taken"
    status = 409


class LastAdmin(LoyaltyError):
    """The last active admin must stay one."""

    code = "last_admin"
    status = 409


class StoreExists(LoyaltyError):
    """There is already a store with this id."""

    code = "store_exists"
    status = 409


class UnknownStore(LoyaltyError):
    """There is no store with this id."""

    code = "unknown_store"
    status = 422


class TerminalExists(LoyaltyError):
    """There is already a terminal with this id."""

    code = "terminal_exists"
    status = 409


class CredentialsInactive(LoyaltyError):
    """These credentials are switched off; activate them before rotating their secret."""

    code = "credentials_inactive"
    status = 409
