"""The data directory: one process, secrets that neither leak nor get lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from standalone.datadir import DataDirectory
from standalone.refusal import Refusal


def test_second_process_is_refused_by_the_pid_of_the_first(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path)
    first.acquire()
    second = (
        "from pathlib import Path; from standalone.datadir import DataDirectory;"
        "from standalone.refusal import Refusal\n"
        f"try: DataDirectory(Path({str(tmp_path)!r})).acquire()\n"
        "except Refusal as refusal: print(refusal)"
    )
    said = subprocess.run(
        [sys.executable, "-c", second], check=False, capture_output=True, text=True
    )
    assert f"Another instance (pid {os.getpid()})" in said.stdout, said.stderr


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    take_and_die = (
        "import os, signal; from pathlib import Path; from standalone.datadir import DataDirectory;"
        f"DataDirectory(Path({str(tmp_path)!r})).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", take_and_die], check=False)

    again = DataDirectory(tmp_path)
    again.acquire()

    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match=r"cannot be written .* Set LOYALTY_DATA_DIR"):
        DataDirectory(tmp_path / "file").acquire()


def test_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    keys = DataDirectory(tmp_path).keys()

    assert DataDirectory(tmp_path).keys() == keys
    assert len({keys.master_key, keys.lookup_key, keys.gateway_secret}) == 3
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert keys.master_key not in repr(keys)


def test_lost_keys_are_not_replaced_while_there_is_data(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(Refusal, match="is missing"):
        DataDirectory(tmp_path).keys()
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"master_key": "x"}'])
def test_broken_keys_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(Refusal, match="cannot be read"):
        DataDirectory(tmp_path).keys()
