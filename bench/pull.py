"""Pull and absorb of a whole directory, per connector, against a floor; and what peak memory follows.

N people and 1,000 groups, all of them mapped, each person in two or three. The simulator is a process of its own, so
its cost is not counted. Each measurement is a process of its own; CPU is user + system of that process after imports.
Where a vendor tells what changed (Okta, Entra), a read of changes that finds none is measured too. With 100 ms latency
per answer, wall time is compared with that of listings one page after the other and members side by side.

The floor fetches the same pages in the same order with a bare client, one connection, the token given, parses every
page with orjson, and keeps nothing. The client is httpx, the one that rosterd itself uses. For Okta and Google the same
is measured with the HTTP library below the vendor's SDK too (aiohttp, httplib2), which costs less than httpx.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench.figures import Benchmark, cpu, peak_mb, step
from connectors import config as config_of
from connectors import open_connector
from connectors.base import Opened
from reconciler.policy import Policy, TeamMapping
from rosterd.simulators import Simulator, World
from rosterd.simulators.server import serve_forever
from store import open_store
from store.mirror import bound, cursor_of
from store.staging import Staging

KINDS = ("okta", "entra", "google")
INCREMENTAL = ("okta", "entra")
GROUPS = 1000
AT_ONCE = {"okta": 5, "entra": 8, "google": 8}  # requests that each connector has in flight at most
LATENCY = 0.1  # seconds per answer, in the measurement of waiting
FEW_PEOPLE, FEW_GROUPS = 1000, 200


def serve(kind: str, people: int, latency: float) -> None:
    """Runs the simulator in this process and prints one line of JSON: how to reach it, and its groups."""
    world = World.generate(kind, people, FEW_GROUPS if latency else GROUPS)  # type: ignore[arg-type]
    simulator = Simulator(kind, world, latency=latency)  # type: ignore[arg-type]

    def announce(running: Simulator) -> None:
        reached = {
            "url": running.url,
            "credentials": running.credentials,
            "groups": {group.name: group.id for group in world.groups.values()},
        }
        print(json.dumps(reached), flush=True)

    serve_forever(simulator, announce)


@contextmanager
def simulated(kind: str, people: int, folder: Path, *, latency: float = 0.0) -> Iterator[Path]:
    """A simulator in a process of its own; the path of a file with how to reach it."""
    command = [sys.executable, __file__, "--serve", kind, "--people", str(people), "--latency", str(latency)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            assert process.stdout is not None
            reached = folder / f"{kind}-{people}.json"
            reached.write_text(process.stdout.readline())
            yield reached
        finally:
            process.terminate()


def connector_config(kind: str, reached: dict[str, Any], folder: Path) -> Any:
    """The connector's configuration for a simulator."""
    url, credentials = reached["url"], reached["credentials"]
    keys: dict[str, Any] = {"kind": kind, "endpoint": url}

    def secret(name: str, text: str) -> dict[str, str]:
        path = folder / f"{kind}-{name}"
        path.write_text(text)
        return {"file": str(path)}

    if kind == "okta":
        keys |= {"url": url, "token": secret("token", credentials["token"])}
    elif kind == "entra":
        ids = {name: credentials[name] for name in ("tenant_id", "client_id")}
        keys |= {"authority": url, "client_secret": secret("secret", credentials["client_secret"]), **ids}
    else:
        account = secret("account", json.dumps(credentials["service_account"]))
        keys |= {"token_endpoint": f"{url}/token", "service_account": account, "subject": credentials["subject"]}
    return config_of(kind).model_validate(keys)


def pull(kind: str, reached: dict[str, Any], folder: Path) -> dict[str, float]:
    """Pull and absorb into SQLite, twice: into an empty mirror, and when nothing changed."""
    teams = tuple(TeamMapping(name, name) for name in reached["groups"])
    policy = Policy("bench", "bench-dir", teams=teams)
    store = open_store(f"sqlite:///{folder / 'mirror.db'}")
    connector_settings = connector_config(kind, reached, folder)

    async def once(*, changes: bool = False) -> int:
        with store.read() as connection:
            known, cursor = bound(connection, "bench-dir"), cursor_of(connection, "bench-dir") if changes else ""
        assert bool(cursor) is changes
        connector = open_connector(connector_settings, Opened("bench-dir"))
        staging = Staging(store, policy, lambda: "2026-01-01T00:00:00.000Z")
        try:
            async for observation in connector.pull(policy.wanted(known, cursor)):
                staging.take(observation)
            complete = staging.promote()
            assert complete.whole, complete
            return connector.counts.requests
        finally:
            staging.discard()
            await connector.close()

    async def warm() -> None:
        # Imports and what the SDKs build once per process are start-up, not reading.
        connector = open_connector(connector_settings, Opened("bench-dir"))
        await connector.check(policy.wanted({}))
        await connector.close()

    asyncio.run(warm())
    with cpu() as first:
        requests = asyncio.run(once())
    with cpu() as again:
        asyncio.run(once())
    done = {"cpu": first["cpu"], "again": again["cpu"], "peak": peak_mb(), "requests": requests, "wall": first["wall"]}
    if kind in INCREMENTAL:
        with cpu() as changes:
            done["changes_requests"] = asyncio.run(once(changes=True))
        done["changes"] = changes["cpu"]
    store.close()
    return done


