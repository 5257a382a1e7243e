"""What members do beside buying: recorded once, rewarded by the rules of its time (E2, L7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from services.points import tables
from services.points.domain import rules
from services.points.domain.programme import Programme
from services.points.domain.rules import (
    CHECK_IN,
    LONGEST_STREAK,
    PROFILE_COMPLETE,
    Activity,
    Judgement,
)
from services.points.domain.sales import tier_at
from services.points.repository import rules as rule_rows
from services.points.repository.book import ACTIVITY, Book, Cause
from services.points.use_cases.awards import NOBODYS
from services.points.use_cases.content import digest_of
from services.points.use_cases.judging import Judge, Shopper, channel_of
from services.points.use_cases.posting import Awarded, post
from services.points.use_cases.sales import NOBODY
from services.points.use_cases.standing import refuse_over
from shared.contracts.base import instance_of
from shared.contracts.points.activities import ActivityAnswerSchema
from shared.db import Outcome, UnitOfWork
from shared.errors.points import (
    ActivityIdConflict,
    ActivityInFuture,
    ActivityTooOld,
    UnknownMember,
)
from shared.merging import family, were_one


def record_activity(
    uow: UnitOfWork,
    *,
    programme: Programme,
    member_id: UUID | None,
    member_status: str | None,
    **reported: Any,
) -> Outcome:
    """Record an activity; one that is known with the same content answers as it did then (L7).

    Only the first check-in of a local day counts, and only the first complete profile; what does
    not count is recorded and earns nothing.

    Raises:
        UnknownMember: nobody answers to the identifier.
        CodeInvalid, CodeExpired, CodeUsed: the rotating code does not count (M2).
        MemberNotActive: the member may not earn.
        ActivityIdConflict: the id is known with other content.
        ActivityInFuture: it is dated more than the tolerated five minutes ahead.
        ActivityTooOld: it happened longer ago than who reports it may report.
    """
    book = Book(uow)
    if member_id is not None:
        book.open([member_id])
        member_id = book.owner(member_id)
    content = digest_of([reported["activity"], member_id, reported["occurred_at"]])
    known = _known(uow, reported["activity_id"])
    if known is not None:
        if known.content_hash != content and not _is_same(uow, known, member_id, reported):
            raise ActivityIdConflict
        return Outcome(_revived(known.answer), 200, replayed=True)
    if member_status in NOBODY:
        raise NOBODY[member_status]
    if member_id is None:
        raise UnknownMember
    refuse_over(book.account(member_id), member_status)
    activity = Activity(member_id=member_id, **reported)
    _judge_time(uow, programme, activity.occurred_at)
    return Outcome(_Recording(uow, programme, book, activity).record(content))


def _judge_time(uow: UnitOfWork, programme: Programme, occurred_at: datetime) -> None:
    """Let pass what comes in time; who speaks for itself has less of it, lest it make up days."""
    if occurred_at > uow.now + programme.future_tolerance:
        raise ActivityInFuture
    is_own = uow.actor.kind == "member"
    limit = programme.own_activity_limit if is_own else programme.activity_limit
    if occurred_at < uow.now - limit:
        raise ActivityTooOld


def _known(uow: UnitOfWork, activity_id: str) -> Any:
    activities = tables.activities
    shown = (activities.c.content_hash, activities.c.answer, activities.c.member_id)
    statement: sa.Select[Any] = sa.select(*shown).where(activities.c.activity_id == activity_id)
    return uow.connection.execute(statement).one_or_none()


def _is_same(
    uow: UnitOfWork, known: Any, member_id: UUID | None, reported: Mapping[str, Any]
) -> bool:
    """Return whether it was reported of a member that is the same by now (M3)."""
    told_then = digest_of([reported["activity"], known.member_id, reported["occurred_at"]])
    if member_id is None or known.content_hash != told_then:
        return False
    return were_one(uow.connection, known.member_id, member_id)


class _Recording:
    """One activity under way, its member's account locked."""

    def __init__(
        self, uow: UnitOfWork, programme: Programme, book: Book, activity: Activity
    ) -> None:
        self.uow = uow
        self.programme = programme
        self.book = book
        self.activity = activity
        self.day = programme.local_date(activity.occurred_at)
        published = rule_rows.book(uow.connection, book.rules_token)
        self.judge = Judge(uow, programme, published)

    def record(self, content: str) -> dict[str, Any]:
        """Judge it, post what it earns, write it all and return the answer."""
        activity, earlier = self.activity, self._earlier()
        counted = not earlier if activity.activity == PROFILE_COMPLETE else self.day not in earlier
        streak = None
        if counted and activity.activity == CHECK_IN:
            streak = rules.streak_of(self.day, earlier)
        judgement = self._judge(streak) if counted else NOBODYS
        cause = Cause(ACTIVITY, activity.activity_id, activity.occurred_at)
        awarded = post(self.book, self.programme, activity.member_id, judgement.grants, cause)
        answer = self._answer(judgement, awarded, counted=counted, streak=streak)
        self._write(content, answer)
        self.book.flush()
        self.judge.count(judgement, activity)
        self.judge.tally.write()
        return answer

    def _earlier(self) -> set[date]:
        """Return the local days of those before it that it is measured by."""
        done = tables.activities
        if self.activity.activity not in (CHECK_IN, PROFILE_COMPLETE):
            return set()
        statement = sa.select(done.c.local_day).where(
            done.c.member_id.in_(family(self.uow.connection, self.activity.member_id)),
            done.c.activity == self.activity.activity,
            done.c.counted,
        )
        if self.activity.activity == CHECK_IN:
            first = self.day - timedelta(days=LONGEST_STREAK)
            statement = statement.where(done.c.local_day.between(first, self.day))
        return set(self.uow.connection.execute(statement).scalars())

    def _judge(self, streak: int | None) -> Judgement:
        activity, account = self.activity, self.book.account(self.activity.member_id)
        shopper = Shopper(
            activity.member_id,
            tier_at(account.tiers, activity.occurred_at, self.programme),
            account.birth_month,
            channel_of(self.uow.actor.key),
        )
        self.judge.prepare([activity])
        published = self.judge.rules_at(activity.occurred_at)
        return rules.judge_activity(
            activity.activity,
            published,
            self.judge.occasion(activity.occurred_at, activity.store_id, shopper),
            self.judge.rooms(published, activity.member_id, activity.occurred_at),
            streak or 0,
        )

    def _answer(
        self, judgement: Judgement, awarded: Awarded, *, counted: bool, streak: int | None
    ) -> dict[str, Any]:
        activity = self.activity
        return {
            "activity_id": activity.activity_id,
            "activity": activity.activity,
            "member_id": activity.member_id,
            "counted": counted,
            "streak": streak,
            "points": {
                "earned": awarded.points,
                "pending": awarded.pending(self.uow.now),
                "available_on": awarded.available_on(self.uow.now, self.programme),
            },
            "balances": self.book.account(activity.member_id).figures.balances,
            "explain": judgement.explain,
        }

    def _write(self, content: str, answer: Mapping[str, Any]) -> None:
        told = instance_of(ActivityAnswerSchema).dump(answer)
        row = {
            "activity_id": self.activity.activity_id,
            "member_id": self.activity.member_id,
            "activity": self.activity.activity,
            "occurred_at": self.activity.occurred_at,
            "recorded_at": self.uow.now,
            "recorded_by": self.uow.actor.key,
            "local_day": self.day,
            "counted": answer["counted"],
            "points": answer["points"]["earned"],
            "content_hash": content,
            "answer": json.dumps(told, separators=(",", ":"), ensure_ascii=False),
        }
        self.book.insert(tables.activities, [row])


def _revived(stored: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(stored)
    day = answer["points"]["available_on"]
    answer["points"]["available_on"] = None if day is None else date.fromisoformat(day)
    return answer
