"""Each call that the gateway makes is under contract."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import gateway
from shared.contracts.method import Method
from shared.contracts.platform import SERVICES
from tests.contracts.test_calls import CALLS

ADVICE = """The gateway calls {missing}, but no contract says what it needs of that.
Add a CallNeed for each to a module of tests/contracts that ends up in CALLS of test_calls.py: the
method, the state and a function that makes it, the HTTP request that makes the gateway call, what
it sends, and the fields of the answer that it, or whoever asked it, reads."""


def called_by_gateway() -> set[str]:
    """Return the calls that the gateway's code names; those of all services by ``platform``."""
    modules = [import_module(each.name) for each in pkgutil.walk_packages(
        gateway.__path__, "gateway."
    ) if not each.name.endswith("__main__")]  # fmt: skip
    return {method.routing_key for module in modules for method in _methods_named_in(module)}


def _methods_named_in(module: ModuleType) -> Iterator[Method]:
    names = vars(module)
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Name):
            found = names.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            found = vars(owner).get(node.attr) if isinstance(owner, ModuleType) else None
        else:
            continue
        if isinstance(found, Method):
            yield found


def under_contract() -> set[str]:
    """Return the calls with a contract; one with any service counts for all, as they share it."""
    found = {need.method.routing_key for need in CALLS}
    return found | {f"platform.{key.partition('.')[2]}" for key in found}


def test_each_call_of_the_gateway_has_a_contract() -> None:
    called = called_by_gateway()
    assert {service for service in SERVICES if f"{service}." in " ".join(called)} == set(SERVICES)
    missing = sorted(called - under_contract())
    assert not missing, ADVICE.format(missing=", ".join(missing))
