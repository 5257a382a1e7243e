"""The in-process broker does what the code relies on RabbitMQ for."""

from __future__ import annotations

import pytest

from standalone.broker import Broker, BrokerError, Letter, Queue, Subscription

DEAD_LETTERS = {
    "x-queue-type": "quorum",
    "x-delivery-limit": 3,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": "work.dlq",
}


class Inbox:
    """A consumer that keeps what it is given."""

    def __init__(self, broker: Broker, queue: Queue, *, prefetch: int = 0) -> None:
        self.broker = broker
        self.letters: list[Letter] = []
        self.subscription = Subscription(
            queue, lambda _, letter: self.letters.append(letter), prefetch
        )
        broker.subscribe(self.subscription)

    @property
    def bodies(self) -> list[bytes | str]:
        return [letter.body for letter in self.letters]


def letter(body: bytes = b"", exchange: str = "", key: str = "work") -> Letter:
    return Letter(body, {}, {}, exchange, key)


@pytest.mark.parametrize(
    ("binding", "matching", "other"),
    [
        ("sale.recorded.v1", ["sale.recorded.v1"], ["sale.recorded.v2", "sale.recorded"]),
        ("points.*", ["points.earn", "points.balance"], ["points", "points.a.b", "xpoints.a"]),
        ("*.v1", ["a.v1"], ["a.b.v1", "v1"]),
        ("sale.#", ["sale", "sale.a", "sale.a.b"], ["sales", "a.sale"]),
        ("#.v1", ["v1", "a.v1", "a.b.v1"], ["a.v12"]),
        ("a.#.z", ["a.z", "a.b.z", "a.b.c.z"], ["a", "az"]),
        ("#", ["", "a", "a.b"], []),
    ],
)
def test_topic_binding_matches_words(binding: str, matching: list[str], other: list[str]) -> None:
    broker = Broker()
    broker.declare_exchange("events", "topic")
    broker.declare_queue("work")
    broker.bind("work", "events", binding)

    assert [broker.publish(letter(exchange="events", key=key)) for key in matching] == [
        1 for _ in matching
    ]
    assert [broker.publish(letter(exchange="events", key=key)) for key in other] == [
        0 for _ in other
    ]


def test_message_goes_once_to_each_queue_when_several_bindings_match() -> None:
    broker = Broker()
    broker.declare_exchange("events", "topic")
    for name in ("one", "two"):
        broker.declare_queue(name)
        broker.bind(name, "events", "a.#")
        broker.bind(name, "events", "a.b")

    assert broker.publish(letter(exchange="events", key="a.b")) == 2
    assert (broker.depth("one"), broker.depth("two")) == (1, 1)


def test_messages_wait_in_order_until_somebody_consumes() -> None:
    broker = Broker()
    queue = broker.declare_queue("work")
    for body in (b"1", b"2", b"3"):
        broker.publish(letter(body))

    assert Inbox(broker, queue).bodies == [b"1", b"2", b"3"]
    assert broker.depth("work") == 0


def test_consumer_gets_no_more_than_its_prefetch_until_it_settles() -> None:
    broker = Broker()
    inbox = Inbox(broker, broker.declare_queue("work"), prefetch=2)
    for body in (b"1", b"2", b"3"):
        broker.publish(letter(body))
    assert inbox.bodies == [b"1", b"2"]

    broker.settled(inbox.subscription)

    assert inbox.bodies == [b"1", b"2", b"3"]


def test_consumers_of_a_queue_take_turns() -> None:
    broker = Broker()
    queue = broker.declare_queue("work")
    first, second = Inbox(broker, queue), Inbox(broker, queue)
    for body in (b"1", b"2", b"3", b"4"):
        broker.publish(letter(body))

    assert (first.bodies, second.bodies) == ([b"1", b"3"], [b"2", b"4"])


def test_returned_message_comes_again_before_later_ones() -> None:
    broker = Broker()
    inbox = Inbox(broker, broker.declare_queue("work"), prefetch=1)
    broker.publish(letter(b"1"))
    broker.publish(letter(b"2"))

    broker.give_back("work", inbox.letters[0])
    broker.settled(inbox.subscription)

    assert inbox.bodies == [b"1", b"1"]
    assert inbox.letters[1].returned == 1


