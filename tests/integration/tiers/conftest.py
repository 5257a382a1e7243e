from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.tiers.harness import Tiers
from tests.support.postgres import ServiceDatabase


@pytest.fixture
def tiers(service_database: Callable[[str], ServiceDatabase]) -> Tiers:
    return Tiers(service_database("tiers"))
