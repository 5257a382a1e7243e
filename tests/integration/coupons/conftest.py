from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.coupons.harness import Coupons
from tests.support.postgres import ServiceDatabase


@pytest.fixture
def coupons(service_database: Callable[[str], ServiceDatabase]) -> Coupons:
    return Coupons(service_database("coupons"))
