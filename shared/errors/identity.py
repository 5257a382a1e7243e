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


class SecondFactorActive(LoyaltyError):
    """A second factor is active already; remove it first."""

    code = "second_factor_active"
    status = 409


class SecondFactorMissing(LoyaltyError):
    """There is no second factor, or none that was begun."""

    code = "second_factor_missing"
    status = 409


class OwnSecondFactor(LoyaltyError):
    """Another admin resets your second factor; you remove it with a code of it."""

    code = "own_second_factor"
    status = 409


class TotpWrong(LoyaltyError):
    """This code is wrong or was used; wait for the next one and look at the device's clock."""

    code = "totp_wrong"
    status = 422


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
