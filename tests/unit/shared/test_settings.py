from __future__ import annotations

import pytest

from shared.settings import Secret, SettingsError, service_settings

_GOOD = {
    "LOYALTY_POINTS_DATABASE_URL": "postgresql://u:hunter2@h/db",
    "LOYALTY_AMQP_URL": "amqp://guest:guest@h",
    "LOYALTY_MASTER_KEY": "m",
    "LOYALTY_LOOKUP_KEY": "l",
}


def test_all_mistakes_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _GOOD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOYALTY_POOL_SIZE", "many")
    with pytest.raises(SettingsError) as refusal:
        service_settings("points")
    for name in (*_GOOD, "LOYALTY_POOL_SIZE"):
        assert name in str(refusal.value)


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _GOOD.items():
        monkeypatch.setenv(name, value)
    settings = service_settings("points")
    assert "hunter2" not in repr(settings)
    assert "hunter2" in settings.database_url.reveal()
    assert str(Secret("x")) == "Secret(****)"
