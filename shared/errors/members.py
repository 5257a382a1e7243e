"""Refusals of the members service."""

from __future__ import annotations

from shared.errors import LoyaltyError


class PhoneTaken(LoyaltyError):
    """This phone number belongs to another member."""

    code = "phone_taken"
    status = 409


class IdentifierTaken(LoyaltyError):
    """This e-mail address, card or external id belongs to another member."""

    code = "identifier_taken"
    status = 409


class PhoneNotProven(LoyaltyError):
    """You may only enrol with the phone number your token proves."""

    code = "phone_not_proven"
    status = 403


class MemberNotFound(LoyaltyError):
    """No member answers to this identifier."""

    code = "member_not_found"
    status = 404


class ExternalIdNotProven(LoyaltyError):
    """Ids of other systems are attached by those systems, not by the person."""

    code = "external_id_not_proven"
    status = 403


class CardBlocked(LoyaltyError):
    """This card is blocked and never works again; use another card."""

    code = "card_blocked"
    status = 409


class TooManyIdentifiers(LoyaltyError):
    """A member has at most 20 cards, blocked ones included, and 20 ids of other systems."""

    code = "too_many_identifiers"
    status = 409


class MemberFrozen(LoyaltyError):
    """This account is frozen; ask the programme's support."""

    code = "member_frozen"
    status = 409


class MemberClosed(LoyaltyError):
    """This account is closed."""

    code = "member_closed"
    status = 409


class MemberMerged(LoyaltyError):
    """This member was merged into another one, `merged_into`; go on with that one."""

    code = "member_merged"
    status = 409


class NotMerged(LoyaltyError):
    """The one member is not merged into the other."""

    code = "not_merged"
    status = 409


class UnmergeTooLate(LoyaltyError):
    """A merge can be undone for 30 days; that time is over."""

    code = "unmerge_too_late"
    status = 409


class StandingConflict(LoyaltyError):
    """The account's status, `status_now`, does not allow this."""

    code = "standing_conflict"
    status = 409


class AlreadyInHousehold(LoyaltyError):
    """This member belongs to a household already; a member has one at a time."""

    code = "already_in_household"
    status = 409


class HouseholdFull(LoyaltyError):
    """A household has at most 8 members and 8 open invitations."""

    code = "household_full"
    status = 409


class HouseholdOwnersOnly(LoyaltyError):
    """Only the household's owner or staff may do this."""

    code = "household_owners_only"
    status = 403


class HouseholdOwnerStays(LoyaltyError):
    """The owner leaves last: pass the household on first, or let the others leave."""

    code = "household_owner_stays"
    status = 409


class CodeInvalid(LoyaltyError):
    """This is no member's code; ask the customer to show the code in the app."""

    code = "code_invalid"
    status = 422


class CodeExpired(LoyaltyError):
    """This code is too old; ask the customer to show the present one."""

    code = "code_expired"
    status = 422


class CodeUsed(LoyaltyError):
    """This code has been used to spend; the app shows a new one within 30 seconds."""

    code = "code_used"
    status = 409
