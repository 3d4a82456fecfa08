"""What every registered connector does, against the simulated directory of its kind.

Each test runs once per row of `connectors.CONNECTORS`: a new connector is held to all of this by its line there.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import Response

from connectors import CONNECTORS, config
from connectors.base import ConnectorError, Counts, Malformed, Refused, Unavailable
from reconciler.model import CollectionEnd, Completeness, GroupsSeen, Observation, UsersSeen, Wanted
from rosterd.simulators import Simulator, World
from rosterd.simulators.signing import fresh_key
from rosterd.simulators.world import Group, Kind
from tests.connectors.directories import break_, check, connect, ends, members, pull

PEOPLE = 1203
# How many records a page holds: people, groups, members (facts §3.2).
PAGES: dict[str, tuple[int, int, int]] = {
    "google": (500, 200, 200),
    "entra": (999, 999, 999),
    "okta": (200, 200, 1000),
}
SDKS = {
    "google": ("googleapiclient", "google.auth", "httplib2"),
    "entra": ("msgraph", "msgraph_core", "kiota_http", "azure.identity", "azure.core"),
    "okta": ("okta", "jwcrypto"),
}


def world(kind: Kind, people: int = PEOPLE) -> World:
    """Everybody is in Everyone; Design holds Ada and, where groups nest, Studio, which holds Ben and Design again."""
    made = World(kind)
    for number in range(people - 2):
        made.hire(f"Given{number}", f"Family{number}")
    ada, ben = made.hire("Ada", "Lovelace"), made.hire("Ben", "Ames")
    everyone, design, _unused = made.add_group("Everyone"), made.add_group("Design"), made.add_group("Unused")
    for person in list(made.people):
        made.join(everyone.id, person)
    made.join(design.id, ada.id)
    if kind != "okta":
        studio = made.add_group("Studio")
        made.join(studio.id, ben.id)
        made.join(design.id, studio.id)
        made.join(studio.id, design.id)
    return made


@pytest.fixture(params=sorted(CONNECTORS), scope="module")
def served(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    kind = cast("Kind", request.param)
    with Simulator(kind, world(kind)) as simulator:
        yield simulator


@pytest.fixture
def simulator(served: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The same server for all tests of a kind; faults that a test injects are taken away after it."""
    served.requests.clear()
    monkeypatch.setattr(served.vendor, "admit", served.vendor.admit)
    return served


def named(simulator: Simulator, name: str) -> Group:
    return next(group for group in simulator.world.groups.values() if group.name == name)


WANTED = Wanted(groups=frozenset({"design", "Everyone"}), attributes=frozenset())


# -- a whole read -------------------------------------------------------------------------------------------------


def test_a_pull_sees_everybody_and_every_group_once_and_says_that_it_is_complete(
    simulator: Simulator, tmp_path: Path
) -> None:
    seen = pull(connect(simulator, tmp_path), WANTED)
    people = Counter(user.external_id for page in seen if isinstance(page, UsersSeen) for user in page.users)
    groups = Counter(group.external_id for page in seen if isinstance(page, GroupsSeen) for group in page.groups)
    assert people == Counter(list(simulator.world.people))
    assert groups == Counter(list(simulator.world.groups))
    assert all(end.completeness is Completeness.COMPLETE for end in ends(seen))
    assert [end.collection for end in ends(seen)][:2] == ["users", "groups"]


def test_people_come_before_groups_before_members_and_each_collection_ends_once(
    simulator: Simulator, tmp_path: Path
) -> None:
    seen = pull(connect(simulator, tmp_path), WANTED)
    order = [type(each).__name__ for each in seen if not isinstance(each, CollectionEnd)]
    assert order == sorted(order, key=["UsersSeen", "GroupsSeen", "MembersSeen", "Cursor"].index)
    assert order.count("Cursor") == (simulator.kind != "google")
    assert max(Counter((end.collection, end.group) for end in ends(seen)).values()) == 1


def test_wanted_groups_are_read_with_those_inside_them_and_no_others(simulator: Simulator, tmp_path: Path) -> None:
    seen = pull(connect(simulator, tmp_path), WANTED)
    nested = {"Studio"} if simulator.kind != "okta" else set()
    expected = {named(simulator, name).id for name in {"Design", "Everyone"} | nested}
    assert {end.group for end in ends(seen) if end.collection == "members"} == expected
    assert sorted(members(seen, named(simulator, "Everyone").id)) == sorted(simulator.world.people)
    ada = simulator.world.person("ada.lovelace@example.com").id
    assert members(seen, named(simulator, "Design").id) == [ada]


