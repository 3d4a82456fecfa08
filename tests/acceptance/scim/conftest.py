"""A daemon for those who attack one: started once for each module and database."""

from collections.abc import Iterator

import pytest

from tests.acceptance.scim.attacked import Attacked, attacking
from tests.databases import database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """The daemon."""
    with database(request) as url, attacking(tmp_path_factory.mktemp("attacked"), url) as daemon:
        yield daemon
