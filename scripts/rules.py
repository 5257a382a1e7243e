"""Print which tests show which rule of the product, and which rules no test shows yet.

The tier that patches the standard library is collected in a process of its own; nothing is run.
A marker that names an unknown rule ends the command with an error.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "docs" / "reference" / "rules.md"
PATCHED = "green"
# Starts each line by which a collecting process tells its parent of a marked test.
TAG = "rule-of-test\t"


def read_rules(text: str) -> dict[str, str]:
    """Return the rules of ``rules.md``: id to title, in the order of the file."""
    return dict(re.findall(r"^- \*\*([A-Z]\d+)\*\* (.+)$", text, flags=re.MULTILINE))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print every marked test; called by pytest where this module is loaded as a plugin."""
    for item in session.items:
        # Parameters are instances of one test.
        test = item.nodeid.split("[", maxsplit=1)[0]
        for marker in item.iter_markers("rule"):
            for rule in marker.args:
                print(f"{TAG}{rule}\t{test}")


def collect(directories: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield (rule, test) for the marked tests below the directories.

    Raises:
        SystemExit: The tests cannot be collected.
    """
    if not directories:
        return
    done = subprocess.run(  # noqa: S603 - our own interpreter on our own tests
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-p",
            "scripts.rules",
            *directories,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise SystemExit(done.stdout + done.stderr)
    for line in done.stdout.splitlines():
        if line.startswith(TAG):
            rule, test = line.removeprefix(TAG).split("\t")
            yield rule, test


def main() -> int:
    """Print the table; 1 when a test names a rule that does not exist."""
    parser = argparse.ArgumentParser(prog="make rules", description=__doc__)
    parser.add_argument("--missing", action="store_true", help="print the rules without tests only")
    arguments = parser.parse_args()

    rules = read_rules(RULES.read_text(encoding="utf-8"))
    tests: dict[str, set[str]] = defaultdict(set)
    directories = sorted(path.parent for path in ROOT.glob("tests/*/README.md"))
    patched = [directory for directory in directories if directory.name == PATCHED]
    plain = [directory for directory in directories if directory.name != PATCHED]
    for rule, test in chain(collect(plain), collect(patched)):
        tests[rule].add(test)

    for rule, title in rules.items():
        if arguments.missing and tests[rule]:
            continue
        print(f"{rule:<4} {title}")
        for test in sorted(tests[rule]):
            print(f"       {test}")
    shown = [rule for rule in rules if tests[rule]]
    print(f"\n{len(shown)} of {len(rules)} rules are shown by tests.")
    print(f"Without a test: {', '.join(rule for rule in rules if not tests[rule]) or 'none'}")
    unknown = sorted(tests.keys() - rules.keys())
    if unknown:
        print(f"Not a rule: {', '.join(unknown)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    raise SystemExit(main())
