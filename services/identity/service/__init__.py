"""The nameko class: it hands calls to use cases and does what must stay out of a transaction."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import eventlet.patcher
import eventlet.tpool
import structlog

from services.identity import passwords, queries
from services.identity.senders import NotSent, Sender, sender_of
from services.identity.service.privacy import Forgetting
from services.identity.use_cases import (
    grants,
    machines,
    merging,
    messages,
    second_factor,
    staff,
    tokens,
)
from services.identity.use_cases.messages import Message
from services.identity.vault import Vault
from shared.calls import Reply
from shared.contracts.event import Envelope
from shared.contracts.identity import rpc as contract
from shared.contracts.members import merge_events
from shared.db import Call
from shared.errors.identity import InvalidCredentials, TotpWrong
from shared.events.handler import on
from shared.rpc.server import Settings, every, rpc
from shared.settings import ServiceSettings

SWEEP_S = 600
SEND_S = 1
_log = structlog.get_logger(__name__)
T = TypeVar("T")


def _beside(work: Callable[..., T], *args: Any) -> T:
    """Do work that keeps a processor busy in a thread of its own, where greenlets share this one.

    A password takes 30 ms of argon2, which would hold up every other call of the process.
    """
    if eventlet.patcher.is_monkey_patched("thread"):
        done: T = eventlet.tpool.execute(work, *args)
        return done
    return work(*args)


class IdentityService(Forgetting):
    """Staff, stores, terminals, clients, and how everybody signs in."""

    name = "identity"
    settings: ServiceSettings = Settings()

    def due_work(self) -> None:
        """Forget what the present time has made meaningless."""
        self.forget_old_traces()

    @every(SWEEP_S)
    def forget_old_traces(self) -> None:
        """Delete old codes, counted failures and dead sessions."""
        self.db.sweep("forget_old_traces", grants.forget_old_traces)

    # --- signing in

    @rpc(contract.JWKS)
    def jwks(self, call: Call) -> Reply:
        """Return the public keys of access tokens (I1)."""
        return self._act(call, tokens.jwks)

    @rpc(contract.REQUEST_OTP)
    def request_otp(self, call: Call, **command: Any) -> Reply:
        """Make a one-time code (I2)."""
        sender = self.settings.otp_sender
        if sender is None and not self.db.sandbox:
            _log.warning("otp_sender_missing")
        how = {"is_sandbox": self.db.sandbox, "is_sent": sender is not None}
        return self._act(call, grants.request_otp, **how, **command)

    @every(SEND_S)
    def send_codes(self) -> None:
        """Send the codes that wait, several at a time; those that fail wait for their next try."""
        if self.settings.otp_sender is None:
            return
        sender = sender_of(self.settings.otp_sender.reveal())
        while waiting := self.db.run(messages.claim, vault=self._vault):
            with ThreadPoolExecutor(len(waiting)) as pool:
                list(pool.map(lambda message: self._send(sender, message), waiting))

    def _send(self, sender: Sender, message: Message) -> None:
        text = self.settings.otp_text.replace("{code}", message.code)
        try:
            sender.send(message.phone, text)
        except NotSent:
            _log.warning("otp_not_sent", otp_id=str(message.otp_id))
            return
        self.db.run(messages.forget, otp_id=message.otp_id)

    @rpc(contract.ISSUE_TOKEN)
    def issue_token(self, call: Call, *, grant_type: str, **proof: Any) -> Reply:
        """Sign somebody in, or refuse without a hint (I3)."""
        member_id = proof.pop("member_id")
        if grant_type == "password":
            return self._sign_in_by_password(call, **proof)
        if grant_type == "otp":
            return self._act(call, grants.redeem_otp, member_id=member_id, **proof)
        if grant_type == "client_credentials":
            return self._act(call, grants.client_credentials, **proof)
        return self._act(call, grants.refresh, **proof)

    @rpc(contract.REVOKE_TOKEN)
    def revoke_token(self, call: Call, **command: Any) -> Reply:
        """End a session."""
        return self._act(call, grants.revoke, **command)

    def _sign_in_by_password(
        self, call: Call, *, username: str, password: str, totp: str | None = None
    ) -> Reply:
        username = username.lower()
        found = self.db.run(grants.find_password_hash, context=call.context, username=username)
        # Nobody's hash costs the same time. It is no one's, so a match with it signs nobody in.
        password_hash = found or passwords.NOBODYS_HASH
        is_right = _beside(passwords.matches, password_hash, password)
        verified = password_hash if is_right else None
        proof = {"verified_hash": verified, "totp": totp}
        return self._act(call, grants.finish_login, username=username, **proof)

    def _act(self, call: Call, use_case: Callable[..., Any], **command: Any) -> Reply:
        """Run a use case whose refusal, None, must leave its traces in the database."""
        result = self.db.run(use_case, context=call.context, vault=self._vault, **command)
        if result is None:
            raise InvalidCredentials
        return Reply(call.method.success, call.method.dump(result))

    # --- second factors

    @rpc(contract.BEGIN_TOTP)
    def begin_totp(self, call: Call, **command: Any) -> Reply:
        """Make a secret for an authenticator app."""
        return self.db.write(call, second_factor.begin, vault=self._vault, **command)

    @rpc(contract.CONFIRM_TOTP)
    def confirm_totp(self, call: Call, **command: Any) -> Reply:
        """Ask for codes from now on."""
        return self._guess(call, second_factor.confirm, **command)

    @rpc(contract.REMOVE_TOTP)
    def remove_totp(self, call: Call, **command: Any) -> Reply:
        """Ask for no code any more."""
        return self._guess(call, second_factor.remove, **command)

    @rpc(contract.RESET_TOTP)
    def reset_totp(self, call: Call, **command: Any) -> Reply:
        """Let somebody who lost its app sign in."""
        return self.db.write(call, second_factor.reset, **command)

    def _guess(
        self, call: Call, use_case: Callable[..., Any], *, staff_id: UUID, code: str
    ) -> Reply:
        """Run a use case that a code opens; a wrong one is counted, though nothing else is kept."""
        try:
            return self.db.write(call, use_case, vault=self._vault, staff_id=staff_id, code=code)
        except TotpWrong:
            self.db.run(second_factor.count_wrong, vault=self._vault, staff_id=staff_id)
            raise

    # --- staff

    @rpc(contract.CREATE_STAFF)
    def create_staff(self, call: Call, *, password: str, **command: Any) -> Reply:
        """Let somebody work with the platform."""
        command["password_hash"] = _beside(passwords.hash_password, password)
        return self.db.write(call, staff.create_staff, **command)

    @rpc(contract.UPDATE_STAFF)
    def update_staff(self, call: Call, **command: Any) -> Reply:
        """Change roles, password or access."""
        if "password" in command:
            command["password_hash"] = _beside(passwords.hash_password, command.pop("password"))
        return self.db.write(call, staff.update_staff, vault=self._vault, **command)

    @rpc(contract.GET_STAFF)
    def get_staff(self, call: Call, **query: Any) -> Reply:
        """Return a staff member."""
        return self.db.read(call, queries.staff_member, **query)

    @rpc(contract.LIST_STAFF)
    def list_staff(self, call: Call, **query: Any) -> Reply:
        """Return a page of staff."""
        return self.db.read(call, queries.list_staff, **query)

    # --- stores

    @rpc(contract.CREATE_STORE)
    def create_store(self, call: Call, **command: Any) -> Reply:
        """Open a store."""
        return self.db.write(call, machines.create_store, **command)

    @rpc(contract.UPDATE_STORE)
    def update_store(self, call: Call, **command: Any) -> Reply:
        """Change a store."""
        return self.db.write(call, machines.update_store, **command)

    @rpc(contract.GET_STORE)
    def get_store(self, call: Call, **query: Any) -> Reply:
        """Return a store."""
        return self.db.read(call, queries.store, **query)

    @rpc(contract.LIST_STORES)
    def list_stores(self, call: Call, **query: Any) -> Reply:
        """Return a page of stores."""
        return self.db.read(call, queries.list_stores, **query)

    # --- terminals

    @rpc(contract.CREATE_TERMINAL)
    def create_terminal(self, call: Call, **command: Any) -> Reply:
        """Set up a terminal."""
        return self.db.write(call, machines.create_terminal, vault=self._vault, **command)

    @rpc(contract.UPDATE_TERMINAL)
    def update_terminal(self, call: Call, **command: Any) -> Reply:
        """Move a terminal or switch it off or on."""
        return self.db.write(call, machines.update_terminal, **command)

    @rpc(contract.ROTATE_TERMINAL)
    def rotate_terminal(self, call: Call, **command: Any) -> Reply:
        """Replace a terminal's secret."""
        return self.db.write(call, machines.rotate_terminal, vault=self._vault, **command)

    @rpc(contract.GET_TERMINAL)
    def get_terminal(self, call: Call, **query: Any) -> Reply:
        """Return a terminal."""
        return self.db.read(call, queries.terminal, **query)

    @rpc(contract.LIST_TERMINALS)
    def list_terminals(self, call: Call, **query: Any) -> Reply:
        """Return a page of terminals."""
        return self.db.read(call, queries.list_terminals, **query)

    # --- clients

    @rpc(contract.CREATE_CLIENT)
    def create_client(self, call: Call, **command: Any) -> Reply:
        """Let a program in."""
        return self.db.write(call, machines.create_client, vault=self._vault, **command)

    @rpc(contract.UPDATE_CLIENT)
    def update_client(self, call: Call, **command: Any) -> Reply:
        """Rename a client or switch it off or on."""
        return self.db.write(call, machines.update_client, **command)

    @rpc(contract.ROTATE_CLIENT)
    def rotate_client(self, call: Call, **command: Any) -> Reply:
        """Replace a client's secret."""
        return self.db.write(call, machines.rotate_client, vault=self._vault, **command)

    @rpc(contract.GET_CLIENT)
    def get_client(self, call: Call, **query: Any) -> Reply:
        """Return a client."""
        return self.db.read(call, queries.client, **query)

    @rpc(contract.LIST_CLIENTS)
    def list_clients(self, call: Call, **query: Any) -> Reply:
        """Return a page of clients."""
        return self.db.read(call, queries.list_clients, **query)

    # --- merged members

    @on(merge_events.MERGED)
    def on_member_merged(self, event: Envelope) -> None:
        """Let the source's sessions be the survivor's (M3)."""
        self.db.consume(event, merging.follow_merge)

    @on(merge_events.UNMERGED)
    def on_member_unmerged(self, event: Envelope) -> None:
        """Let the source's sessions be its own again (M3)."""
        self.db.consume(event, merging.follow_merge)

    @property
    def _vault(self) -> Vault:
        return Vault.of(self.settings)


SERVICE = IdentityService
