"""``python -m services.members``: serve, relay, migrate, …; see `shared.cli`.

Its own: ``rotate-code-key`` and ``rewrap-data-keys``.
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


def rewrap_data_keys(service: str, _arguments: argparse.Namespace) -> int:
    """Wrap the members' data keys by the present master key, slice by slice (M4)."""
    from services.members import use_cases  # noqa: PLC0415
    from services.members.vault import Vault  # noqa: PLC0415
    from shared.db import Transactions, create_engine  # noqa: PLC0415
    from shared.settings import service_settings  # noqa: PLC0415

    settings = service_settings(service)
    engine = create_engine(settings.database_url.reveal(), pool_size=1)
    transactions, vault = Transactions(engine, sandbox=settings.sandbox), Vault.of(settings)
    last = transactions.run(use_cases.rewrap, vault=vault, after=None)
    while last is not None:
        last = transactions.run(use_cases.rewrap, vault=vault, after=last)
    engine.dispose()
    print("All data keys are wrapped by the present master key.")
    return 0


_COMMANDS = {"rotate-code-key": rotate_code_key, "rewrap-data-keys": rewrap_data_keys}

if __name__ == "__main__":
    sys.exit(main("members", commands=_COMMANDS))