Get = Callable[[str], Awaitable[tuple[bytes, Mapping[str, str]]]]
Following = Callable[[str, bytes, Mapping[str, str]], str]


def _first_pages(kind: str, reached: dict[str, Any]) -> list[str]:
    """The first page of every collection that a pull reads, in order."""
    url, groups = reached["url"], reached["groups"].values()
    if kind == "okta":
        profile = "login,email,firstName,lastName,displayName,title,department,manager"
        users = f"{url}/api/v1/users?limit=200&fields=profile:({profile}),status"
        members = "{}/api/v1/groups/{}/users?limit=1000"
        return [users, f"{url}/api/v1/groups?limit=200", *(members.format(url, group) for group in groups)]
    if kind == "entra":
        base = f"{url}/v1.0"
        fields = "id,userPrincipalName,mail,displayName,givenName,surname,jobTitle,department,accountEnabled,userType"
        members = "{}/groups/{}/members?$select=id&$top=999"
        first = [f"{base}/users?$select={fields}&$top=999", f"{base}/groups?$select=id,displayName&$top=999"]
        return first + [members.format(base, group) for group in groups]
    base = f"{url}/admin/directory/v1"
    mask = (
        "nextPageToken,users(id,primaryEmail,name(givenName,familyName,fullName),suspended,archived,isGuestUser,"
        "organizations,relations)"
    )
    users = f"{base}/users?customer=my_customer&maxResults=500&projection=basic&fields={mask}"
    listed = f"{base}/groups?customer=my_customer&maxResults=200&fields=nextPageToken,groups(id,name,email)"
    members = "{}/groups/{}/members?maxResults=200&fields=nextPageToken,members(id,type)"
    return [users, listed, *(members.format(base, group) for group in groups)]


def _okta_next(_url: str, body: bytes, headers: Mapping[str, str]) -> str:
    orjson.loads(body)
    link = next((part for part in headers.get("link", "").split(", ") if 'rel="next"' in part), "")
    return link[1 : link.index(">")] if link else ""


def _entra_next(_url: str, body: bytes, _headers: Mapping[str, str]) -> str:
    return str(orjson.loads(body).get("@odata.nextLink", ""))


def _google_next(url: str, body: bytes, _headers: Mapping[str, str]) -> str:
    token = orjson.loads(body).get("nextPageToken", "")
    return f"{url.partition('&pageToken=')[0]}&pageToken={token}" if token else ""


FOLLOWING: dict[str, Following] = {"okta": _okta_next, "entra": _entra_next, "google": _google_next}


def _authorization(kind: str, reached: dict[str, Any]) -> str:
    """The header, with a token fetched once where there is one to fetch."""
    import google.auth.transport.requests
    import httpx
    from google.oauth2 import service_account

    given = reached["credentials"]
    if kind == "okta":
        return f"SSWS {given['token']}"
    if kind == "entra":
        form = {"client_id": given["client_id"], "client_secret": given["client_secret"],
                "grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}  # fmt: skip
        issued = httpx.post(f"{reached['url']}/{given['tenant_id']}/oauth2/v2.0/token", data=form)
        return f"Bearer {issued.json()['access_token']}"
    account = {**given["service_account"], "token_uri": f"{reached['url']}/token"}
    names = ("user", "group", "group.member")
    scopes = [f"https://www.googleapis.com/auth/admin.directory.{name}.readonly" for name in names]
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        account, scopes=scopes, subject=given["subject"]
    )
    credentials.refresh(google.auth.transport.requests.Request())
    return f"Bearer {credentials.token}"


async def _walk(kind: str, reached: dict[str, Any], get: Get) -> int:
    following, requests = FOLLOWING[kind], 0
    for first in _first_pages(kind, reached):
        url = first
        while url:
            body, headers = await get(url)
            requests += 1
            url = following(url, body, headers)
    return requests


async def floor_httpx(kind: str, reached: dict[str, Any], authorization: str) -> int:
    """The bare client that rosterd itself uses."""
    import httpx

    async with httpx.AsyncClient(timeout=60, headers={"Authorization": authorization}) as client:

        async def get(url: str) -> tuple[bytes, Mapping[str, str]]:
            answer = await client.get(url)
            answer.raise_for_status()
            return answer.content, answer.headers

        return await _walk(kind, reached, get)


