"""A daemon for those who attack one: started once for each module and database."""

from collections.abc import Iterator

import pytest

from tests.acceptance.scim.attacked import Attacked, attacking
from tests.databases import SHARED, Postgres


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """The daemon; in a database of its own, or in the shared one, which is empty before and after."""
    folder = tmp_path_factory.mktemp("attacked")
    if request.param == "sqlite":
        with attacking(folder, "") as daemon:
            yield daemon
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with attacking(folder, postgres.url(SHARED)) as daemon:
        yield daemon
    postgres.empty()
