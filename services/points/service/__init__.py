"""The points service on the wire."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from services.points import liability, movements, queries, statements, use_cases, verification
from services.points.service.listening import Listener
from services.points.service.ordering import Checkouts
from services.points.use_cases import proofs
from services.points.use_cases.allowances import Signer
from shared.calls import Reply
from shared.contracts.coupons import events as coupons
from shared.contracts.event import Envelope
from shared.contracts.members import events as members_events
from shared.contracts.points import adjustments, holds, households, transfers
from shared.contracts.points import expiry as expiry_contract
from shared.contracts.points import liability as liability_contract
from shared.contracts.points import proofs as proof_contract
from shared.contracts.points import rpc as contract
from shared.contracts.points import statements as statement_contract
from shared.contracts.tiers import events as tiers
from shared.db import Call, UnitOfWork
from shared.db.transactions import UseCase
from shared.events.handler import on
from shared.jobs import JobState, Progress, job
from shared.lanes import in_lanes
from shared.rpc.server import every, rpc
from shared.security.crypto import MasterKey
from shared.service import HOUSEKEEPING_S

EXPIRY_SWEEP_S = 60
EXPIRY_LANES = min(4, os.cpu_count() or 1)
"""A month's end may let millions of lots lapse; PostgreSQL does it on as many cores.

