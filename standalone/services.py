"""Which services the platform has, and their classes."""

from __future__ import annotations

from importlib import import_module

from shared.contracts.platform import SERVICES
from shared.service import BaseService

__all__ = ["SERVICES", "service_class"]


def service_class(service: str) -> type[BaseService]:
    """Return the nameko class of a service: ``SERVICE`` of its module ``service``."""
    found: type[BaseService] = import_module(f"services.{service}.service").SERVICE
    return found
