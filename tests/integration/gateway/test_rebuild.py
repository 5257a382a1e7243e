from __future__ import annotations

import pytest

from tests.support.platform import Platform


@pytest.mark.rule("L2")
def test_manager_rebuilds_and_auditor_only_proves(platform: Platform) -> None:
    manager, auditor = platform.staff("manager"), platform.staff("auditor")
    assert auditor.post("/v1/points/rebuild", status=403)["code"] == "forbidden"
    started = manager.post("/v1/points/rebuild", status=202)
    platform.advance_clock(minutes=1)
    job = manager.get(f"/v1/jobs/{started['job_id']}")
    assert (job["kind"], job["status"], job["result"]["ok"]) == ("rebuild", "succeeded", True)
    assert auditor.post("/v1/points/verify", status=200)["ok"]
