"""The HTTP front: token check, OpenAPI, problem details, limits. It holds no data of its own."""

from __future__ import annotations

from gateway.app import create_app

__all__ = ["create_app"]
