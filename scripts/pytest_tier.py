"""Pytest plugin of ``make test``: a tier may neither be empty nor leave anything out.

A skipped or deselected test reports success without having shown anything, and a directory
whose tests are not collected any more goes unnoticed. Both fail the tier here.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class TierIsWhole:
    """Watch what a tier ran and turn its result red when part of it did not run."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.left_out: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the test as run or as left out (skipped, or expected to fail)."""
        if report.skipped:
            self.left_out.append(report.nodeid)
        elif report.when == "call":
            self.ran.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember a module that skipped itself while it was imported."""
        if report.skipped:
            self.left_out.append(report.nodeid)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Remember tests taken out by ``-k``, ``-m`` or a hook."""
        self.left_out.extend(item.nodeid for item in items)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run when tests were left out or a named directory gave none."""
        if hasattr(session.config, "workerinput"):
            return  # only the process that sees the reports of all workers can judge
        empty = [arg for arg in session.config.args if not self._ran_under(session, arg)]
        for problem in (
            *(f"left out: {nodeid}" for nodeid in self.left_out),
            *(f"no test ran in {directory}" for directory in empty),
        ):
            session.config.get_terminal_writer().line(f"\n{problem}", red=True)
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def _ran_under(self, session: pytest.Session, arg: str) -> bool:
        path = Path(os.path.relpath(arg.split("::", maxsplit=1)[0], session.config.rootpath))
        return any(nodeid.startswith(path.as_posix()) for nodeid in self.ran)


def pytest_configure(config: pytest.Config) -> None:
    """Register the watcher."""
    config.pluginmanager.register(TierIsWhole(), "tier-is-whole")
