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

from tests.acceptance.daemon import SECONDS, Daemon, serving, told

pytestmark = pytest.mark.acceptance


@pytest.fixture(params=["lenient", "strict"])
def served(request: pytest.FixtureRequest, tmp_path: Any, store_url: str) -> Iterator[Daemon]:
    """A daemon with one SCIM directory."""
    more = "strict = true" if request.param == "strict" else ""
    with serving(told(tmp_path, more=more, store=store_url)) as daemon:
        yield daemon


def test_scim2_tester_finds_nothing(served: Daemon) -> None:
    # Not at the top: every process of the tests would load them, for a second, and one or two run this.
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import Status, check_server

    bad = {Status.DEVIATION, Status.ERROR, Status.CRITICAL, Status.SKIPPED}
    headers = {"Authorization": f"Bearer {served.token('acme-scim')}"}
    with httpx2.Client(
        base_url=served.endpoints["acme-scim"], headers=headers, timeout=SECONDS, trust_env=False
    ) as http:
        client = SyncSCIMClient(http)
        client.discover()
        found = check_server(client)
    assert [(each.title, each.reason) for each in found if each.status in bad] == []
    assert len(found) > 100


@pytest.mark.parametrize("mode", ["--compat", "--strict"])
def test_scim_sanity_passes(served: Daemon, mode: str) -> None:
    """Only in strict mode is the member refused whom nobody knows: what is not done is not answered with success."""
    result = probe(served, mode)
    failed = [each["name"] for each in result["results"] if each["status"] not in ("pass", "skip")]
    strict = "strict = true" in served.rehearsal.file.read_text()
    assert failed == (["PATCH /Groups/{id} add member"] if strict else []), result


def probe(served: Daemon, mode: str) -> Any:
    """What scim-sanity says."""
    token = served.token("acme-scim")
    command = [sys.executable, "-m", "scim_sanity", "probe", served.endpoints["acme-scim"], "--token", token, mode]
    command += ["--i-accept-side-effects", "--json-output"]
    return json.loads(subprocess.run(command, capture_output=True, check=False, timeout=SECONDS).stdout)