async def floor_aiohttp(kind: str, reached: dict[str, Any], authorization: str) -> int:
    """The client below Okta's SDK."""
    import aiohttp

    async with aiohttp.ClientSession(headers={"Authorization": authorization}) as session:

        async def get(url: str) -> tuple[bytes, Mapping[str, str]]:
            async with session.get(url) as answer:
                answer.raise_for_status()
                return await answer.read(), {"link": ", ".join(answer.headers.getall("link", []))}

        return await _walk(kind, reached, get)


async def floor_httplib2(kind: str, reached: dict[str, Any], authorization: str) -> int:
    """The client below Google's SDK; it blocks, which costs less than awaiting does."""
    import httplib2

    http = httplib2.Http(timeout=60)

    async def get(url: str) -> tuple[bytes, Mapping[str, str]]:
        answer, body = http.request(url, headers={"Authorization": authorization})
        assert answer.status == 200, (answer.status, body[:200])
        return body, {}

    requests = await _walk(kind, reached, get)
    http.close()
    return requests


CLIENTS = {"httpx": floor_httpx, "aiohttp": floor_aiohttp, "httplib2": floor_httplib2}
BELOW_SDK = {"okta": "aiohttp", "google": "httplib2"}


def floor(kind: str, reached: dict[str, Any], client: str) -> dict[str, float]:
    """What a bare client needs; run twice, for the first run imports."""
    authorization = _authorization(kind, reached)
    asyncio.run(CLIENTS[client](kind, reached, authorization))
    with cpu() as spent:
        requests = asyncio.run(CLIENTS[client](kind, reached, authorization))
    return {"cpu": spent["cpu"], "requests": requests}


def _compare(bench: Benchmark, kind: str, done: dict[str, Any], given: tuple[str, ...]) -> None:
    bare = step(__file__, "--step", "floor", "--client", "httpx", *given)
    label = f"{kind}: pull + absorb"
    bench.add(f"{label}, nothing changed: CPU", done["again"], "s", bare["cpu"])
    bench.add(f"{label}, first load: CPU", done["cpu"], "s", bare["cpu"])
    if client := BELOW_SDK.get(kind):
        low = step(__file__, "--step", "floor", "--client", client, *given)
        bench.add(f"{label}, nothing changed: CPU against {client}", done["again"], "s", low["cpu"])
        bench.add(f"{label}, first load: CPU against {client}", done["cpu"], "s", low["cpu"])
    bench.add(f"{kind}: requests", done["requests"], "requests", bare["requests"])
    if kind in INCREMENTAL:
        bench.add(f"{kind}: read of changes, none: CPU", done["changes"], "s")
        bench.add(f"{kind}: read of changes, none: requests", done["changes_requests"], "requests")


def _wait(bench: Benchmark, kind: str) -> None:
    """How well waiting overlaps: the members of many groups, 100 ms per answer."""
    with tempfile.TemporaryDirectory() as folder, simulated(kind, FEW_PEOPLE, Path(folder), latency=LATENCY) as reached:
        done = step(__file__, "--step", "pull", "--kind", kind, "--reached", str(reached))
        # The listings come page after page; the members of the groups are read side by side.
        members = len(json.loads(reached.read_text())["groups"])
        ideal = (done["requests"] - members) * LATENCY + members * LATENCY / AT_ONCE[kind]
        bench.add(f"{kind}: wall with {LATENCY * 1000:.0f} ms per answer", done["wall"], "s", ideal)


def measure(people: int, kinds: tuple[str, ...]) -> Benchmark:
    """All kinds, at `people` and, for memory, at a tenth of that."""
    bench = Benchmark("pull")
    for kind in kinds:
        peaks = {}
        for size in (people // 10, people):
            with tempfile.TemporaryDirectory() as folder, simulated(kind, size, Path(folder)) as reached:
                given = ("--kind", kind, "--reached", str(reached))
                done = step(__file__, "--step", "pull", *given)
                peaks[size] = done["peak"]
                if size == people:
                    _compare(bench, kind, done, given)
        _wait(bench, kind)
        bench.add(f"{kind}: peak memory, {people:,} people", peaks[people], "MB", peaks[people // 10])
    return bench


def main() -> None:
    """Command line of the contract."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--latency", type=float, default=0.0, help=argparse.SUPPRESS)
    for hidden in ("--serve", "--step", "--reached", "--client"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.people, given.latency)
    elif given.step:
        reached = json.loads(Path(given.reached).read_text())
        folder = Path(given.reached).parent
        done = pull(given.kind, reached, folder) if given.step == "pull" else floor(given.kind, reached, given.client)
        print(json.dumps(done))
    else:
        measure(given.people, (given.kind,) if given.kind else KINDS).show(as_json=given.json)


if __name__ == "__main__":
    main()
