"""The generated reference in ``docs/reference`` is what the code says."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from scripts.permissions import matrix
from tests.architecture.repository import ROOT


def test_openapi_document_is_fresh() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "gateway", "openapi"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    written = (ROOT / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(said), "run `make openapi`"


def test_permissions_are_fresh() -> None:
    written = (ROOT / "docs" / "reference" / "permissions.md").read_text(encoding="utf-8")
    assert written == matrix(), "run `make permissions`"


def test_security_document_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()
