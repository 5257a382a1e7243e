"""What time alone makes due: notices, reviews, the end of grace, of overrides, a new version (T3).

Slices of members are judged by a handful of statements each and commit on their own, so the work
takes bounded memory, goes on where it stopped, and several processes may share it. Reads take no
locks. A slice does the next thing that is due for each member; what is due after that comes with a
later slice, as its time is in the row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from uuid import UUID

from services.tiers.domain.alike import Alike, as_far, outcome
from services.tiers.domain.machine import Life
from services.tiers.domain.programme import BEGINNING, Programme, in_force
from services.tiers.domain.standing import Due, Standing, Window, due_next, window_of
from services.tiers.queries.passing import pass_time
from services.tiers.repository import facts, programmes, slices, states
from services.tiers.repository.facts import Span
from services.tiers.repository.slices import Judged, Row
from services.tiers.use_cases.granting import give_upgrade_coupons
from services.tiers.use_cases.moving import move_of, news_of, record
from shared.contracts.tiers import events
from shared.db import UnitOfWork

BATCH = 1_000


def review(uow: UnitOfWork, *, time_zone: tzinfo, limit: int = BATCH) -> int:
    """Do what is due next for some members; return how many there were."""
    return _judge(uow, slices.lock_due(uow.connection, uow.now, limit), time_zone)


def adopt_version(uow: UnitOfWork, *, time_zone: tzinfo, limit: int = BATCH) -> int:
    """Bring some members nearer to the version in force, if another holds; return how many."""
    versions = programmes.published(uow.connection)
    current = in_force(versions, uow.now)
    older = [each.version for each in versions if each.effective_from < current.effective_from]
    if not older:
        return 0
    return _judge(uow, slices.lock_older(uow.connection, older, limit), time_zone)


@dataclass(slots=True)
class _Group:
    """Members of a slice who stand alike, and what is due for them."""

    standing: Standing
    life: Life
    due: Due
    window: Window | None
    members: list[str] = field(default_factory=list)
    counts: Sequence[int] = ()


def _judge(uow: UnitOfWork, rows: Sequence[Row], zone: tzinfo) -> int:
    if not rows:
        return 0
    versions = programmes.published(uow.connection, rows[0].editions)
    groups = _groups(rows, versions, zone, uow.now)
    _count(uow, groups)
    judged: list[Judged] = []
    for group in groups:
        if group.due.kind == "floor" and group.due.at <= uow.now:
            _one_by_one(uow, group.members, zone)
        else:
            judged += _settle(group, uow.now)
    slices.save(uow.connection, judged, uow.now)
    _tell(uow, judged, zone)
    return len(rows)


def _groups(
    rows: Sequence[Row], versions: tuple[Programme, ...], zone: tzinfo, now: datetime
) -> list[_Group]:
    """Put together who stands alike, and find out what is due for them."""
    has_anniversaries = any(each.window.type == "anniversary" for each in versions)
    firsts: dict[tuple[Alike, datetime], datetime] = {}
    found: dict[tuple[Alike, datetime, datetime, datetime], _Group] = {}
    for row in rows:
        began_at = row.began_at if has_anniversaries else BEGINNING
        life = Life(began_at, zone, versions)
        due_at = firsts.get((row.alike, began_at))
        if due_at is None:
            due_at = due_next(row.alike.example(began_at), life).at
            firsts[row.alike, began_at] = due_at
        # Instants of its own matter where they are later, which is rare.
        told_from = row.told_from if row.told_from > due_at else BEGINNING
        judged_at = row.judged_at if row.judged_at > due_at else BEGINNING
        group = found.get((row.alike, began_at, told_from, judged_at))
        if group is None:
            example = row.alike.example(began_at, told_from=told_from, judged_at=judged_at)
            group = found[row.alike, began_at, told_from, judged_at] = _group(example, life, now)
        group.members.append(row.member_id)
    return list(found.values())


def _group(example: Standing, life: Life, now: datetime) -> _Group:
    due = due_next(example, life)
    is_counted = due.at <= now and due.kind != "floor"
    return _Group(example, life, due, window_of(example, life, due, now) if is_counted else None)


def _count(uow: UnitOfWork, groups: Sequence[_Group]) -> None:
    """Count for all groups, those of one metric in one statement."""
    by_metric: defaultdict[str, list[tuple[_Group, Window]]] = defaultdict(list)
    for group in groups:
        if group.window is None:
            group.counts = [0] * len(group.members)
        else:
            by_metric[group.window.rules.metric].append((group, group.window))
    for metric, counted in by_metric.items():
        spans = [
            Span(member_id, window.after, window.before)
            for group, window in counted
            for member_id in group.members
        ]
        found = facts.counts(uow.connection, metric, spans)
        first = 0
        for group, _ in counted:
            group.counts = found[first : first + len(group.members)]
            first += len(group.members)


def _settle(group: _Group, now: datetime) -> Iterator[Judged]:
    """Ask the rules once for each threshold that some of the group reach."""
    reaching: defaultdict[int, list[int]] = defaultdict(list)
    for place, count in enumerate(group.counts):
        reaching[as_far(group.standing, group.window, group.due, count)].append(place)
    for count, places in reaching.items():
        yield Judged(
            outcome(group.standing, group.life, group.due, count, now),
            [group.members[place] for place in places],
            [group.counts[place] for place in places],
        )


def _one_by_one(uow: UnitOfWork, member_ids: Sequence[str], zone: tzinfo) -> None:
    """Do all that is due for members whose floors change: no two have the same ones."""
    rows = states.read_all(uow.connection, member_ids)
    moves = [move_of(uow.connection, row, zone) for row in rows]
    pass_time(uow.connection, moves, uow.now)
    record(uow, moves)


def _tell(uow: UnitOfWork, judged: Sequence[Judged], zone: tzinfo) -> None:
    for found, members, haves in judged:
        change, notice = found.change, found.notice
        if change is not None and change.is_news:
            same = ((member_id, {"member_id": member_id}) for member_id in members)
            uow.emit_each(events.CHANGED, news_of(change), same)
            rises = ((UUID(member_id), change) for member_id in members)
            give_upgrade_coupons(uow, rises, zone)
        if notice is not None:
            own = (
                (member_id, {"member_id": member_id, "have": have, "missing": notice.keep - have})
                for member_id, have in zip(members, haves, strict=True)
            )
            uow.emit_each(events.REVIEW_DUE, asdict(notice), own)
