"""What two conformance tools say of `rosterd serve`: scim2-tester, which tries every attribute of the schemas, and
scim-sanity, which walks through the life of a user and of a group. On both databases, leniently and to the letter.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.acceptance.command import WORKSPACE, Rehearsal
from tests.acceptance.daemon import SCIM, SECONDS, Daemon, serving
from tests.databases import database

pytestmark = pytest.mark.acceptance
WAYS = {"lenient": "", "strict": "strict = true"}
TOOLS = ("tester", "compat", "strict")  # each meets a directory that nobody used before


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a SCIM directory, and the workspace that it feeds, for each way and tool."""
    made = Rehearsal(tmp_path_factory.mktemp("tools"))
    with database(request) as url:
        blocks = [f'[store]\nurl = "{url}"\n' if url else ""]
        for way, more in WAYS.items():
            for name in (f"{way}-{tool}" for tool in TOOLS):
                blocks += [WORKSPACE.format(id=name, limits=""), SCIM.format(id=name, workspace=name, more=more)]
        made.file.write_text("\n".join(blocks), encoding="utf-8")
        with serving(made) as daemon:
            yield daemon


@pytest.mark.parametrize("way", WAYS)
def test_scim2_tester_finds_nothing(served: Daemon, way: str) -> None:
    # Not at the top: every process of the tests would load them, for a second, and one or two run this.
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import Status, check_server

    bad = {Status.DEVIATION, Status.ERROR, Status.CRITICAL, Status.SKIPPED}
    directory = f"{way}-tester"
    headers = {"Authorization": f"Bearer {served.token(directory)}"}
    with httpx2.Client(base_url=served.endpoints[directory], headers=headers, timeout=SECONDS, trust_env=False) as http:
        client = SyncSCIMClient(http)
        client.discover()
        found = check_server(client)
    assert [(each.title, each.reason) for each in found if each.status in bad] == []
    assert len(found) > 100


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["compat", "strict"])
def test_scim_sanity_passes(served: Daemon, mode: str, way: str) -> None:
    """Only in strict mode is the member refused whom nobody knows: what is not done is not answered with success."""
    result = probe(served, f"{way}-{mode}", f"--{mode}")
    failed = [each["name"] for each in result["results"] if each["status"] not in ("pass", "skip")]
    assert failed == (["PATCH /Groups/{id} add member"] if way == "strict" else []), result


def probe(served: Daemon, directory: str, mode: str) -> Any:
    """What scim-sanity says."""
    token = served.token(directory)
    command = [sys.executable, "-m", "scim_sanity", "probe", served.endpoints[directory], "--token", token, mode]
    command += ["--i-accept-side-effects", "--json-output"]
    return json.loads(subprocess.run(command, capture_output=True, check=False, timeout=SECONDS).stdout)
