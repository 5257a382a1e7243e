"""The tables of a service."""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa


def metadata_of(service: str) -> sa.MetaData:
    """Return what a service's tables are declared in."""
    module = import_module(f"services.{service}.tables")
    found: sa.MetaData = getattr(module, "METADATA", None) or module.metadata
    return found
