"""The quirk sheet over real HTTP against the daemon: each row is sent as that client sends it; what is answered, stored
and, where it concerns people, in the workspace is compared. One daemon for all of them, on each database.
"""

from collections.abc import Iterator

import pytest

from connectors.scim.dialects import DIALECTS
from tests.acceptance.scim import entra_rows, other_rows
from tests.acceptance.scim.conversation import Conversation
from tests.acceptance.scim.served import Served, served
from tests.acceptance.scim.steps import Step
from tests.databases import database

pytestmark = pytest.mark.acceptance
ROWS: dict[str, list[Step]] = {**entra_rows.ENTRA, **other_rows.OKTA, **other_rows.OTHERS}
SHEET = {*(f"E{row}" for row in range(1, 26)), *(f"O{row}" for row in range(1, 17))}
HEADERS = {"Accept": "application/scim+json", "Content-Type": "application/scim+json; charset=utf-8"}
WORKSPACE = """
[[workspace]]
id = "acme"
[[workspace.role]]
axis = "role"
values = ["member", "admin"]
"""
DIRECTORY = """
[[directory]]
id = "acme-{dialect}"
workspace = "acme"
kind = "scim"
dialect = "{dialect}"
[[directory.role]]
axis = "role"
attribute = "roles"
"""
IMPATIENT = """
[[directory]]
id = "acme-impatient"
workspace = "acme"
kind = "scim"
dialect = "okta"
requests_per_second = 1
"""
TEAM = '[[directory.team]]\ngroup = "Engineering {me}"\nteam = "{me}"\n'


def me(row: str) -> str:
    """A name for what a row makes."""
    return row.lower().replace(" ", "-")


def dialect(row: str) -> str:
    """Whose row it is."""
    return {"E": "entra", "O": "okta"}.get(row[0], row.removeprefix("A3 "))


def directory(name: str) -> str:
    """A directory of this dialect with a team for each of its rows."""
    return DIRECTORY.format(dialect=name) + "".join(TEAM.format(me=me(row)) for row in ROWS if dialect(row) == name)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def acme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with database(request) as url:
        files = [WORKSPACE, *map(directory, DIALECTS), IMPATIENT]
        with served(tmp_path_factory.mktemp("quirks"), files, url) as running:
            yield running


def test_no_row_is_left_out() -> None:
    elsewhere = {**entra_rows.ELSEWHERE, **other_rows.ELSEWHERE}
    assert {row for row in {*ROWS, *elsewhere} if not row.startswith("A3")} == SHEET
    assert not ROWS.keys() & elsewhere.keys()
    assert {dialect(row) for row in ROWS} == set(DIALECTS)


@pytest.mark.parametrize("row", ROWS)
def test_row(acme: Served, row: str) -> None:
    steps = Conversation(row, dialect(row), "", HEADERS, tuple(ROWS[row]))
    acme.play(steps, f"acme-{dialect(row)}", workspace="acme", me=me(row), ME=me(row).upper())


def test_row_o13_whole_seconds_to_wait(acme: Served) -> None:
    """Okta reads whole seconds only; without them it waits five minutes, and gives up after the tenth time."""
    client = acme.daemon.client("acme-impatient")
    answers = [client.get("/Users?startIndex=1&count=2") for _ in range(40)]
    refused = [each for each in answers if each.status_code != 200]
    assert refused
    assert {each.status_code for each in refused} == {429}
    assert all(each.headers["Retry-After"].isdecimal() for each in refused)
    assert all(each.json()["status"] == "429" for each in refused)
