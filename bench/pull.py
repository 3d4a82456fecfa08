"""Pull and absorb of a whole directory, per connector, against a floor; and what peak memory follows.

N people and 1,000 groups, all of them mapped, each person in two or three. The simulator is a process of its own, so
its cost is not counted. Each measurement is a process of its own; CPU is user + system of that process after imports.

The floor fetches the same pages in the same order with the bare HTTP client that the vendor's SDK stands on (okta:
aiohttp, entra: httpx, google: httplib2), one connection, the token given, and parses every page with orjson. It keeps
nothing.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
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
from store.staging import Staging

KINDS = ("okta", "entra", "google")
GROUPS = 1000


def serve(kind: str, people: int) -> None:
    """Runs the simulator in this process and prints one line of JSON: how to reach it, and its groups."""
    world = World.generate(kind, people, GROUPS)  # type: ignore[arg-type]
    simulator = Simulator(kind, world)  # type: ignore[arg-type]

    def announce(running: Simulator) -> None:
        reached = {
            "url": running.url,
            "credentials": running.credentials,
            "groups": {group.name: group.id for group in world.groups.values()},
        }
        print(json.dumps(reached), flush=True)

    serve_forever(simulator, announce)


@contextmanager
def simulated(kind: str, people: int, folder: Path) -> Iterator[Path]:
    """A simulator in a process of its own; the path of a file with how to reach it."""
    command = [sys.executable, __file__, "--serve", kind, "--people", str(people)]
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

    async def once() -> int:
        connector = open_connector(connector_settings, Opened("bench-dir"))
        staging = Staging(store, policy, lambda: "2026-01-01T00:00:00.000Z")
        try:
            async for observation in connector.pull(policy.wanted({})):
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
    store.close()
    return {"cpu": first["cpu"], "again": again["cpu"], "peak": peak_mb(), "requests": requests, "wall": first["wall"]}


Get = Callable[[str], Awaitable[tuple[bytes, dict[str, str]]]]


async def _okta_floor(reached: dict[str, Any], get: Get) -> int:
    requests = 0

    async def follow(url: str) -> None:
        nonlocal requests
        while url:
            body, headers = await get(url)
            orjson.loads(body)
            requests += 1
            url = headers.get("next", "")

    base = reached["url"]
    profile = "login,email,firstName,lastName,displayName,title,department,manager"
    await follow(f"{base}/api/v1/users?limit=200&fields=profile:({profile}),status")
    await follow(f"{base}/api/v1/groups?limit=200")
    for group in reached["groups"].values():
        await follow(f"{base}/api/v1/groups/{group}/users?limit=1000")
    return requests


def floor_okta(reached: dict[str, Any]) -> int:
    """aiohttp."""
    import aiohttp

    async def run() -> int:
        headers = {"Authorization": f"SSWS {reached['credentials']['token']}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def get(url: str) -> tuple[bytes, dict[str, str]]:
                async with session.get(url) as answer:
                    answer.raise_for_status()
                    following = answer.links.get("next")
                    return await answer.read(), {"next": str(following["url"])} if following else {}

            return await _okta_floor(reached, get)

    return asyncio.run(run())


def floor_entra(reached: dict[str, Any]) -> int:
    """httpx."""
    import httpx

    credentials = reached["credentials"]
    form = {
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }

    async def run() -> int:
        requests = 0
        async with httpx.AsyncClient(timeout=60) as client:
            issued = await client.post(f"{reached['url']}/{credentials['tenant_id']}/oauth2/v2.0/token", data=form)
            client.headers["Authorization"] = f"Bearer {issued.json()['access_token']}"

            async def follow(url: str) -> None:
                nonlocal requests
                while url:
                    answer = await client.get(url)
                    answer.raise_for_status()
                    requests += 1
                    url = orjson.loads(answer.content).get("@odata.nextLink", "")

            base = f"{reached['url']}/v1.0"
            fields = (
                "id,userPrincipalName,mail,displayName,givenName,surname,jobTitle,department,accountEnabled,userType"
            )
            await follow(f"{base}/users?$select={fields}&$top=999")
            await follow(f"{base}/groups?$select=id,displayName&$top=999")
            for group in reached["groups"].values():
                await follow(f"{base}/groups/{group}/members?$select=id&$top=999")
        return requests

    return asyncio.run(run())


def floor_google(reached: dict[str, Any]) -> int:
    """httplib2, with a token from google-auth."""
    import google.auth.transport.requests
    import httplib2
    from google.oauth2 import service_account

    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        {**reached["credentials"]["service_account"], "token_uri": f"{reached['url']}/token"},
        scopes=[
            f"https://www.googleapis.com/auth/admin.directory.{name}.readonly"
            for name in ("user", "group", "group.member")
        ],
        subject=reached["credentials"]["subject"],
    )
    credentials.refresh(google.auth.transport.requests.Request())
    http = httplib2.Http(timeout=60)
    headers = {"authorization": f"Bearer {credentials.token}"}
    requests = 0

    def follow(url: str) -> None:
        nonlocal requests
        token = ""
        while True:
            answer, body = http.request(url + (f"&pageToken={token}" if token else ""), headers=headers)
            assert answer.status == 200, (answer.status, body[:200])
            requests += 1
            token = orjson.loads(body).get("nextPageToken", "")
            if not token:
                return

    base = f"{reached['url']}/admin/directory/v1"
    mask = (
        "nextPageToken,users(id,primaryEmail,name(givenName,familyName,fullName),suspended,archived,isGuestUser,"
        "organizations(primary,title,department),relations(type,value))"
    )
    follow(f"{base}/users?customer=my_customer&maxResults=500&projection=basic&fields={mask}")
    follow(f"{base}/groups?customer=my_customer&maxResults=200&fields=nextPageToken,groups(id,name,email)")
    for group in reached["groups"].values():
        follow(f"{base}/groups/{group}/members?maxResults=200&fields=nextPageToken,members(id,type)")
    http.close()
    return requests


FLOORS: dict[str, Callable[[dict[str, Any]], int]] = {
    "okta": floor_okta,
    "entra": floor_entra,
    "google": floor_google,
}


def floor(kind: str, reached: dict[str, Any]) -> dict[str, float]:
    """What the bare client needs; run twice, for the first run imports."""
    FLOORS[kind](reached)
    with cpu() as spent:
        requests = FLOORS[kind](reached)
    return {"cpu": spent["cpu"], "requests": requests}


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
                    bare = step(__file__, "--step", "floor", *given)
                    bench.add(f"{kind}: pull + absorb, first load: CPU", done["cpu"], "s", bare["cpu"])
                    bench.add(
                        f"{kind}: pull + absorb, full pull, nothing changed: CPU", done["again"], "s", bare["cpu"]
                    )
                    bench.add(f"{kind}: requests", done["requests"], "requests", bare["requests"])
        bench.add(f"{kind}: peak memory, {people:,} people", peaks[people], "MB", peaks[people // 10])
    return bench


def main() -> None:
    """Command line of the contract."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--kind", choices=KINDS)
    for hidden in ("--serve", "--step", "--reached"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.people)
    elif given.step:
        reached = json.loads(Path(given.reached).read_text())
        folder = Path(given.reached).parent
        done = pull(given.kind, reached, folder) if given.step == "pull" else floor(given.kind, reached)
        print(json.dumps(done))
    else:
        measure(given.people, (given.kind,) if given.kind else KINDS).show(as_json=given.json)


if __name__ == "__main__":
    main()
