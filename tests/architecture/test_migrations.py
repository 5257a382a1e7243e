"""Each service's migrations are one chain: two heads would stop every database from migrating."""

from __future__ import annotations

import re

import pytest

from tests.architecture.repository import ROOT, SERVICES

_REVISION = re.compile(r'^revision = "(\d{4})"$', re.MULTILINE)
_BEFORE = re.compile(r'^down_revision = (None|"(\d{4})")$', re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_are_a_chain_in_the_order_of_their_files(service: str) -> None:
    previous = None
    for path in sorted((ROOT / "services" / service / "migrations").glob("[0-9]*.py")):
        text = path.read_text(encoding="utf-8")
        revision, before = _REVISION.search(text), _BEFORE.search(text)
        assert revision is not None, path.name
        assert before is not None, path.name
        assert path.name.startswith(f"{revision[1]}_"), path.name
        assert before[2] == previous, path.name
        previous = revision[1]
