"""The locks hold what pyproject.toml asks for, by hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.repository import ROOT, SERVICES, pyproject

LOCKS = (*SERVICES, "gateway", "standalone", "dev")


def locked_versions(path: Path) -> dict[str, set[str]]:
    """Return the versions a lock holds by package; several when they differ by platform."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def asked_by(extra: str) -> list[Requirement]:
    """Return the requirements of an extra, those of the extras it names included."""
    project = pyproject()["project"]
    asked = [Requirement(line) for line in project["dependencies"]]
    pending = [extra]
    while pending:
        for line in project["optional-dependencies"][pending.pop()]:
            requirement = Requirement(line)
            if requirement.name == project["name"]:
                pending.extend(requirement.extras)
            else:
                asked.append(requirement)
    return asked


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_satisfies_its_extra(lock: str) -> None:
    versions = locked_versions(ROOT / "requirements" / f"{lock}.txt")
    stale = [
        str(requirement)
        for requirement in asked_by(lock)
        if not any(
            requirement.specifier.contains(version)
            for version in versions.get(canonicalize_name(requirement.name), ())
        )
    ]
    assert stale == [], "run `make lock`"


@pytest.mark.parametrize("lock", [name for name in LOCKS if name != "dev"])
def test_lock_takes_versions_the_tests_run_with(lock: str) -> None:
    tested = locked_versions(ROOT / "requirements" / "dev.txt")
    ours = locked_versions(ROOT / "requirements" / f"{lock}.txt")
    other = {name for name, versions in ours.items() if not versions <= tested.get(name, set())}
    assert other == set(), "run `make lock`"


@pytest.mark.parametrize("lock", [*LOCKS, "tools"])
def test_lock_has_hash_for_every_package_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_nameko_is_pinned_everywhere() -> None:
    for lock in (*SERVICES, "standalone", "dev"):
        assert locked_versions(ROOT / "requirements" / f"{lock}.txt")["nameko"] == {"2.14.1"}
    assert "nameko" not in locked_versions(ROOT / "requirements" / "gateway.txt")
