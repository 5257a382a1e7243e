"""The members service as nameko runs it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from services.members import queries, use_cases
from services.members.service.listening import Listener
from services.members.vault import Vault
from shared.calls import Reply
from shared.contracts.event import Envelope
from shared.contracts.members import rpc as contract
from shared.contracts.members.merge_events import APPLIED
from shared.db import Call, UnitOfWork
from shared.db.transactions import UseCase
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.rpc.server import Settings, every, rpc
from shared.service import HOUSEKEEPING_S
from shared.settings import ServiceSettings


class MembersService(Listener):
    """Who the members are."""

    name = "members"
    settings: ServiceSettings = Settings()

    @rpc(contract.ENROL)
    def enrol(self, call: Call, **command: Any) -> Reply:
        """Make a member (M1)."""
        return self._write(call, use_cases.enrol, time_zone=self._time_zone, **command)

    @rpc(contract.PATCH)
    def patch(self, call: Call, **command: Any) -> Reply:
        """Change a profile."""
        return self._write(call, use_cases.patch, time_zone=self._time_zone, **command)

    @rpc(contract.ADD_CARD)
    def add_card(self, call: Call, **command: Any) -> Reply:
        """Give a member a card (M1)."""
        return self._write(call, use_cases.add_card, **command)

    @rpc(contract.BLOCK_CARD)
    def block_card(self, call: Call, **command: Any) -> Reply:
        """Block a card for good (M1)."""
        return self._write(call, use_cases.block_card, **command)

    @rpc(contract.ADD_EXTERNAL_ID)
    def add_external_id(self, call: Call, **command: Any) -> Reply:
        """Note a member's id in another system (M1)."""
        return self._write(call, use_cases.add_external_id, **command)

    @rpc(contract.REMOVE_EXTERNAL_ID)
    def remove_external_id(self, call: Call, **command: Any) -> Reply:
        """Forget a member's id in another system (M1)."""
        return self._write(call, use_cases.remove_external_id, **command)

    @rpc(contract.SET_CONSENTS)
    def set_consents(self, call: Call, **command: Any) -> Reply:
        """Note what a member agrees to (M5)."""
        return self._write(call, use_cases.set_consents, **command)

    @rpc(contract.CONSENT_HISTORY)
    def consent_history(self, call: Call, **query: Any) -> Reply:
        """Return all a member ever agreed to or withdrew (M5)."""
        return self.db.read(call, queries.consent_history, **query)

    @rpc(contract.CHANGE_STANDING)
    def change_standing(self, call: Call, **command: Any) -> Reply:
        """Freeze, close or open an account again."""
        return self._write(call, use_cases.change_standing, **command)

    @rpc(contract.MERGE)
    def merge(self, call: Call, **command: Any) -> Reply:
        """Make one member of two (M3)."""
        return self._write(call, use_cases.merge, **command)

    @rpc(contract.UNMERGE)
    def unmerge(self, call: Call, **command: Any) -> Reply:
        """Make two members of one again (M3)."""
        return self._write(call, use_cases.unmerge, **command)

    @rpc(contract.MERGES)
    def merges(self, call: Call, **query: Any) -> Reply:
        """Return a page of a member's merges, and how far they are."""
        return self.db.read(call, queries.merge_list, vault=self.vault, **query)

    @rpc(contract.IMPORT_MEMBERS)
    def import_members(self, call: Call, **command: Any) -> Reply:
        """Begin an import, whose file is to come."""
        return self.db.write(call, use_cases.start_import, **command)

    @job(use_cases.IMPORT)
    def import_slice(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Import some more rows."""
        zone = self._time_zone
        return use_cases.import_slice(uow, work, vault=self.vault, time_zone=zone)

    @every(HOUSEKEEPING_S)
    def forget_rehearsed(self) -> None:
        """Delete what dry runs of imports kept that are over."""
        self.db.sweep("rehearsed_rows", use_cases.forget_rehearsed)

    @rpc(contract.EXPORT_MEMBERS)
    def export_members(self, call: Call, **command: Any) -> Reply:
        """Begin a list of all members."""
        return self.db.write(call, use_cases.start_list, **command)

    @job(use_cases.LISTING)
    def list_slice(self, uow: UnitOfWork, work: JobState) -> Progress:
        """List some more members."""
        return use_cases.list_slice(uow, work, vault=self.vault)

    @on(APPLIED["coupons"])
    def on_coupons_merged(self, event: Envelope) -> None:
        """Note that coupons have moved."""
        self.db.consume(event, use_cases.note_applied)

    @on(APPLIED["identity"])
    def on_identity_merged(self, event: Envelope) -> None:
        """Note that the source cannot sign in any more, or can again."""
        self.db.consume(event, use_cases.note_applied)

    @on(APPLIED["points"])
    def on_points_merged(self, event: Envelope) -> None:
        """Note that points have moved."""
        self.db.consume(event, use_cases.note_applied)

    @on(APPLIED["tiers"])
    def on_tiers_merged(self, event: Envelope) -> None:
        """Note that what counts for the tier has moved."""
        self.db.consume(event, use_cases.note_applied)

    @rpc(contract.STANDING_HISTORY)
    def standing_history(self, call: Call, **query: Any) -> Reply:
        """Return who froze, closed or opened an account, and why."""
        return self.db.read(call, queries.standing_history, vault=self.vault, **query)

    @rpc(contract.CREATE_HOUSEHOLD)
    def create_household(self, call: Call, **command: Any) -> Reply:
        """Found a household (L10)."""
        return self._write(call, use_cases.create_household, **command)

    @rpc(contract.UPDATE_HOUSEHOLD)
    def update_household(self, call: Call, **command: Any) -> Reply:
        """Rename a household or pass it on."""
        return self._write(call, use_cases.update_household, **command)

    @rpc(contract.JOIN_HOUSEHOLD)
    def join_household(self, call: Call, **command: Any) -> Reply:
        """Ask somebody to join, or join."""
        return self._write(call, use_cases.join_household, **command)

    @rpc(contract.LEAVE_HOUSEHOLD)
    def leave_household(self, call: Call, **command: Any) -> Reply:
        """Leave, or let somebody go."""
        return self._write(call, use_cases.leave_household, **command)

    @rpc(contract.GET_HOUSEHOLD)
    def get_household(self, call: Call, **query: Any) -> Reply:
        """Return a household."""
        return self.db.read(call, queries.household, vault=self.vault, **query)

    @rpc(contract.LIST_HOUSEHOLDS)
    def list_households(self, call: Call, **query: Any) -> Reply:
        """Return a page of households."""
        return self.db.read(call, queries.households, vault=self.vault, **query)

    @rpc(contract.UNMASK)
    def unmask(self, call: Call, **command: Any) -> Reply:
        """Return fields that staff sees masked, and note that it did (M7)."""
        return self._write(call, use_cases.unmask, **command)

    @rpc(contract.SHOW_CODE)
    def show_code(self, call: Call, **query: Any) -> Reply:
        """Return the member's code of this step (M2)."""
        return self._write(call, use_cases.show_code, **query)

    @rpc(contract.CODE_KEYS)
    def code_keys(self, call: Call) -> Reply:
        """Return the public keys of signed codes (M2)."""
        return self._write(call, use_cases.code_keys)

    @rpc(contract.USE_CODES)
    def use_codes(self, call: Call, **command: Any) -> Reply:
        """Return whose codes are used for what, or why they do not count (M2)."""
        return self._write(call, use_cases.use_codes, **command)

    @every(HOUSEKEEPING_S)
    def forget_code_uses(self) -> None:
        """Delete uses of codes that nothing will ask for again."""
        self.db.sweep("code_uses", use_cases.forget_uses)

    @rpc(contract.EXPORT)
    def export(self, call: Call, **command: Any) -> Reply:
        """Start to collect all that is kept of a member (M6)."""
        return self._write(call, use_cases.start_export, **command)

    @job(use_cases.EXPORT)
    def export_member(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Wait for the other services' parts, then write the file."""
        return use_cases.export_slice(uow, work, vault=self.vault)

    @rpc(contract.ERASE)
    def erase(self, call: Call, **command: Any) -> Reply:
        """Forget a person (M6)."""
        return self.db.write(call, use_cases.erase, **command)

    @job(use_cases.ERASURE)
    def erase_member(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Wait until every service has forgotten it too."""
        return use_cases.erasure_slice(uow, work)

    @every(HOUSEKEEPING_S)
    def forget_exports(self) -> None:
        """Delete exports that were there to be downloaded for long enough."""
        self.db.sweep("exports", use_cases.forget_exports)

    @rpc(contract.GET)
    def get(self, call: Call, **query: Any) -> Reply:
        """Return a member, masked unless it asks itself (M7)."""
        return self.db.read(call, queries.member, vault=self.vault, **query)

    @rpc(contract.STATUS)
    def status(self, call: Call, **query: Any) -> Reply:
        """Return whether a member exists and how it stands."""
        return self.db.read(call, queries.status, **query)

    @rpc(contract.SEARCH)
    def search(self, call: Call, **query: Any) -> Reply:
        """Return members by an exact criterion."""
        return self.db.read(call, queries.search, vault=self.vault, **query)

    @rpc(contract.LOOKUP)
    def lookup(self, call: Call, **query: Any) -> Reply:
        """Return who an identifier belongs to, masked (M7)."""
        return self.db.read(call, queries.lookup, vault=self.vault, **query)

    @rpc(contract.LOOKUP_MANY)
    def lookup_many(self, call: Call, **query: Any) -> Reply:
        """Return whom many identifiers belong to."""
        return self.db.read(call, queries.lookup_many, vault=self.vault, **query)

    @property
    def vault(self) -> Vault:
        """Return what seals and opens personal values (M4)."""
        return Vault.of(self.settings)

    @property
    def _time_zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.time_zone)

    def _write(self, call: Call, use_case: UseCase, **command: Any) -> Reply:
        return self.db.write(call, use_case, vault=self.vault, **command)


SERVICE = MembersService
