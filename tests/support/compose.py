"""`docker-compose.yml` as Compose reads it: anchors merged, variables put in."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


class VariableMissing(AssertionError):
    """The file insists on a variable that is not set."""


@dataclass(frozen=True)
class Container:
    """One service of the file."""

    name: str
    definition: Mapping[str, Any]

    @property
    def part(self) -> str | None:
        """Which of our images it runs (gateway, points, …); None for somebody else's."""
        build = self.definition.get("build")
        return build["args"]["SERVICE"] if build else None

    @property
    def command(self) -> list[str]:
        """Arguments of the image's entry point."""
        return list(self.definition.get("command", []))

    @property
    def environment(self) -> Mapping[str, str]:
        """Its variables, as written."""
        return dict(self.definition.get("environment", {}))

    @property
    def waits_for(self) -> Mapping[str, str]:
        """Other containers → the condition they must fulfil first."""
        return {
            name: rule["condition"] for name, rule in self.definition.get("depends_on", {}).items()
        }


def containers() -> dict[str, Container]:
    """Return the file's services by name."""
    document = yaml.safe_load(COMPOSE_FILE.read_text())
    return {name: Container(name, body) for name, body in document["services"].items()}


def variables(text: str) -> dict[str, str | None]:
    """Return the variables in a text; those without a default have None."""
    return {
        found["name"]: found["rest"] if found["kind"] == "-" else None
        for found in _VARIABLE.finditer(text)
    }


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Put values in as Compose does."""

    def value(found: re.Match[str]) -> str:
        known = values.get(found["name"], "")
        if known or found["kind"] is None:
            return known
        if found["kind"] == "-":
            return found["rest"]
        raise VariableMissing(f"{found['name']}: {found['rest']}")

    return _VARIABLE.sub(value, text)


def write_secrets(home: Path, **chosen: str) -> dict[str, str]:
    """Let ``scripts/env.sh`` write ``.env`` into a directory, and return what it holds."""
    (home / "scripts").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "scripts" / "env.sh", home / "scripts")
    if chosen:
        lines = [f"{name}={value}\n" for name, value in chosen.items()]
        (home / ".env").write_text("".join(lines))
    subprocess.run([str(home / "scripts" / "env.sh")], check=True)
    lines = (home / ".env").read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
