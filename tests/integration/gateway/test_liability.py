from __future__ import annotations

import pytest

from tests.support.platform import Platform


@pytest.mark.rule("L11")
def test_only_auditors_see_what_is_owed(platform: Platform) -> None:
    auditor, manager = platform.staff("auditor"), platform.staff("manager")
    found = auditor.get("/v1/points/liability")
    assert (found["outstanding"], found["by_month"]) == (0, [])
    past = auditor.get("/v1/points/liability?as_of=2026-01-01T00:00:00Z")
    assert past["as_of"] == "2026-01-01T00:00:00Z"
    assert manager.get("/v1/points/liability", status=403)["code"] == "forbidden"
    wrong = auditor.get("/v1/points/liability?as_of=yesterday", status=422)
    assert [error["field"] for error in wrong["errors"]] == ["as_of"]