More lanes than cores would only make each slice take longer, and who needs its accounts wait.
"""
EXTENSION_SWEEP_S = 5
NOTICE_ROUND_S = 300
PROOF_LOOK_S = 600


class PointsService(Checkouts, Listener):
    """Sales, returns, balances, checkouts."""

    name: ClassVar[str] = "points"

    def due_work(self) -> None:
        """Close overdue checkouts, prolong lots, tell of what lapses soon, sweep what is due."""
        self.close_overdue_checkouts()
        self.extend_lots()
        self.notice_expiring()
        self.expire_lots()
        self.start_nightly_proof()

    @rpc(contract.RECORD_SALE)
    def record_sale(self, call: Call, **command: Any) -> Reply:
        """Record one sale."""
        return self._noting(call, use_cases.record_sale, use_cases.note_refused_sale, **command)

    @rpc(contract.RECORD_SALES)
    def record_sales(self, call: Call, **command: Any) -> Reply:
        """Record a batch of sales."""
        return self.db.write(call, use_cases.record_sales, programme=self.programme, **command)

    @rpc(contract.GET_SALE)
    def get_sale(self, call: Call, **query: Any) -> Reply:
        """Return a sale as it stands."""
        return self.db.read(call, queries.sale, **query)

    @rpc(contract.RETURN_SALE)
    def return_sale(self, call: Call, **command: Any) -> Reply:
        """Take goods of a sale back."""
        return self._noting(call, use_cases.return_sale, use_cases.note_refused_return, **command)

    @rpc(contract.CANCEL_SALE)
    def cancel_sale(self, call: Call, **command: Any) -> Reply:
        """Undo a sale as a whole."""
        return self.db.write(call, use_cases.cancel_sale, programme=self.programme, **command)

    @rpc(contract.BALANCE)
    def balance(self, call: Call, **query: Any) -> Reply:
        """Return a member's points."""
        return self.db.read(call, queries.balance, programme=self.programme, **query)

    @rpc(contract.TRANSACTIONS)
    def transactions(self, call: Call, **query: Any) -> Reply:
        """Return a page of a member's journal."""
        return self.db.read(call, queries.transactions, **query)

    @rpc(statement_contract.STATEMENT)
    def statement(self, call: Call, **query: Any) -> Reply:
        """Return a page of a member's month."""
        return self.db.read(call, statements.statement, programme=self.programme, **query)

    @rpc(contract.VERIFY)
    def verify(self, call: Call) -> Reply:
        """Prove the caches against the journal."""
        return self.db.read(call, verification.verify)

    @rpc(contract.CLAIM_SALE)
    def claim_sale(self, call: Call, **command: Any) -> Reply:
        """Give a sale without a member one."""
        return self.db.write(call, use_cases.claim_sale, programme=self.programme, **command)

    @rpc(contract.OFFLINE_ALLOWANCE)
    def offline_allowance(self, call: Call, **command: Any) -> Reply:
        """Promise a till what a member may spend while it is offline."""
        return self.db.write(
            call,
            use_cases.grant_allowance,
            programme=self.programme,
            signer=self._signer,
            **command,
        )

    @rpc(contract.ALLOWANCE_KEYS)
    def allowance_keys(self, call: Call) -> Reply:
        """Return the keys that verify allowances."""
        return self.db.write(call, use_cases.allowance_keys, signer=self._signer)

    @rpc(contract.LIST_POS_EXCEPTIONS)
    def list_pos_exceptions(self, call: Call, **query: Any) -> Reply:
        """Return a page of what tills' reports left for staff."""
        return self.db.read(call, queries.pos_exceptions, **query)

    @rpc(contract.GET_POS_EXCEPTION)
    def get_pos_exception(self, call: Call, **query: Any) -> Reply:
        """Return one exception."""
        return self.db.read(call, queries.pos_exception, **query)

    @rpc(contract.RESOLVE_POS_EXCEPTION)
    def resolve_pos_exception(self, call: Call, **command: Any) -> Reply:
        """Note what was done about an exception."""
        return self.db.write(call, use_cases.resolve_exception, **command)

    @rpc(liability_contract.LIABILITY)
    def liability(self, call: Call, **query: Any) -> Reply:
        """Return what is outstanding."""
        return self.db.read(call, liability.liability, programme=self.programme, **query)

    @rpc(proof_contract.REBUILD)
    def rebuild(self, call: Call) -> Reply:
        """Start to set all caches to what the journal says."""
        return self.db.write(call, use_cases.start_rebuild)

    @job(proofs.REBUILD)
    def rebuild_slice(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Set some more accounts right."""
        return proofs.rebuild_slice(uow, work)

    @job(proofs.NIGHTLY)
    def prove_slice(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Prove some more accounts by night."""
        return proofs.prove_slice(uow, work)

    @rpc(expiry_contract.ANNOUNCE_EXPIRY_CHANGE)
    def announce_expiry_change(self, call: Call, **command: Any) -> Reply:
        """Change how long points last."""
        programme = self.programme
        return self.db.write(call, use_cases.announce_expiry_change, programme=programme, **command)

    @rpc(expiry_contract.EXPIRY_CHANGES)
    def expiry_changes(self, call: Call, **query: Any) -> Reply:
        """Return a page of the changes of how long points last."""
        return self.db.read(call, queries.expiry_changes, **query)

    @rpc(expiry_contract.EXPIRY_CHANGE)
    def expiry_change(self, call: Call, **query: Any) -> Reply:
        """Return one such change."""
        return self.db.read(call, queries.expiry_change, **query)

    @rpc(holds.PLACE)
    def place_hold(self, call: Call, **command: Any) -> Reply:
        """Set points aside for an order."""
        return self.db.write(call, use_cases.place_hold, programme=self.programme, **command)

    @rpc(holds.CAPTURE)
    def capture_hold(self, call: Call, **command: Any) -> Reply:
        """Spend what is held."""
        return self.db.write(call, use_cases.capture_hold, **command)

    @rpc(holds.RELEASE)
    def release_hold(self, call: Call, **command: Any) -> Reply:
        """Give back what is held."""
        return self.db.write(call, use_cases.release_hold, **command)

    @rpc(holds.REFUND)
    def refund_reward(self, call: Call, **command: Any) -> Reply:
        """Give back what a cancelled reward order cost."""
        return self.db.write(call, use_cases.refund_reward, programme=self.programme, **command)

    @on(tiers.BENEFIT_GRANTED)
    def on_benefit_granted(self, event: Envelope) -> None:
        """Credit the points that a tier gives (T6)."""
        self.db.consume(event, partial(use_cases.award_benefit, programme=self.programme))

    @on(coupons.REWARD_CANCELLED)
    def on_reward_cancelled(self, event: Envelope) -> None:
        """Give back what it cost, if whoever cancelled it died before (R1)."""
        follow = partial(use_cases.follow_reward_cancel, programme=self.programme)
        self.db.consume(event, follow)

    @rpc(holds.GET)
    def get_hold(self, call: Call, **query: Any) -> Reply:
        """Return a hold."""
        return self.db.read(call, movements.hold, **query)

    @rpc(holds.LIST)
    def list_holds(self, call: Call, **query: Any) -> Reply:
        """Return a page of holds."""
        return self.db.read(call, movements.hold_list, **query)

    @rpc(adjustments.ADJUST)
    def adjust(self, call: Call, **command: Any) -> Reply:
        """Give or take points, or ask to."""
        return self.db.write(call, use_cases.adjust, programme=self.programme, **command)

    @rpc(adjustments.APPROVE)
    def approve_adjustment(self, call: Call, **command: Any) -> Reply:
        """Carry out what somebody else asked for."""
        work = use_cases.approve_adjustment
        return self.db.write(call, work, programme=self.programme, **command)

    @rpc(adjustments.REJECT)
    def reject_adjustment(self, call: Call, **command: Any) -> Reply:
        """Refuse what was asked for."""
        return self.db.write(call, use_cases.reject_adjustment, **command)

    @rpc(adjustments.GET)
    def get_adjustment(self, call: Call, **query: Any) -> Reply:
        """Return an adjustment."""
        return self.db.read(call, movements.adjustment, **query)

    @rpc(adjustments.LIST)
    def list_adjustments(self, call: Call, **query: Any) -> Reply:
        """Return a page of adjustments."""
        return self.db.read(call, movements.adjustment_list, **query)

    @rpc(transfers.TRANSFER)
    def transfer(self, call: Call, **command: Any) -> Reply:
        """Move points between members."""
        return self.db.write(call, use_cases.transfer, programme=self.programme, **command)

    @rpc(transfers.GET)
    def get_transfer(self, call: Call, **query: Any) -> Reply:
        """Return a transfer."""
        return self.db.read(call, movements.transfer, **query)

    @rpc(transfers.LIST)
    def list_transfers(self, call: Call, **query: Any) -> Reply:
        """Return a page of transfers."""
        return self.db.read(call, movements.transfer_list, **query)

    @rpc(households.POOL)
    def pool_points(self, call: Call, **command: Any) -> Reply:
        """Gather a household's points at its owner."""
        return self.db.write(call, use_cases.pool, **command)

    @rpc(households.POINTS)
    def household_points(self, call: Call, **query: Any) -> Reply:
        """Return what a household can spend."""
        return self.db.read(call, movements.household_points, **query)

    @rpc(contract.CREATE_RULE)
    def create_rule(self, call: Call, **draft: Any) -> Reply:
        """Write an earning rule."""
        return self.db.write(call, use_cases.create_rule, **draft)

    @rpc(contract.RULES)
    def rules(self, call: Call, **query: Any) -> Reply:
        """Return a page of earning rules."""
        return self.db.read(call, queries.rule_list, **query)

    @rpc(contract.RULE)
    def rule(self, call: Call, **query: Any) -> Reply:
        """Return an earning rule."""
        return self.db.read(call, queries.rule, **query)

    @rpc(contract.AMEND_RULE)
    def amend_rule(self, call: Call, **command: Any) -> Reply:
        """Change what an earning rule's next version will say."""
        return self.db.write(call, use_cases.amend_rule, **command)

    @rpc(contract.PUBLISH_RULE)
    def publish_rule(self, call: Call, **command: Any) -> Reply:
        """Publish an earning rule's next version."""
        return self.db.write(call, use_cases.publish_rule, programme=self.programme, **command)

    @rpc(contract.RETIRE_RULE)
    def retire_rule(self, call: Call, **command: Any) -> Reply:
        """End an earning rule."""
        return self.db.write(call, use_cases.retire_rule, **command)

    @rpc(contract.SIMULATE_RULES)
    def simulate_rules(self, call: Call, **query: Any) -> Reply:
        """Try earning rules on a sale; write nothing."""
        return self.db.read(call, use_cases.simulate, programme=self.programme, **query)

    @rpc(contract.SIMULATE_PERIOD)
    def simulate_period(self, call: Call, **query: Any) -> Reply:
        """Begin to try earning rules on a past period."""
        return self.db.write(call, use_cases.simulate_period, programme=self.programme, **query)

    @job(use_cases.SIMULATE_PERIOD)
    def simulate_period_slice(self, uow: UnitOfWork, work: JobState) -> Progress:
        """Judge the next sales of the period."""
        return use_cases.simulate_slice(uow, work, programme=self.programme)

    @rpc(contract.RECORD_ACTIVITY)
    def record_activity(self, call: Call, **command: Any) -> Reply:
        """Record what a member did beside buying."""
        return self.db.write(call, use_cases.record_activity, programme=self.programme, **command)

    @every(EXTENSION_SWEEP_S)
    def extend_lots(self) -> None:
        """Let existing lots last as long as changed terms say (L12)."""
        self.db.sweep("extend_lots", use_cases.extend_lots)

    @on(members_events.IMPORTED)
    def on_member_imported(self, event: Envelope) -> None:
        """Open accounts with what their members had elsewhere."""
        self.db.consume(event, partial(use_cases.open_balances, programme=self.programme))

    @every(EXPIRY_SWEEP_S)
    def expire_lots(self) -> None:
        """Write the expiry of lapsed lots, and whatever else time has brought about."""
        in_lanes(EXPIRY_LANES, self._expire_lots)
        self.db.sweep("settle_due", use_cases.settle_due)

    def _expire_lots(self, lane: int) -> None:
        pace = use_cases.lapse_pace()
        self.db.sweep(
            f"expire_lots/{lane}", lambda uow: use_cases.expire_lots(uow, lots=pace.step())
        )

    @every(PROOF_LOOK_S)
    def start_nightly_proof(self) -> None:
        """Prove the ledger once a night (L2)."""
        self.db.run(use_cases.start_nightly_proof, programme=self.programme)

    @every(HOUSEKEEPING_S)
    def forget_usage(self) -> None:
        """Delete what caps counted long ago."""
        self.db.sweep("rule_usage", partial(use_cases.forget_usage, programme=self.programme))

    @every(NOTICE_ROUND_S)
    def notice_expiring(self) -> None:
        """Tell members what lapses in 30, 7 or 1 days (L4)."""
        tell = partial(use_cases.notice_expiring, programme=self.programme)
        self.db.sweep("notice_expiring", tell)

    @property
    def _signer(self) -> Signer:
        return Signer(MasterKey(self.settings.master_key.reveal()), self.settings.issuer)

    def _noting(
        self, call: Call, use_case: UseCase, note: Callable[..., None], **command: Any
    ) -> Reply:
        """Run a use case; what staff has to look at of a till's refused report is kept (S5)."""
        try:
            return self.db.write(call, use_case, programme=self.programme, **command)
        except call.method.errors as refusal:
            if call.actor.kind == use_cases.TERMINAL:
                self.db.run(
                    note,
                    context=call.context,
                    programme=self.programme,
                    refusal=refusal,
                    **command,
                )
            raise


SERVICE = PointsService
