"""A tree that holds one part of the platform only, and a Python that sees that part's lock only.

What this proves could not be seen from the repository, where every part and every dependency is at
hand: that a deployable starts with what its image contains.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.architecture.repository import ROOT

# Runs in the tree: -I and -S keep out the working directory, PYTHONPATH and *.pth files (with them
# the editable install of this repository), then the tree and the installed packages are put back,
# minus the top-level modules that no distribution of the lock brings.
BOOT = """\
import importlib.abc, json, os, runpy, sys
tree, packages, hidden, argv = json.loads(os.environ["ISOLATED"])
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}: not in the lock", name=name)
hidden = set(hidden)
sys.meta_path.insert(0, Hidden())
sys.path[:0] = [tree, packages]
sys.argv = argv
if argv[0] == "-m":
    sys.argv = argv[1:]
    runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
else:
    exec(argv[1], {"__name__": "__main__"})
"""


def build_tree(directory: Path, *parts: str) -> Path:
    """Copy parts of the repository, e.g. ``shared`` and ``services/points``, and nothing else."""
    for part in parts:
        if (ROOT / part).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, directory / part, ignore=ignore)
        else:
            shutil.copy(ROOT / part, directory / part)
    return directory


@functools.cache
def hidden_modules(lock: str) -> list[str]:
    """Return the top-level modules installed here that the named lock would not install."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
    # The project itself is what the tree holds a part of.
    locked.add(canonicalize_name("loyalty"))
    return sorted(
        module
        for module, distributions in packages_distributions().items()
        if locked.isdisjoint(canonicalize_name(name) for name in distributions)
    )


def command(tree: Path, lock: str, *argv: str) -> tuple[list[str], dict[str, str]]:
    """Return command line and environment that run ``-m module …`` or ``-c code`` in the tree."""
    isolated = json.dumps([str(tree), sysconfig.get_path("purelib"), hidden_modules(lock), argv])
    return [sys.executable, "-I", "-S", "-c", BOOT], {"ISOLATED": isolated, "PATH": os.defpath}


def run(
    tree: Path, lock: str, *argv: str, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``-m module …`` or ``-c code`` in the tree to its end, with these settings alone."""
    arguments, environment = command(tree, lock, *argv)
    return subprocess.run(
        arguments,
        cwd=tree,
        env={**environment, **(settings or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(
    tree: Path, lock: str, *argv: str, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``-m module …`` in the tree as long as the block does; its output goes to ``log``."""
    arguments, environment = command(tree, lock, *argv)
    with (tree / "log").open("wb") as log:
        process = subprocess.Popen(
            arguments,
            cwd=tree,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
