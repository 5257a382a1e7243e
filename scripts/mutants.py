"""Print, module by module, how many mutants of a `make mutate` run the tests killed.

A mutant is the code with one small change: another operator, number or argument. One that hangs is
killed too. All that were tried count, also those that no test reaches and those that behave as
before; so 100 % is out of reach. Ends with 1 below the least share that is asked for.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mutmut.stats import status_by_exit_code

MUTANTS = Path(__file__).resolve().parent.parent / "mutants"
LEAST_PERCENT = 85
"""Least share of killed mutants that the ledger's rules must reach."""
_KILLED = ("killed", "timeout")


def statuses(metadata: Path) -> Counter[str]:
    """Return how many mutants of one module ended how; those that were not tried have no code."""
    codes: dict[str, int | None] = json.loads(metadata.read_text("utf-8"))["exit_code_by_key"]
    return Counter(status_by_exit_code[code] for code in codes.values() if code is not None)


def row(name: str, counts: Counter[str]) -> str:
    """Return one line of the table."""
    missed = {status: number for status, number in sorted(counts.items()) if status not in _KILLED}
    described = ", ".join(f"{number} {status}" for status, number in missed.items())
    return (
        f"{name:<48} {killed(counts):>5} of {counts.total():>5} {percent(counts):5.1f} %"
        f"  {described}"
    ).rstrip()


def killed(counts: Counter[str]) -> int:
    """Return how many the tests noticed."""
    return sum(counts[status] for status in _KILLED)


def percent(counts: Counter[str]) -> float:
    """Return the share that the tests noticed."""
    return 100 * killed(counts) / counts.total() if counts.total() else 0.0


def report(found: Iterable[Path], least_percent: int) -> int:
    """Print the table; 1 when the tests killed too few, or there was nothing to kill."""
    together: Counter[str] = Counter()
    for metadata in sorted(found):
        counts = statuses(metadata)
        if counts:
            print(row(metadata.relative_to(MUTANTS).as_posix().removesuffix(".meta"), counts))
        together += counts
    print(row("together", together))
    return 0 if percent(together) >= least_percent else 1


def main() -> int:
    """Read what `mutmut run` left in `mutants/` and report on it."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("--least", type=int, default=LEAST_PERCENT, help="per cent to be killed")
    return report(MUTANTS.rglob("*.py.meta"), parser.parse_args().least)


if __name__ == "__main__":
    raise SystemExit(main())
