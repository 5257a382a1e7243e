from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.coupons.harness import Coupons
from tests.integration.coupons.reward_desk import Desk
from tests.support.postgres import ServiceDatabase


@pytest.fixture
def coupons(service_database: Callable[[str], ServiceDatabase]) -> Coupons:
    return Coupons(service_database("coupons"))


@pytest.fixture
def desk(coupons: Coupons) -> Desk:
    return Desk(coupons)
