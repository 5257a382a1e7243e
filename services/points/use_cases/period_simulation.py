"""What a past period would have cost by other rules, sale by sale, as a job (E4, A9).

Sales are taken member by member, each member's in the order they happened: so what caps count of a
member is forgotten with it, and the work needs no more memory for a year than for a day. A cap on
the total gives the same sum in whichever order it is used up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.points.domain.programme import Programme
from services.points.domain.rules import Counter
from services.points.domain.sales import Line, Price, Sale, tier_at
from services.points.repository import accounts, orders
from services.points.repository import rules as rule_rows
from services.points.use_cases.judging import Judge, Shopper, channel_of
from services.points.use_cases.simulation import drafts
from shared.clock import rfc3339
from shared.contracts.points.simulations import SimulatePeriodSchema
from shared.db import UnitOfWork
from shared.errors import FieldError, Invalid
from shared.jobs import JobKind, JobState, Progress, finished, more, start

SIMULATE_PERIOD = JobKind("points", "simulate_period", SimulatePeriodSchema)
A_SLICE = 100
"""Sales a slice judges: some ten milliseconds of computing."""
LONGEST = timedelta(days=366)


def simulate_period(
    uow: UnitOfWork,
    *,
    programme: Programme,
    starts_at: datetime,
    ends_at: datetime,
    rules: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Start the simulation of a past period.

    Raises:
        Invalid: the period ends before it begins, is longer than a year, or not over yet.
        RuleNotValid: a draft could not be published.
        TooManyJobs: the caller has too many unfinished ones.
    """
    if not starts_at < ends_at <= starts_at + LONGEST:
        message = f"After from, at most {LONGEST.days} days."
        raise Invalid(errors=[FieldError("until", "out_of_range", message)])
    if ends_at > uow.now + programme.future_tolerance:
        raise Invalid(errors=[FieldError("until", "in_future", "The period is not over yet.")])
    drafts(programme, rules or (), uow.now)
    request = {"starts_at": starts_at, "ends_at": ends_at, "rules": rules}
    return start(uow, SIMULATE_PERIOD, request)


def simulate_slice(uow: UnitOfWork, work: JobState, *, programme: Programme) -> Progress:
    """Judge the next sales of the period and add up what they would have earned."""
    period = (work.request["starts_at"], work.request["ends_at"])
    state = _State(work.state)
    found = orders.sales_by_member(uow.connection, period, state.after, A_SLICE)
    if not found:
        return finished(work, done=work.done, result=state.result(period))
    total = work.total
    if total is None:
        total = orders.count_sales(uow.connection, period)
    given = work.request["rules"]
    rules = (
        rule_rows.current_book(uow.connection)
        if given is None
        else drafts(programme, given, uow.now)
    )
    simulation = _Simulation(uow, programme, Judge(uow, programme, rules))
    simulation.judge.tally.start_from(state.used)
    simulation.run(found, state)
    last = found[-1]
    state.after = (last.member_id, last.occurred_at, last.sale_id)
    state.used = simulation.judge.tally.of({"", str(last.member_id)})
    return more(work, done=work.done + len(found), total=total, state=state.to_json())


class _State:
    """What is carried from slice to slice."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.after: tuple[UUID, datetime, str] | None = None
        if kept.get("after") is not None:
            member_id, at, sale_id = kept["after"]
            self.after = (UUID(member_id), datetime.fromisoformat(at), sale_id)
        self.used = {Counter(*key): points for *key, points in kept.get("used", ())}
        self.sales: int = kept.get("sales", 0)
        self.by_rule: dict[str, list[int]] = {
            name: list(points) for name, points in kept.get("by_rule", {}).items()
        }

    def add(self, explain: Iterable[Mapping[str, Any]], side: int) -> None:
        """Add what rules gave: to side 0 what they did, to side 1 what they would have."""
        for entry in explain:
            key = json.dumps([entry["rule"], entry.get("rule_id"), entry["version"]])
            self.by_rule.setdefault(key, [0, 0])[side] += entry["rounded"]

    def to_json(self) -> dict[str, Any]:
        after = self.after and (str(self.after[0]), self.after[1].isoformat(), self.after[2])
        used = [[c.rule_id, c.holder, c.period, points] for c, points in self.used.items()]
        return {"after": after, "used": used, "sales": self.sales, "by_rule": self.by_rule}

    def result(self, period: tuple[datetime, datetime]) -> dict[str, Any]:
        """Return the answer of the job."""
        did, would = (sum(points[side] for points in self.by_rule.values()) for side in (0, 1))
        return {
            "from": rfc3339(period[0]),
            "until": rfc3339(period[1]),
            "sales": self.sales,
            "points": {"did": did, "would": would, "difference": would - did},
            "by_rule": [
                _of_rule(key, did, would) for key, (did, would) in sorted(self.by_rule.items())
            ],
        }


def _of_rule(key: str, did: int, would: int) -> dict[str, Any]:
    name, rule_id, version = json.loads(key)
    return {"rule": name, "rule_id": rule_id, "version": version, "did": did, "would": would}


class _Simulation:
    """The sales of one slice."""

    def __init__(self, uow: UnitOfWork, programme: Programme, judge: Judge) -> None:
        self.uow = uow
        self.programme = programme
        self.judge = judge

    def run(self, found: Sequence[Any], state: _State) -> None:
        """Judge sales in their order."""
        connection = self.uow.connection
        sale_ids = [row.sale_id for row in found]
        lines = orders.lines_of(connection, sale_ids)
        first = orders.first_purchases(connection, sale_ids)
        why = orders.explanations(connection, sale_ids)
        known = {a.member_id: a for a in accounts.peek(connection, {r.member_id for r in found})}
        self.judge.know_stores({row.store_id for row in found if row.store_id is not None})
        for row in found:
            sale, price = _sold(row, lines[row.sale_id])
            account = known.get(row.member_id)
            shopper = Shopper(
                row.member_id,
                tier_at(account.tiers if account else (), row.occurred_at, self.programme),
                account.birth_month if account else None,
                channel_of(row.recorded_by),
                is_first_purchase=row.sale_id in first,
            )
            judgement = self.judge.judge(sale, price, shopper)
            self.judge.count(judgement, sale)
            state.sales += 1
            state.add(why.get(row.sale_id, ()), 0)
            state.add(judgement.explain, 1)


def _sold(row: Any, lines: Sequence[Any]) -> tuple[Sale, Price]:
    """Return a recorded sale and its price as they were judged at first."""
    names = Line.__dataclass_fields__
    sale = Sale(
        sale_id=row.sale_id,
        occurred_at=row.occurred_at,
        currency=row.currency,
        lines=tuple(Line(**{name: getattr(line, name) for name in names}) for line in lines),
        member_id=row.member_id,
        store_id=row.store_id,
    )
    tender = tuple(line.points_minor for line in lines)
    return sale, Price(row.gross_minor, row.discount_minor, row.points_minor, tender)
