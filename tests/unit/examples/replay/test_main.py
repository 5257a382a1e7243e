from datetime import date

import pytest

from examples.replay.__main__ import main, usual_start


@pytest.mark.parametrize(
    ("days", "start"),
    [
        (1, date(2017, 8, 7)),
        (147, date(2017, 8, 7)),
        (148, date(2017, 8, 6)),
        (365, date(2017, 1, 1)),
    ],
)
def test_the_usual_window_ends_within_the_data_set(days: int, start: date) -> None:
    assert usual_start(days) == start


@pytest.mark.parametrize(
    "argument", ["--batch=501", "--batch=0", "--terminals=65", "--days=366", "--households=x"]
)
def test_arguments_out_of_bounds_are_refused(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([argument])
    assert argument.partition("=")[0] in capsys.readouterr().err


def test_a_named_server_needs_the_admins_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LOYALTY_ADMIN_PASSWORD", raising=False)
    assert main(["--households=9", "--days=9", "--base-url=http://127.0.0.1:9"]) == 2
    assert "LOYALTY_ADMIN_PASSWORD" in capsys.readouterr().out