def test_groups_inside_groups_are_left_alone_when_not_asked_for(simulator: Simulator, tmp_path: Path) -> None:
    seen = pull(connect(simulator, tmp_path), Wanted(groups=frozenset({"Design"}), nested=False))
    assert [end.group for end in ends(seen) if end.collection == "members"] == [named(simulator, "Design").id]


def test_no_more_requests_than_the_floor(simulator: Simulator, tmp_path: Path) -> None:
    connector = connect(simulator, tmp_path)
    pull(connector, WANTED)
    users, groups, of_group = PAGES[simulator.kind]
    expanded = ["Everyone", "Design", *(["Studio"] if simulator.kind != "okta" else [])]
    sizes = [len(named(simulator, name).members) for name in expanded]
    marks = 2 if simulator.kind == "entra" else 0  # where the next read may begin
    listed = ceil(PEOPLE / users) + ceil(len(simulator.world.groups) / groups)
    floor = marks + listed + sum(ceil(n / of_group) for n in sizes)
    assert sum(simulator.requests.values()) == floor
    assert connector.counts == Counts(requests=floor)


def test_two_pulls_read_the_same(simulator: Simulator, tmp_path: Path) -> None:
    assert pull(connect(simulator, tmp_path), WANTED) == pull(connect(simulator, tmp_path), WANTED)


def test_a_renamed_group_is_found_by_what_it_meant_before(simulator: Simulator, tmp_path: Path) -> None:
    design = named(simulator, "Design").id
    wanted = Wanted(groups=frozenset({"Old Design"}), bound={"Old Design": design}, nested=False)
    seen = pull(connect(simulator, tmp_path), wanted)
    assert [end.group for end in ends(seen) if end.collection == "members"] == [design]


def test_leaving_a_pull_early_leaves_nothing_open(simulator: Simulator, tmp_path: Path) -> None:
    async def first() -> Observation:
        connector = connect(simulator, tmp_path)
        found = connector.pull(WANTED)
        try:
            return await anext(found)
        finally:
            await cast("Any", found).aclose()
            await connector.close()
            assert len(asyncio.all_tasks()) == 1

    assert isinstance(asyncio.run(first()), UsersSeen)


# -- a read that fails --------------------------------------------------------------------------------------------


def server_error() -> Response:
    return Response(b'{"error": "broken"}', 500, media_type="application/json")


def test_one_server_error_is_repeated_and_forgotten(simulator: Simulator, tmp_path: Path) -> None:
    break_(simulator, server_error, times=1)
    connector = connect(simulator, tmp_path)
    seen = pull(connector, Wanted())
    assert all(end.completeness is Completeness.COMPLETE for end in ends(seen))
    assert connector.counts.retries == 1


@pytest.mark.parametrize("where", ["users", "groups"])
def test_server_errors_that_stay_end_the_pull(simulator: Simulator, tmp_path: Path, where: str) -> None:
    break_(simulator, server_error, where=f"/{where}")
    connector = connect(simulator, tmp_path, deadline=0.7)
    with pytest.raises(Unavailable) as raised:
        pull(connector, Wanted())
    assert where in raised.value.request
    assert connector.counts.retries >= 1
    assert raised.value.status == 500


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b'{"users": [', b"[[", b"", b"{}", b"3"])
def test_an_answer_that_is_none_ends_the_pull(simulator: Simulator, tmp_path: Path, body: bytes) -> None:
    if simulator.kind == "google" and body == b"{}":
        pytest.skip("an empty object is how Google says that a list is empty (facts §2)")
    break_(simulator, lambda: Response(body, 200, media_type="application/json"), where="/users")
    with pytest.raises(Malformed):
        pull(connect(simulator, tmp_path), Wanted())


