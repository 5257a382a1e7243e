"""The gateway as a process of its own.

``python -m gateway`` serves with gunicorn's threads in front of the services;
``python -m gateway openapi`` prints the API's description.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.app import create_app
from shared.observability import configure_logging
from shared.rpc.client import RpcClient
from shared.settings import GatewaySettings, Secret, gateway_settings
from shared.startup import set_aside


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """Gunicorn configured from the environment instead of a file."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        host, port = os.environ.get("LOYALTY_HOST", "127.0.0.1"), _integer("LOYALTY_PORT", 8080)
        options: dict[str, Any] = {
            "bind": f"{host}:{port}",
            "worker_class": "gthread",
            "workers": _integer("LOYALTY_GATEWAY_WORKERS", 2),
            "threads": _integer("LOYALTY_GATEWAY_THREADS", 32),
            "keepalive": 30,
            "timeout": 150,
            "graceful_timeout": 30,
            "loglevel": "warning",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application in each worker: its broker connection must not be shared."""
        application = create_app(self._settings, RpcClient(self._settings.amqp_url.reveal()))
        set_aside()
        return application


def _document() -> dict[str, Any]:
    """Return the API's description, sandbox included; nothing is called for it."""
    nobody = RpcClient("amqp://127.0.0.1:1")
    settings = GatewaySettings(Secret(""), Secret("openapi"), sandbox=True)
    found: dict[str, Any] = create_app(settings, nobody).extensions["openapi"]()
    return found


def _registry() -> CollectorRegistry:
    """Return the metrics of all workers, which meet in files where that directory is set."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _integer(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        sys.exit(f"{name} must be a whole number")


def main() -> None:
    """Serve until told to stop, or print the description."""
    if sys.argv[1:] == ["openapi"]:
        print(json.dumps(_document(), indent=2, ensure_ascii=False))
        return
    configure_logging(process="gateway")
    settings = gateway_settings()
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, registry=_registry())
    _Server(settings).run()


if __name__ == "__main__":
    main()
