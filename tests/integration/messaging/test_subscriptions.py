"""The table of subscriptions says what the services' classes do."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from shared.contracts.platform import SERVICES
from shared.events.subscriptions import SUBSCRIPTIONS
from shared.events.topology import all_streams


@pytest.mark.parametrize("service", SERVICES)
def test_service_handles_exactly_what_it_is_subscribed_to(service: str) -> None:
    served = import_module(f"services.{service}.service").SERVICE
    handled = [
        method.event_type.routing_key
        for _, method in inspect.getmembers(served, inspect.isfunction)
        if hasattr(method, "event_type")
    ]

    assert sorted(handled) == sorted(e.routing_key for e in SUBSCRIPTIONS.get(service, ()))


def test_nobody_hears_itself() -> None:
    assert all(stream.consumer != stream.producer for stream in all_streams())
