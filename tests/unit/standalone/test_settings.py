"""What an operator may set, and how a mistake is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from standalone.refusal import WRONG_SETTING, Refusal
from standalone.settings import standalone_settings


def test_defaults_serve_on_loopback_port_8080_from_var(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_DIR", "HOST", "PORT", "ADMIN_PASSWORD", "METRICS_PORT"):
        monkeypatch.delenv(f"LOYALTY_{name}", raising=False)

    settings = standalone_settings()

    assert settings.data_dir == Path("var").absolute()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.admin_password is None


def test_all_mistakes_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOYALTY_PORT", "99999")
    monkeypatch.setenv("LOYALTY_ADMIN_PASSWORD", "")
    with pytest.raises(Refusal, match=r"LOYALTY_PORT.*LOYALTY_ADMIN_PASSWORD") as caught:
        standalone_settings()
    assert caught.value.status == WRONG_SETTING


def test_admin_password_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOYALTY_ADMIN_PASSWORD", "correct horse")
    assert "correct horse" not in repr(standalone_settings())
