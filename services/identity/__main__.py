"""``python -m services.identity``: serve, relay, migrate, …; see `shared.cli`.

Its own: ``bootstrap-admin``, which ``prepare`` also does, ``reset-second-factor`` and
``rotate-signing-key``.
"""

from __future__ import annotations

import argparse
import os
import sys

from shared.cli import main


def bootstrap_admin(_service: str, _arguments: argparse.Namespace) -> int:
    """Make the first admin if there is no staff; print its password if none was chosen.

    ``LOYALTY_ADMIN_PASSWORD`` is the choice.
    """
    # Imported here because `serve` has to patch the standard library before anything is loaded.
    from services.identity.bootstrap import USERNAME, ensure_admin  # noqa: PLC0415
    from shared.db import Transactions, create_engine  # noqa: PLC0415

    url = os.environ.get("LOYALTY_IDENTITY_DATABASE_URL")
    if not url:
        sys.exit("Settings are missing or wrong:\n  LOYALTY_IDENTITY_DATABASE_URL: not set")
    engine = create_engine(url, pool_size=1, application="loyalty-identity-bootstrap")
    made_up = ensure_admin(Transactions(engine), os.environ.get("LOYALTY_ADMIN_PASSWORD"))
    engine.dispose()
    if made_up is not None:
        print(f"First sign-in, shown once: {USERNAME} / {made_up}")
    return 0


def rotate_signing_key(service: str, _arguments: argparse.Namespace) -> int:
    """Let the next published key sign access tokens, and publish the one after it (I1)."""
    from services.identity.use_cases import tokens  # noqa: PLC0415
    from services.identity.vault import Vault  # noqa: PLC0415
    from shared.db import Transactions, create_engine  # noqa: PLC0415
    from shared.settings import service_settings  # noqa: PLC0415

    settings = service_settings(service)
    engine = create_engine(settings.database_url.reveal(), pool_size=1)
    transactions = Transactions(engine, sandbox=settings.sandbox)
    rotation = transactions.run(tokens.rotate_signing_key, vault=Vault.of(settings))
    engine.dispose()
    print(rotation.sentence())
    return 0


def reset_second_factor(service: str, _arguments: argparse.Namespace) -> int:
    """Let the person that ``LOYALTY_RESET_USERNAME`` names sign in without a second factor.

    For an admin who lost it and is the only one; another admin does it through the API.
    """
    from services.identity.use_cases import second_factor  # noqa: PLC0415
    from shared.db import Transactions, create_engine  # noqa: PLC0415
    from shared.security.crypto import MasterKey  # noqa: PLC0415
    from shared.settings import service_settings  # noqa: PLC0415

    username = os.environ.get("LOYALTY_RESET_USERNAME")
    if not username:
        sys.exit("Settings are missing or wrong:\n  LOYALTY_RESET_USERNAME: not set")
    settings = service_settings(service)
    engine = create_engine(settings.database_url.reveal(), pool_size=1)
    transactions = Transactions(engine, sandbox=settings.sandbox, vault=MasterKey.of(settings))
    is_done = transactions.run(second_factor.reset_by_operator, username=username)
    engine.dispose()
    print("The second factor is gone." if is_done else "There is no such second factor.")
    return 0 if is_done else 1


_COMMANDS = {
    "bootstrap-admin": bootstrap_admin,
    "reset-second-factor": reset_second_factor,
    "rotate-signing-key": rotate_signing_key,
}


def _on_prepared() -> None:
    bootstrap_admin("identity", argparse.Namespace())


if __name__ == "__main__":
    sys.exit(main("identity", on_prepared=_on_prepared, commands=_COMMANDS))
