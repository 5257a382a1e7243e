"""``python -m services.coupons``: serve, relay, migrate, …; see `shared.cli`."""

from __future__ import annotations

import sys

from shared.cli import main

if __name__ == "__main__":
    sys.exit(main("coupons"))
