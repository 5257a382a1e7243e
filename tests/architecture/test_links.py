"""Links between documents lead somewhere."""

from __future__ import annotations

import re
from urllib.parse import unquote

from tests.architecture.repository import relative, repository_files

LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_links_of_documents_lead_to_files_that_exist() -> None:
    dead = []
    for document in repository_files(".md"):
        for target in LINK.findall(document.read_text(encoding="utf-8")):
            path = unquote(target.partition("#")[0])
            if path and "://" not in target and not target.startswith("mailto:"):
                if not (document.parent / path).exists():
                    dead.append(f"{relative(document)}: {target}")
    assert dead == []


def test_every_decision_is_in_the_index() -> None:
    documents = [path for path in repository_files(".md") if path.parent.name == "adr"]
    index = next(path for path in documents if path.name == "README.md").read_text(encoding="utf-8")
    records = [path.name for path in documents if path.name != "README.md"]
    assert records
    assert [name for name in records if f"({name})" not in index] == []
