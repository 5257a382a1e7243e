from __future__ import annotations

import pytest

from shared.contracts.tiers import rpc as contract
from tests.integration.tiers.harness import Tiers


@pytest.mark.rule("T1")
def test_default_programme_is_installed_and_published(tiers: Tiers) -> None:
    body = tiers.call(contract.PROGRAMME, {})
    assert (body["version"], body["metric"]) == (1, "qualifying_points")
    assert body["window"] == {"type": "rolling", "months": 12}
    assert (body["review_months"], body["grace_days"]) == (12, 30)
    shown = ("code", "name", "rank", "threshold", "multiplier")
    assert [tuple(level[name] for name in shown) for level in body["levels"]] == [
        ("BRONZE", "Bronze", 0, 0, "1"),
        ("SILVER", "Silver", 1, 1_000, "1.1"),
        ("GOLD", "Gold", 2, 5_000, "1.25"),
        ("PLATINUM", "Platinum", 3, 20_000, "1.5"),
    ]


@pytest.mark.rule("T5")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tier_history SET tier = 'GOLD'",
        "DELETE FROM tier_history",
        "DELETE FROM refunds",
        "UPDATE tier_levels SET threshold = 1 WHERE rank = 3",
        "UPDATE tier_programmes SET name = 'x'",
    ],
)
def test_history_and_programme_cannot_be_rewritten_by_the_service(
    tiers: Tiers, statement: str
) -> None:
    with (
        tiers.database.engine.connect() as connection,
        pytest.raises(Exception, match="permission denied"),
    ):
        connection.exec_driver_sql(statement)
