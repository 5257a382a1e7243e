"""``python -m services.members``: serve, relay, migrate, …; see `shared.cli`.

Its own: ``rotate-code-key``.
"""

from __future__ import annotations

import argparse
import sys

from shared.cli import main


def rotate_code_key(service: str, _arguments: argparse.Namespace) -> int:
    """Let the next published key sign members' codes, and publish the one after it (M2)."""
    # Imported here because `serve` has to patch the standard library before anything is loaded.
    from services.members import use_cases  # noqa: PLC0415
    from services.members.vault import Vault  # noqa: PLC0415
    from shared.db import Transactions, create_engine  # noqa: PLC0415
    from shared.settings import service_settings  # noqa: PLC0415

    settings = service_settings(service)
    engine = create_engine(settings.database_url.reveal(), pool_size=1)
    transactions = Transactions(engine, sandbox=settings.sandbox)
    rotation = transactions.run(use_cases.rotate_code_key, vault=Vault.of(settings))
    engine.dispose()
    print(rotation.sentence())
    return 0


if __name__ == "__main__":
    sys.exit(main("members", commands={"rotate-code-key": rotate_code_key}))
