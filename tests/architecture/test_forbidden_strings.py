"""No file names a package index or a path of somebody's machine."""

from __future__ import annotations

import re

import pytest

from tests.architecture.repository import relative, repository_files

# Written with classes so that this file does not contain what it forbids.
FORBIDDEN = {
    "a package index: leave it to the machine's configuration": re.compile(
        r"p[y]pi\.org|p[y]thonhosted\.org|r[e]gistry\.npmjs|d[e]b\.debian\.org|security\.d[e]bian"
        r"|--(extra-)?i[n]dex-url|--f[i]nd-links",
    ),
    "a path of one machine: make it relative or configurable": re.compile(
        r"(?<![\w.$}/-])/(w[o]rk|f[a]rm|r[o]ot|opt/p[y]pi[\w-]*|home/[a-z][\w-]*|Users/\w+)/"
    ),
}


def offences(text: str) -> list[str]:
    """Return what the text names and should not."""
    return [
        f"{hit[0]} is {what}" for what, found in FORBIDDEN.items() if (hit := found.search(text))
    ]


def test_tree_names_no_index_and_no_machine_in_any_file() -> None:
    found = []
    for path in repository_files():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
            found += [f"{relative(path)}:{number}: {offence}" for offence in offences(line)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "see https://p" + "ypi.org/simple",
        "pip install --" + "index-url https://mirror.example/simple",
        "data = Path('/ro" + "ot/data/x')",
        "cd /wo" + "rk/main",
    ],
)
def test_search_finds_offence_when_there_is_one(line: str) -> None:
    assert offences(line)


@pytest.mark.parametrize("line", ["/app/root/x", "GET /v1/work", "${HOME}/work/x", "a/work/b"])
def test_search_finds_nothing_in_harmless_line(line: str) -> None:
    assert offences(line) == []
