"""A desk of the points service for each test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.points.desk import Desk
from tests.support.postgres import ServiceDatabase


@pytest.fixture
def desk(service_database: Callable[[str], ServiceDatabase]) -> Desk:
    return Desk(service_database("points"))
