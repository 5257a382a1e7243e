from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pyotp
import pytest

from shared.contracts.identity import rpc as contract
from shared.security.crypto import new_key
from tests.integration.identity.conftest import ADMIN_PASSWORD, Identity, make_identity
from tests.support.postgres import ServiceDatabase


def run(database: ServiceDatabase, command: str, **environment: str) -> str:
    """Run a command; raises `subprocess.CalledProcessError` when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "services.identity", command],
        env={
            **{name: value for name, value in os.environ.items() if "LOYALTY" not in name},
            "LOYALTY_IDENTITY_DATABASE_URL": database.url,
            "LOYALTY_IDENTITY_MIGRATION_URL": database.owner_url,
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_made_up_password_is_printed_once(bare: Identity) -> None:
    printed = run(bare.database, "bootstrap-admin")
    found = re.search(r"admin / (\S+)$", printed.strip())
    assert found is not None, printed
    bare.admin(found[1])
    assert run(bare.database, "bootstrap-admin") == ""
    bare.admin(found[1])


def test_chosen_password_is_not_printed(bare: Identity) -> None:
    assert run(bare.database, "bootstrap-admin", LOYALTY_ADMIN_PASSWORD=ADMIN_PASSWORD) == ""
    bare.admin()


def test_prepare_migrates_and_makes_the_admin(
    empty_database: Callable[[str], ServiceDatabase],
) -> None:
    database = empty_database("identity")
    printed = run(database, "prepare", LOYALTY_ADMIN_PASSWORD=ADMIN_PASSWORD)
    assert ADMIN_PASSWORD not in printed
    make_identity(database).admin()


def test_audit_verify_prints_the_end_of_the_trail_or_the_first_broken_row(bare: Identity) -> None:
    run(bare.database, "bootstrap-admin", LOYALTY_ADMIN_PASSWORD=ADMIN_PASSWORD)
    whole = json.loads(run(bare.database, "audit-verify"))
    assert (whole["rows"], whole["broken"]) == (1, None)
    bare.database.query(
        "SET LOCAL session_replication_role = replica; UPDATE audit SET actor_id = 'nobody'"
    )
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(bare.database, "audit-verify")
    assert json.loads(failed.value.stdout)["broken"]["sequence"] == 1


@pytest.mark.rule("I3", "I4")
def test_operator_resets_a_second_factor_on_record_and_its_sessions_end(
    identity: Identity,
) -> None:
    (admin,) = identity.database.query("SELECT staff_id FROM staff")
    staff_id = str(admin.staff_id)
    secret = identity.call(contract.BEGIN_TOTP, {"staff_id": staff_id})["secret"]
    shown = pyotp.TOTP(secret).at(int(identity.clock.now().timestamp()))
    session = identity.admin()
    identity.call(contract.CONFIRM_TOTP, {"staff_id": staff_id, "code": shown})
    identity.refused("password", username="admin", password=ADMIN_PASSWORD)
    keys = {"LOYALTY_MASTER_KEY": new_key(), "LOYALTY_LOOKUP_KEY": new_key()}

    def reset(username: str) -> str:
        named = {**keys, "LOYALTY_RESET_USERNAME": username, "LOYALTY_AMQP_URL": "memory://"}
        return run(identity.database, "reset-second-factor", **named)

    with pytest.raises(subprocess.CalledProcessError) as unknown:
        reset("nobody")
    assert unknown.value.stdout == "There is no such second factor.\n"
    assert reset("Admin") == "The second factor is gone.\n"
    identity.admin()
    identity.refused("refresh_token", refresh_token=session["refresh_token"])
    (row,) = identity.database.query(
        "SELECT * FROM audit WHERE action = 'staff.second_factor' ORDER BY sequence DESC LIMIT 1"
    )
    assert (row.actor_kind, row.target_id) == ("system", staff_id)
    assert (row.before, row.after) == ({"second_factor": True}, {"second_factor": False})
    with pytest.raises(subprocess.CalledProcessError):
        reset("admin")  # it has none any more
    with pytest.raises(subprocess.CalledProcessError) as nameless:
        run(identity.database, "reset-second-factor", **keys)
    assert "LOYALTY_RESET_USERNAME" in nameless.value.stderr