@pytest.mark.parametrize("status", [403, 404])
def test_one_unreadable_group_is_partial_and_the_others_are_read(
    simulator: Simulator, tmp_path: Path, status: int
) -> None:
    design = named(simulator, "Design").id
    break_(simulator, lambda: Response(b"{}", status, media_type="application/json"), where=f"{design}/")
    seen = pull(connect(simulator, tmp_path), WANTED)
    found = {end.group: end for end in ends(seen) if end.collection == "members"}
    assert (found[design].completeness, bool(found[design].reason)) == (Completeness.PARTIAL, True)
    assert found[named(simulator, "Everyone").id].completeness is Completeness.COMPLETE
    assert [end.completeness for end in ends(seen)][:2] == [Completeness.COMPLETE] * 2


def test_a_server_error_on_one_group_stays_with_it(simulator: Simulator, tmp_path: Path) -> None:
    design = named(simulator, "Design").id
    break_(simulator, server_error, where=f"{design}/")
    seen = pull(connect(simulator, tmp_path, deadline=1.5), WANTED)
    assert {end.group for end in ends(seen) if end.completeness is Completeness.PARTIAL} == {design}


def test_a_wrong_secret_is_refused_with_the_way_out(simulator: Simulator, tmp_path: Path) -> None:
    secret = wrong_secret(simulator)
    with pytest.raises(Refused) as raised:
        pull(connect(simulator, tmp_path, secret=secret), Wanted())
    assert raised.value.fix
    assert secret not in str(raised.value) + raised.value.fix


def wrong_secret(simulator: Simulator) -> str:
    if simulator.kind != "google":
        return "00wrongwrongwrong"
    private_key, _ = fresh_key()
    return json.dumps({**json.loads(simulator.secret), "private_key": private_key})


def test_a_directory_that_is_not_there_is_unavailable(simulator: Simulator, tmp_path: Path) -> None:
    with Simulator(simulator.kind, World(simulator.kind)) as gone:
        connector = connect(gone, tmp_path, deadline=0.5)
    with pytest.raises(Unavailable):
        pull(connector, Wanted())


# -- check --------------------------------------------------------------------------------------------------------


def test_check_finds_nothing_wrong(simulator: Simulator, tmp_path: Path) -> None:
    findings = check(connect(simulator, tmp_path), WANTED)
    assert {finding.severity for finding in findings} == {"ok"}
    assert {finding.code for finding in findings} >= {"users_readable", "groups_readable", "members_readable"}


def test_check_names_the_nearest_group(simulator: Simulator, tmp_path: Path) -> None:
    findings = check(connect(simulator, tmp_path), Wanted(groups=frozenset({"Desing"})))
    (missing,) = [finding for finding in findings if finding.severity == "error"]
    assert (missing.code, "'Desing'" in missing.message, "'Design'" in missing.fix) == ("group_not_found", True, True)


def test_check_reports_a_refusal_instead_of_raising(simulator: Simulator, tmp_path: Path) -> None:
    findings = check(connect(simulator, tmp_path, secret=wrong_secret(simulator)), Wanted())
    errors = [finding for finding in findings if finding.severity != "ok"]
    assert [(finding.severity, finding.code, bool(finding.fix)) for finding in errors] == [
        ("error", Refused.code, True)
    ]


# -- the registry -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(CONNECTORS))
def test_opening_one_kind_imports_no_other_vendors_library(kind: str, tmp_path: Path) -> None:
    with Simulator(cast("Kind", kind), World(cast("Kind", kind))) as simulator:
        secret = tmp_path / "secret"
        secret.write_text(simulator.secret)
        block = simulator.configuration("acme", "acme", file=secret)
    others = [name for other, names in SDKS.items() if other != kind for name in names]
    program = f"""
import asyncio, sys, tomllib
from connectors import config, open_connector
from connectors.base import Opened
block = tomllib.loads({block!r})["directory"][0]
keys = {{key: value for key, value in block.items() if key not in ("id", "workspace", "kind")}}
made = config({kind!r})(**keys)
assert not [name for name in {[n for names in SDKS.values() for n in names]!r} if name in sys.modules], "config"
async def main():
    await open_connector(made, Opened("acme")).close()
asyncio.run(main())
assert not [name for name in {others!r} if name in sys.modules], "open"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'ldap'; known kinds: entra, google, okta"):
        config("ldap")


def test_no_connector_error_is_left_without_a_class() -> None:
    codes = [error.code for error in ConnectorError.__subclasses__()]
    assert len(set(codes)) == len(codes)
