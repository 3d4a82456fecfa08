"""The recorded conversations over real HTTP against the daemon as a process: as they went, and with every request that
may be repeated sent twice, on SQLite; as they went on PostgreSQL too.
"""

from collections.abc import Iterator

import pytest

from tests.acceptance.daemon import eventually
from tests.acceptance.scim.conversation import FOLDER, Conversation
from tests.acceptance.scim.served import Served, configured, served
from tests.databases import Postgres

pytestmark = pytest.mark.acceptance
CONVERSATIONS = {each.stem: Conversation.read(each.stem) for each in sorted(FOLDER.glob("*.json"))}


def names(name: str) -> tuple[str, str]:
    """The directories of a conversation: as it went, and twice."""
    return name, f"{name}-twice"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon with two workspaces for each conversation."""
    files = (configured(each.page, name) for each in CONVERSATIONS.values() for name in names(each.name))
    with served(tmp_path_factory.mktemp("conversations"), files) as running:
        yield running


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_it_ends_in_the_right_roster(everything: Served, name: str) -> None:
    everything.play(CONVERSATIONS[name], name)
    calm(everything, name)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_client_that_says_everything_twice_changes_nothing_more(everything: Served, name: str) -> None:
    everything.play(CONVERSATIONS[name], f"{name}-twice", twice=True)
    calm(everything, f"{name}-twice")


def calm(running: Served, directory: str) -> None:
    """No run went wrong or held anything, and a comparison of everything finds nothing left to do."""

    def done() -> bool:
        result = running.daemon.rehearsal.here("plan", directory, "--full", "--json")
        return result.code == 0 and result.json["actions"] == []

    eventually(done)  # a run may be under way that looks at what was said last, and changes nothing
    assert {each["state"] for each in running.reports(directory) if each["ended"]} == {"succeeded"}


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Served]:
    """A daemon over PostgreSQL."""
    database = postgres.create()
    files = (configured(each.page, each.name) for each in CONVERSATIONS.values())
    try:
        with served(tmp_path_factory.mktemp("postgres"), files, postgres.url(database)) as running:
            yield running
    finally:
        postgres.drop(database)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_it_ends_in_the_right_roster_on_postgresql(on_postgres: Served, name: str) -> None:
    on_postgres.play(CONVERSATIONS[name], name)
    calm(on_postgres, name)
