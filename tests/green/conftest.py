"""This tier runs under eventlet: the standard library is patched before anything else is loaded."""

from shared.rpc.patch import patch_standard_library

patch_standard_library()

from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

from shared.rpc.client import RpcClient  # noqa: E402
from shared.rpc.runner import Services  # noqa: E402
from tests.support.rabbitmq import Rabbit, shared_rabbit  # noqa: E402


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    """A RabbitMQ node for all tests of the tier; those that stop it take `own_rabbit`."""
    with shared_rabbit(tmp_path_factory.getbasetemp() / "rabbitmq") as node:
        yield node


@pytest.fixture
def own_rabbit(tmp_path: Path) -> Iterator[Rabbit]:
    """A node that the test may stop, kill and start again."""
    node = Rabbit(tmp_path / "rabbitmq").start()
    yield node
    node.thaw()
    node.remove()


@pytest.fixture
def serve(rabbit: Rabbit) -> Iterator[Callable[..., Services]]:
    """Start services in this process, on the shared node unless told otherwise."""
    running: list[Services] = []

    def start(*classes: type, uri: str | None = None, **options: object) -> Services:
        services = Services(classes, uri or rabbit.uri, **options)  # type: ignore[arg-type]
        running.append(services)
        services.start()
        return services

    yield start
    for services in running:
        services.stop(drain_s=10)


@pytest.fixture
def client(rabbit: Rabbit) -> Iterator[RpcClient]:
    """A client on the shared node."""
    client = RpcClient(rabbit.uri)
    yield client
    client.close()
