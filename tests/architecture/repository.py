"""What the architecture tests look at: the files of the repository and its parts."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("identity", "members", "points", "coupons", "tiers")
PRODUCT = ("gateway", "services", "shared", "standalone")


def repository_files(*suffixes: str) -> list[Path]:
    """Return the files git knows or would take, with one of the suffixes if any are named."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def relative(path: Path) -> str:
    """Return the path as the repository names it."""
    return path.relative_to(ROOT).as_posix()


def pyproject() -> dict[str, Any]:
    """Return the project's metadata and tool configuration."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