def test_message_returned_too_often_becomes_a_dead_letter() -> None:
    broker = Broker()
    broker.declare_queue("work.dlq")
    inbox = Inbox(broker, broker.declare_queue("work", DEAD_LETTERS), prefetch=1)
    broker.publish(letter(b"poison"))

    while broker.depth("work.dlq") == 0:
        broker.give_back("work", inbox.letters[-1])
        broker.settled(inbox.subscription)

    assert inbox.bodies == [b"poison"] * 4
    dead = broker.take("work.dlq")
    assert dead is not None
    assert dead.headers["x-death"][0]["reason"] == "delivery_limit"
    assert dead.headers["x-first-death-queue"] == "work"


def test_refused_message_becomes_a_dead_letter_at_once() -> None:
    broker = Broker()
    broker.declare_queue("work.dlq")
    inbox = Inbox(broker, broker.declare_queue("work", DEAD_LETTERS))
    broker.publish(letter(b"unreadable"))

    broker.refuse("work", inbox.letters[0])

    dead = broker.take("work.dlq")
    assert dead is not None
    assert dead.headers["x-first-death-reason"] == "rejected"


def test_deaths_are_counted_per_queue_and_reason() -> None:
    broker = Broker()
    broker.declare_queue("work.dlq")
    broker.declare_queue("work", DEAD_LETTERS)
    broker.publish(letter(b"again"))
    counts = []
    for _ in range(2):
        taken = broker.take("work")
        assert taken is not None
        broker.refuse("work", taken)
        dead = broker.take("work.dlq")
        assert dead is not None
        counts.append([death["count"] for death in dead.headers["x-death"]])
        broker.publish(Letter(dead.body, {}, dead.headers, "", "work"))

    assert counts == [[1], [2]]


def test_expired_message_is_not_handed_out() -> None:
    broker = Broker()
    queue = broker.declare_queue("work")
    late, good = letter(b"late"), letter(b"good")
    late.expires_at = 0.0
    broker.publish(late)
    broker.publish(good)

    assert Inbox(broker, queue).bodies == [b"good"]


def test_auto_delete_queue_goes_with_its_last_consumer() -> None:
    broker = Broker()
    queue = broker.declare_queue("replies", auto_delete=True)
    inbox = Inbox(broker, queue)

    broker.unsubscribe(inbox.subscription)

    with pytest.raises(BrokerError, match="no queue 'replies'"):
        broker.declare_queue("replies", passive=True)


def test_queue_argument_that_changes_meaning_is_refused() -> None:
    with pytest.raises(BrokerError, match="not understood: \\['x-max-length'\\]"):
        Broker().declare_queue("work", {"x-max-length": 10})


def test_redeclaration_with_other_arguments_is_refused() -> None:
    broker = Broker()
    broker.declare_queue("work", DEAD_LETTERS)
    with pytest.raises(BrokerError, match="other arguments"):
        broker.declare_queue("work")


def test_redeclaration_of_an_exchange_as_another_kind_is_refused() -> None:
    broker = Broker()
    broker.declare_exchange("events", "topic")
    with pytest.raises(BrokerError, match="topic exchange"):
        broker.declare_exchange("events", "direct")


def test_publishing_to_a_missing_exchange_is_refused() -> None:
    with pytest.raises(BrokerError, match="no exchange 'events'"):
        Broker().publish(letter(exchange="events"))


def test_backlog_is_that_of_the_fullest_bound_queue() -> None:
    broker = Broker()
    broker.declare_exchange("events", "topic")
    for name, key in (("few", "a.b"), ("many", "a.#")):
        broker.declare_queue(name)
        broker.bind(name, "events", key)
    for key in ("a.b", "a.c", "a.d"):
        broker.publish(letter(exchange="events", key=key))

    assert broker.backlog("events") == 3
    assert broker.backlog("unknown") == 0
