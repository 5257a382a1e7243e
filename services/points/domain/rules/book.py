"""The published rules, each with all its versions (E2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.points.domain.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Version:
    """A rule from an instant on, until the next version or the rule's retirement."""

    rule: Rule
    effective_from: datetime
    retired_at: datetime | None = None
    """When the rule as a whole was retired, if ever."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Every version ever published, by rule, the newest first."""

    versions: Mapping[str, tuple[Version, ...]]

    @classmethod
    def of(cls, versions: Iterable[Version]) -> RuleBook:
        """Return the book of some versions in any order."""
        by_rule: dict[str, list[Version]] = {}
        for version in versions:
            by_rule.setdefault(version.rule.rule_id, []).append(version)
        return cls(
            {
                rule_id: tuple(sorted(of_rule, key=lambda each: -each.rule.version))
                for rule_id, of_rule in by_rule.items()
            }
        )

    def at(self, instant: datetime) -> list[Rule]:
        """Return the rules as they stood at an instant, each in its version of then.

        That is the newest one whose time had begun: what is published later replaces what was
        announced before it.
        """
        found = (_version_at(versions, instant) for versions in self.versions.values())
        return [rule for rule in found if rule is not None]

    def spans(self) -> Iterable[tuple[Version, datetime | None]]:
        """Yield each version with the instant at which its time ends, if it does."""
        for versions in self.versions.values():
            ends = versions[0].retired_at
            for version in versions:
                yield version, ends
                ends = version.effective_from if ends is None else min(ends, version.effective_from)


def _version_at(versions: tuple[Version, ...], instant: datetime) -> Rule | None:
    retired_at = versions[0].retired_at
    if retired_at is not None and retired_at <= instant:
        return None
    return next((each.rule for each in versions if each.effective_from <= instant), None)
