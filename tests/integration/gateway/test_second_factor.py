"""A second factor over HTTP."""

from __future__ import annotations

import pyotp
import pytest

from tests.support.platform import ADMIN_PASSWORD, Platform


@pytest.mark.rule("I3")
def test_staff_signs_in_with_a_code_once_its_app_is_confirmed(platform: Platform) -> None:
    admin = platform.admin()
    admin.post("/v1/staff", {"username": "li", "password": ADMIN_PASSWORD, "roles": ["auditor"]})
    grant = {"grant_type": "password", "username": "li", "password": ADMIN_PASSWORD}
    person = platform.login(**grant)
    begun = person.post("/v1/staff/me/totp")
    assert begun["qr_svg"].startswith("<svg")
    app = pyotp.TOTP(begun["secret"])
    code = app.at(int(platform.now().timestamp()))
    person.post("/v1/staff/me/totp/confirm", {"code": code}, status=200)
    platform.advance_clock(seconds=30)
    client = platform.client
    code = app.at(int(platform.now().timestamp()))
    for proof, status in (({}, 401), ({"totp": "x"}, 401), ({"totp": code}, 200)):
        assert client.post("/v1/auth/token", json={**grant, **proof}).status_code == status
    machine = {"grant_type": "refresh_token", "refresh_token": "x", "totp": code}
    assert client.post("/v1/auth/token", json=machine).status_code == 422
