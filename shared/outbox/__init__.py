"""The way out for events: from a service's outbox table to the broker, at least once, in order.

`shared.outbox.relay` empties the table into a `shared.outbox.publisher.Publisher`;
`shared.outbox.pika_publisher` is the one for RabbitMQ. The write side is in `shared.db`.
"""
