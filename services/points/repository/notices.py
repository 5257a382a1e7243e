"""Notices of points about to lapse: who is told what, once (L4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from services.points import tables
from services.points.domain.notices import Window
from services.points.domain.programme import Programme
from services.points.repository.wire import instant
from shared.contracts.points import events
from shared.db import UnitOfWork

_INSTANTS = ARRAY(sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Round:
    """One look at all accounts, for the notices of a local day; locked."""

    day: date
    previous_day: date | None
    after_member_id: UUID


def lock_round(connection: sa.Connection, today: date) -> Round | None:
    """Lock the round to go on with: one that is not finished, else today's; None if that is."""
    rounds = tables.notice_rounds
    newest = sa.select(rounds).order_by(rounds.c.day.desc()).limit(1).with_for_update()
    known = connection.execute(newest).one_or_none()
    if known is None or (known.finished_at is not None and known.day < today):
        row = {"day": today, "previous_day": known and known.day}
        added = insert(rounds).values(row).on_conflict_do_nothing().returning(rounds)
        known = connection.execute(added).one_or_none()
    if known is None or known.finished_at is not None:
        return None
    return Round(known.day, known.previous_day, known.after_member_id)


# Names of our own tables and constants of this code only.
_SQL = f"""
WITH slice AS MATERIALIZED (
    SELECT member_id, next_lapse_at FROM accounts
    WHERE member_id > :after ORDER BY member_id LIMIT :most
), lapsing AS (
    SELECT l.member_id, l.expires_at, sum(l.remaining)::bigint AS points
    FROM slice s JOIN lots l USING (member_id)
    WHERE s.next_lapse_at <= :horizon AND l.remaining > 0 AND NOT l.is_pending
        AND l.expires_at > :now AND l.expires_at <= :horizon
    GROUP BY l.member_id, l.expires_at
), noted AS (
    INSERT INTO expiry_notices (member_id, expires_at, days_ahead, points, noticed_at)
    SELECT member_id, expires_at, due.days_ahead, points, :now
    FROM lapsing CROSS JOIN LATERAL (
        SELECT min(w.days_ahead) AS days_ahead
        FROM unnest(:days_ahead, :afters, :untils) AS w (days_ahead, after, until)
        WHERE w.after < lapsing.expires_at AND lapsing.expires_at <= w.until
    ) due
    WHERE due.days_ahead IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING member_id, expires_at, points
), numbered AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY member_id ORDER BY expires_at) AS place,
        count(*) OVER (PARTITION BY member_id) AS total,
        ((expires_at - interval '1 microsecond') AT TIME ZONE :time_zone)::date AS expires_on
    FROM noted
), sequences AS (
    INSERT INTO event_sequences AS s (subject, last)
    SELECT member_id::text, total FROM numbered WHERE place = 1
    ORDER BY member_id::text
    ON CONFLICT (subject) DO UPDATE SET last = s.last + excluded.last
    RETURNING subject, last
), facts AS (
    INSERT INTO outbox (event_id, type, version, subject, sequence, occurred_at, recorded_at,
        traceparent, request_id, data)
    SELECT uuidv7(), '{events.EXPIRING.name}', {events.EXPIRING.version}, s.subject,
        s.last - n.total + n.place, :now, :now, :traceparent, :request_id,
        jsonb_build_object('member_id', n.member_id, 'points', n.points,
            'expires_at', {instant("n.expires_at")}, 'expires_on', n.expires_on,
            'days_left', n.expires_on - CAST(:today AS date))
    FROM numbered n JOIN sequences s ON s.subject = n.member_id::text
    ORDER BY n.member_id, n.place
    RETURNING 1
), forgotten AS (
    DELETE FROM expiry_notices USING slice
    WHERE expiry_notices.member_id = slice.member_id AND expiry_notices.expires_at <= :now
)
SELECT count(*) AS accounts, max(member_id::text)::uuid AS last,
    (SELECT count(*) FROM facts) AS notices
FROM slice
"""  # noqa: S608
_NOTICE = sa.text(_SQL).bindparams(
    sa.bindparam("days_ahead", type_=ARRAY(sa.Integer)),
    sa.bindparam("afters", type_=_INSTANTS),
    sa.bindparam("untils", type_=_INSTANTS),
)


def notice(
    uow: UnitOfWork,
    current: Round,
    windows: Sequence[Window],
    *,
    programme: Programme,
    accounts: int,
) -> int:
    """Tell the members of the next accounts, note how far the round has come; return how many."""
    values = {
        "after": current.after_member_id,
        "most": accounts,
        "now": uow.now,
        "today": programme.local_date(uow.now),
        "horizon": max(window.until for window in windows),
        "days_ahead": [window.days_ahead for window in windows],
        "afters": [window.after for window in windows],
        "untils": [window.until for window in windows],
        "time_zone": programme.time_zone.key,
        "traceparent": uow.context.traceparent,
        "request_id": uow.context.request_id,
    }
    found = uow.connection.execute(_NOTICE, values).one()
    rounds = tables.notice_rounds
    uow.connection.execute(
        sa.update(rounds)
        .where(rounds.c.day == current.day)
        .values(
            after_member_id=found.last or current.after_member_id,
            notices=rounds.c.notices + found.notices,
            finished_at=uow.now if found.accounts < accounts else None,
        )
    )
    count: int = found.accounts
    return count
