from __future__ import annotations

import pytest

from shared.contracts.platform import SERVICES
from tests.integration.gateway.shopping import Retail
from tests.support.platform import Platform
from tests.support.postgres import TestServer


@pytest.fixture(scope="module")
def retail(postgres_server: TestServer) -> Retail:
    """One web shop for all tests of a module: each looks at its own shoppers and orders."""
    return Retail(Platform({name: postgres_server.database(name) for name in SERVICES}))
