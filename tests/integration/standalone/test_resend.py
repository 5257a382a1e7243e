"""After a crash every consumer gets what it has not had, and nothing else is sent again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from shared.db import platform_ddl
from standalone.resend import Resender, Subscription
from tests.support.postgres import ServiceDatabase

SALES = Subscription("tiers", "points", frozenset({("sale.recorded", 1), ("sale.returned", 1)}))
EARNINGS = Subscription("coupons", "points", frozenset({("points.earned", 1)}))


@dataclass
class Platform:
    """Three databases with platform tables, and one superuser engine for each."""

    engines: dict[str, sa.Engine]

    @property
    def resender(self) -> Resender:
        return Resender(self.engines, [SALES, EARNINGS])

    def publish(self, name: str = "sale.recorded", version: int = 1) -> tuple[int, uuid.UUID]:
        with self.engines["points"].begin() as connection:
            return self.write(connection, name, version)

    def write(
        self, connection: sa.Connection, name: str = "sale.recorded", version: int = 1
    ) -> tuple[int, uuid.UUID]:
        event_id = uuid.uuid4()
        outbox_id = connection.execute(
            sa.text(
                "INSERT INTO outbox (event_id, type, version, subject, sequence, occurred_at,"
                " recorded_at, data, published_at) VALUES (:event_id, :name, :version, :subject,"
                " 1, now(), now(), '{}', now()) RETURNING id"
            ),
            {"event_id": event_id, "name": name, "version": version, "subject": str(event_id)},
        ).scalar_one()
        return outbox_id, event_id

    def consume(self, consumer: str, event_id: uuid.UUID) -> None:
        with self.engines[consumer].begin() as connection:
            connection.execute(
                sa.text("INSERT INTO inbox VALUES ('points', :event_id, now())"),
                {"event_id": event_id},
            )

    def unpublished(self) -> list[int]:
        """Return what the relay would send next, and let it be sent."""
        with self.engines["points"].begin() as connection:
            rows = connection.execute(
                sa.text(
                    "UPDATE outbox SET published_at = now() WHERE published_at IS NULL RETURNING id"
                )
            )
            return sorted(rows.scalars())

    def checkpoint(self, consumer: str) -> int | None:
        with self.engines[consumer].connect() as connection:
            found: int | None = connection.execute(
                sa.text("SELECT outbox_id FROM inbox_checkpoints")
            ).scalar()
            return found

    def gaps(self, consumer: str) -> list[int]:
        with self.engines[consumer].connect() as connection:
            return list(
                connection.execute(
                    sa.text("SELECT outbox_id FROM standalone.gaps ORDER BY 1")
                ).scalars()
            )


@pytest.fixture
def platform(empty_database: Callable[[str], ServiceDatabase]) -> Iterator[Platform]:
    engines = {
        service: sa.create_engine(empty_database(service).admin_url)
        for service in ("points", "tiers", "coupons")
    }
    for engine in engines.values():
        with engine.begin() as connection:
            connection.exec_driver_sql(platform_ddl.V1)
    platform = Platform(engines)
    platform.resender.prepare()
    yield platform
    for engine in engines.values():
        engine.dispose()


def test_event_nobody_consumed_is_sent_again(platform: Platform) -> None:
    lost, _ = platform.publish()

    assert platform.resender.before_start() == 1

    assert platform.unpublished() == [lost]


def test_consumed_and_unwanted_events_are_not_sent_again(platform: Platform) -> None:
    _, consumed = platform.publish()
    platform.consume("tiers", consumed)
    platform.publish("points.expired")
    platform.publish("sale.recorded", version=2)

    assert platform.resender.before_start() == 0

    assert platform.unpublished() == []


def test_event_one_of_two_consumers_had_is_sent_again_for_the_other(platform: Platform) -> None:
    resender = Resender(
        platform.engines,
        [SALES, Subscription("coupons", "points", frozenset({("sale.recorded", 1)}))],
    )
    outbox_id, event_id = platform.publish()
    platform.consume("tiers", event_id)

    resender.before_start()

    assert platform.unpublished() == [outbox_id]


def test_event_lost_again_is_sent_at_each_start_until_it_is_consumed(platform: Platform) -> None:
    outbox_id, event_id = platform.publish()
    for _ in range(2):
        platform.resender.before_start()
        assert platform.unpublished() == [outbox_id]

    platform.consume("tiers", event_id)
    platform.resender.before_start()

    assert platform.unpublished() == []
    assert platform.gaps("tiers") == []


def test_checkpoint_moves_past_a_gap_and_remembers_it(platform: Platform) -> None:
    poison, _ = platform.publish()
    for _ in range(3):
        last, event_id = platform.publish()
        platform.consume("tiers", event_id)

    platform.resender.advance()

    assert platform.checkpoint("tiers") == last
    assert platform.gaps("tiers") == [poison]
    platform.resender.before_start()
    assert platform.unpublished() == [poison]


def test_start_looks_only_behind_the_checkpoint(platform: Platform) -> None:
    _, event_id = platform.publish()
    platform.consume("tiers", event_id)
    platform.resender.advance()
    with platform.engines["tiers"].begin() as connection:
        connection.execute(sa.text("DELETE FROM inbox"))  # as housekeeping does in time

    assert platform.resender.before_start() == 0


def test_checkpoint_waits_for_a_writer_that_drew_an_earlier_id(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("standalone.resend.SETTLE_S", 0.05)
    with platform.engines["points"].begin() as slow:
        early, _ = platform.write(slow)
        late, event_id = platform.publish()
        platform.consume("tiers", event_id)
        platform.resender.advance()
        assert platform.checkpoint("tiers") is None

    platform.resender.advance()

    assert platform.checkpoint("tiers") == late
    assert platform.gaps("tiers") == [early]


def test_more_events_than_one_batch_are_all_examined(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("standalone.resend.BATCH_ROWS", 3)
    published = [platform.publish() for _ in range(10)]
    for number, (_, event_id) in enumerate(published):
        if number % 2:
            platform.consume("tiers", event_id)
    missing = [outbox_id for number, (outbox_id, _) in enumerate(published) if not number % 2]

    assert platform.resender.before_start() == 5
    assert platform.unpublished() == missing
    assert platform.resender.before_start() == 5  # now from the gaps
    assert platform.unpublished() == missing


def test_event_a_consumer_lacks_is_kept_from_housekeeping(platform: Platform) -> None:
    lacking, _ = platform.publish()
    _, event_id = platform.publish()
    platform.consume("tiers", event_id)
    with platform.engines["points"].begin() as connection:
        connection.execute(sa.text("UPDATE outbox SET published_at = now() - interval '6 days'"))

    platform.resender.advance()

    with platform.engines["points"].connect() as connection:
        recent = sa.text("SELECT id FROM outbox WHERE published_at > now() - interval '1 hour'")
        assert connection.execute(recent).scalars().all() == [lacking]
