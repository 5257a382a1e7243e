"""Exit 0 when this container's process answers on its health port."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 2
OK = 200


def main() -> int:
    """Ask ``/healthz`` of the gateway's port, or of a service's or relay's metrics port."""
    gateway = os.environ.get("LOYALTY_PART") == "gateway"
    name, default = ("LOYALTY_PORT", "8080") if gateway else ("LOYALTY_METRICS_PORT", "9100")
    connection = HTTPConnection("127.0.0.1", int(os.environ.get(name, default)), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == OK else 1
    except (OSError, HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main())
