"""kombu over the in-process broker, in a plain process with threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import ChannelError
from kombu.message import Message
from kombu.messaging import Producer

from standalone.transport import forget_broker

NAME = "transport-test"
EXCHANGE = Exchange("test.events", type="topic", durable=True)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection(f"inproc://{NAME}") as connection:
        yield connection
    forget_broker(NAME)


def queue(arguments: dict[str, object] | None = None) -> Queue:
    return Queue("work", EXCHANGE, routing_key="sale.#", queue_arguments=arguments)


def test_message_arrives_with_its_content_type_among_the_properties(
    connection: Connection,
) -> None:
    got: list[Message] = []
    with connection.Consumer([queue()], on_message=got.append, no_ack=True):
        connection.Producer().publish({"a": 1}, exchange=EXCHANGE, routing_key="sale.v1")
        connection.drain_events(timeout=1)

    assert got[0].payload == {"a": 1}
    assert got[0].properties["content_type"] == "application/json"
    assert got[0].delivery_info["routing_key"] == "sale.v1"


def test_waiting_consumer_wakes_when_another_connection_publishes(
    connection: Connection,
) -> None:
    waited: list[float] = []
    with (
        connection.Consumer([queue()], on_message=lambda message: message.ack()),
        Connection(f"inproc://{NAME}") as other,
    ):
        publish = threading.Timer(
            0.05, other.Producer().publish, ["x"], {"exchange": EXCHANGE, "routing_key": "sale.v1"}
        )
        publish.start()
        start = time.monotonic()
        connection.drain_events(timeout=5)
        waited.append(time.monotonic() - start)
        publish.join()

    assert waited[0] < 1


def test_drain_gives_up_when_nothing_arrives(connection: Connection) -> None:
    with (
        connection.Consumer([queue()], on_message=lambda _: None),
        pytest.raises(TimeoutError),
    ):
        connection.drain_events(timeout=0.01)


def test_unsettled_messages_come_again_when_the_connection_closes(
    connection: Connection,
) -> None:
    got: list[Message] = []
    dying = Connection(f"inproc://{NAME}")
    dying.Consumer([queue()], on_message=got.append).consume()
    for number in range(3):
        connection.Producer().publish(number, exchange=EXCHANGE, routing_key="sale.v1")
    dying.drain_events(timeout=1)
    dying.drain_events(timeout=1)
    got[1].ack()

    dying.release()

    again = [queue()(connection.channel()).get(no_ack=True) for _ in range(3)]
    assert [message and message.payload for message in again] == [0, 2, None]
    assert [message.headers.get("x-delivery-count") for message in again[:2]] == [1, 1]


def test_poison_message_is_tried_four_times_then_dead(connection: Connection) -> None:
    tries: list[int] = []

    def fail(message: Message) -> None:
        tries.append(message.headers.get("x-delivery-count", 0))
        message.reject(requeue=True)

    Queue("work.dlq")(connection.channel()).declare()
    work = queue(
        {
            "x-queue-type": "quorum",
            "x-delivery-limit": 3,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "work.dlq",
        }
    )
    with connection.Consumer([work], on_message=fail, prefetch_count=1):
        connection.Producer().publish("poison", exchange=EXCHANGE, routing_key="sale.v1")
        for _ in range(4):
            connection.drain_events(timeout=1)

    dead = Queue("work.dlq")(connection.channel()).get(no_ack=True)
    assert tries == [0, 1, 2, 3]
    assert dead is not None
    assert dead.payload == "poison"
    assert dead.headers["x-death"][0]["reason"] == "delivery_limit"


def test_expired_message_is_never_delivered(connection: Connection) -> None:
    work = queue()(connection.channel())
    work.declare()
    producer = connection.Producer()
    producer.publish("late", exchange=EXCHANGE, routing_key="sale.v1", expiration=0.01)
    producer.publish("good", exchange=EXCHANGE, routing_key="sale.v1", expiration=10)
    time.sleep(0.02)

    message = work.get(no_ack=True)

    assert message is not None
    assert message.payload == "good"


def test_mandatory_message_without_queue_is_returned(connection: Connection) -> None:
    EXCHANGE(connection.channel()).declare()
    channel = connection.channel()
    returned: list[str] = []
    channel.events["basic_return"].add(
        lambda _error, _exchange, key, _message: returned.append(key)
    )

    Producer(channel).publish("x", exchange=EXCHANGE, routing_key="nobody.listens", mandatory=True)

    assert returned == ["nobody.listens"]


def test_mandatory_message_without_queue_or_listener_raises(connection: Connection) -> None:
    EXCHANGE(connection.channel()).declare()
    with pytest.raises(ChannelError, match="NO_ROUTE"):
        connection.Producer().publish("x", exchange=EXCHANGE, routing_key="nobody", mandatory=True)


def test_exclusive_queue_goes_with_its_connection(connection: Connection) -> None:
    gone = Connection(f"inproc://{NAME}")
    Queue("replies", EXCHANGE, routing_key="me", exclusive=True)(gone.channel()).declare()
    gone.release()

    with pytest.raises(ChannelError, match="no queue 'replies'"):
        connection.channel().queue_declare("replies", passive=True)


def test_brokers_of_different_names_share_nothing(connection: Connection) -> None:
    queue()(connection.channel()).declare()
    with (
        Connection("inproc://transport-test-other") as other,
        pytest.raises(ChannelError, match="no queue 'work'"),
    ):
        other.channel().queue_declare("work", passive=True)
    forget_broker("transport-test-other")
