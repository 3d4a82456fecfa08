"""The SCIM endpoint under load: `rosterd serve` as a process, over HTTP, durable SQLite; and a floor in the same run.

N people, a group of 500 and one of half of them, both mapped to teams. Eight connections, each with one request under
way; what is about one group comes over one. The client (bench/callers.py) is a process of its own whose CPU is a figure
too, so that one sees that it was not what was measured. The floor (bench/scim_servers.py) is a bare ASGI application
under the same uvicorn that inserts the body durably, or selects a body by its key. Rounds of both take turns, and the
medians count. Everything is measured with the loop as in life, which reconciles what was told meanwhile; writes also
with a loop that runs nothing.
"""

import argparse
import json
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.callers import Ask
from bench.figures import Benchmark, step
from bench.scim_servers import Running, running
from connectors.scim.listener import Endpoint, Listener, Request
from rosterd.cli.app import run as command
from rosterd.policies import policy_of, wanted_attributes
from rosterd.ports import now
from rosterd.settings import load
from store import open_store
from store.scim.resources import DirectoryResources

ROUNDS, WRITES, READS, LISTS, ONE = 3, 1500, 2500, 300, 150
CONNECTIONS = 8
CLIENT, SERVERS = (str(Path(__file__).with_name(name)) for name in ("callers.py", "scim_servers.py"))
SMALL = 500
DIRECTORY = "bench-scim"
BASE = f"/scim/v2/{DIRECTORY}"
CONFIGURATION = f"""\
[store]
url = "sqlite:///rosterd.db"
[http]
listen = "127.0.0.1:0"
[[workspace]]
id = "bench"
[[workspace.role]]
axis = "role"
values = ["member", "admin"]
[[directory]]
id = "{DIRECTORY}"
workspace = "bench"
kind = "scim"
requests_per_second = 100000
[[directory.role]]
axis = "role"
attribute = "roles"
[[directory.team]]
group = "small"
team = "Small"
[[directory.team]]
group = "large"
team = "Large"
"""


def body(name: str, title: str = "Engineer") -> dict[str, Any]:
    """A user as an identity provider sends one, 0.7 KB."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": f"{name}@acme.com", "externalId": f"x-{name}", "active": True, "displayName": f"Person {name}",
        "name": {"givenName": "Person", "familyName": name, "formatted": f"Person {name}"},
        "emails": [{"type": "work", "value": f"{name}@acme.com", "primary": True}], "title": title,
        "preferredLanguage": "en", "locale": "en-GB", "timezone": "Europe/London",
        "phoneNumbers": [{"type": "work", "value": "+44 20 7946 0000"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": name, "department": "Engineering", "costCenter": "1000",
            "manager": {"value": "00000000-0000-0000-0000-000000000000"},
        },
    }  # fmt: skip


def fill(folder: Path, people: int) -> None:
    """The people and both groups, as the listener keeps them, many requests to a transaction."""
    (folder / "rosterd.toml").write_text(CONFIGURATION)
    settings = load(folder / "rosterd.toml")
    (directory,) = settings.directory
    policy, count = policy_of(settings, directory), iter(range(1 << 30))
    listener = Listener(
        Endpoint(DIRECTORY, BASE, attributes=wanted_attributes(settings, directory)), lambda: f"id{next(count):08d}"
    )
    store = open_store(settings.store.url)

    def post(path: str, bodies: Sequence[dict[str, Any]]) -> list[str]:
        made = []
        with store.write() as connection:
            for each in bodies:
                resources = DirectoryResources(connection, policy, now())
                answer = listener.answer(Request("POST", path, body=json.dumps(each).encode()), resources, now())
                assert answer.status == 201, answer.body
                made.append(json.loads(answer.body)["id"])
        return made

    ids: list[str] = []
    for first in range(0, people, 1000):
        ids += post("/Users", [body(f"p{number:07d}") for number in range(first, min(first + 1000, people))])
    for name, members in (("small", ids[:SMALL]), ("large", ids[: people // 2])):
        post("/Groups", [{"displayName": name, "members": [{"value": each} for each in members]}])
    store.close()


@dataclass
class Round:
    """What one round came to."""

    rate: float
    median: float
    client: float  # share of the time that the client itself computed
    cpu: float  # of the server, seconds per request


@dataclass
class Site:
    """A folder with a filled database, and a token."""

    folder: Path
    people: int  # whom it was filled with; those that come later are not asked for
    token: str = ""
    fresh: Iterator[int] = field(default_factory=lambda: iter(range(1 << 30)))

    def send(self, server: Running, asks: Sequence[Ask], *, connections: int = CONNECTIONS, expect: int) -> Round:
        """Sends all of them; every answer has to be of this status."""
        file = self.folder / "asks.json"
        file.write_text(json.dumps({
            "host": "127.0.0.1", "port": server.port, "token": self.token, "asks": asks, "connections": connections,
        }))  # fmt: skip
        before = server.cpu()
        done = step(CLIENT, str(file))
        if set(done["statuses"]) != {str(expect)}:
            raise RuntimeError(f"{asks[0][:2]} was answered {done['statuses']}")
        return Round(
            len(asks) / done["wall"], done["median"], done["cpu"] / done["wall"], (server.cpu() - before) / len(asks)
        )

    def ask(self, sql: str) -> list[Any]:
        """A question to the database."""
        with closing(sqlite3.connect(self.folder / "rosterd.db", timeout=60)) as connection:
            return connection.execute(sql).fetchall()

    def settle(self) -> None:
        """Waits until the loop has nothing to do."""
        for _ in range(3000):
            left = self.ask("SELECT (SELECT count(*) FROM pending) + (SELECT count(*) FROM run WHERE ended IS NULL)")
            if not left[0][0] and self.ask("SELECT 1 FROM run"):
                return
            time.sleep(0.1)
        raise RuntimeError("the loop did not come to an end")


def create(site: Site, many: int = WRITES) -> list[Ask]:
    """POST of new users."""
    return [("POST", f"{BASE}/Users", json.dumps(body(f"new{next(site.fresh):07d}"))) for _ in range(many)]


def change(site: Site, many: int = WRITES) -> list[Ask]:
    """PATCH of one attribute of users at random."""
    operation = {"op": "replace", "path": "title"}
    message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    ids = site.ask(f"SELECT id FROM scim_resource WHERE kind = 'User' ORDER BY no LIMIT {site.people}")
    return [
        ("PATCH", f"{BASE}/Users/{random.choice(ids)[0]}",
         json.dumps({**message, "Operations": [{**operation, "value": f"Title {next(site.fresh)}"}]}))
        for _ in range(many)
    ]  # fmt: skip


def find(site: Site, many: int = READS) -> list[Ask]:
    """What every provider asks before it creates somebody."""
    names = site.ask(f"SELECT user_name FROM scim_resource WHERE kind = 'User' ORDER BY no LIMIT {site.people}")
    return [("GET", f"{BASE}/Users?filter=userName%20eq%20%22{random.choice(names)[0]}%22", "") for _ in range(many)]


def listing(site: Site, many: int = LISTS) -> list[Ask]:
    """Pages of 100 from anywhere among the first 10,000."""
    starts = [random.randrange(max(1, min(site.people - 100, 10_000))) + 1 for _ in range(many)]
    return [("GET", f"{BASE}/Users?startIndex={start}&count=100", "") for start in starts]


def member(site: Site, group: str) -> list[Ask]:
    """Somebody joins a group, then leaves it, then the next."""
    (found,) = site.ask(f"SELECT id FROM scim_resource WHERE kind = 'Group' AND display = '{group}'")
    others = site.ask(f"SELECT id FROM scim_resource WHERE kind = 'User' ORDER BY no DESC LIMIT {ONE}")
    asks: list[Ask] = []
    for (other,) in others:
        for operation in (
            {"op": "add", "path": "members", "value": [{"value": other}]},
            {"op": "remove", "path": f'members[value eq "{other}"]'},
        ):
            message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
            asks.append(("PATCH", f"{BASE}/Groups/{found[0]}", json.dumps(message)))
    return asks


def head(site: Site, group: str) -> list[Ask]:
    """A group without its members."""
    (found,) = site.ask(f"SELECT id FROM scim_resource WHERE kind = 'Group' AND display = '{group}'")
    return [("GET", f"{BASE}/Groups/{found[0]}?excludedAttributes=members", "")] * LISTS


def inserts(many: int = WRITES) -> list[Ask]:
    """The floor's writes."""
    return [("POST", "/", json.dumps(body(f"f{number:07d}"))) for number in range(many)]


def selects(site: Site, many: int = READS) -> list[Ask]:
    """The floor's reads."""
    return [("GET", f"/?{ask[1].partition('%22')[2].removesuffix('%22')}", "") for ask in find(site, many)]


def _medians(rounds: Sequence[Round]) -> Round:
    return Round(*(statistics.median(getattr(each, name) for each in rounds) for name in Round.__annotations__))


class Measuring:
    """A daemon and a floor that take turns."""

    def __init__(self, bench: Benchmark, site: Site, floor: Running) -> None:
        self.bench, self.site, self.floor = bench, site, floor

    def rates(
        self, daemon: Running, label: str, asks: Callable[[], list[Ask]], bare: Callable[[], list[Ask]], expect: int
    ) -> Round:
        """How many a second, and what one takes of the daemon's CPU."""
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(self.site.send(self.floor, bare(), expect=200))
            ours.append(self.site.send(daemon, asks(), expect=expect))
        one, least = _medians(ours), _medians(theirs)
        self.bench.add(label, one.rate, "/s", least.rate)
        self.bench.add(f"{label}: CPU of the daemon", one.cpu * 1e6, "us", least.cpu * 1e6)
        self.bench.add(f"{label}: share of the time that the client computed", one.client, "", least.client)
        return one

    def times(self, daemon: Running, label: str, asks: Callable[[], list[Ask]], expect: int) -> None:
        """How long one takes over one connection."""
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(self.site.send(self.floor, inserts(2 * ONE), connections=1, expect=200))
            ours.append(self.site.send(daemon, asks(), connections=1, expect=expect))
        self.bench.add(label, _medians(ours).median * 1e3, "ms", _medians(theirs).median * 1e3)

    def writes(self, daemon: Running, more: str = "") -> tuple[float, float]:
        """POST and PATCH of users; the CPU of one of each."""
        made = self.rates(daemon, f"POST user{more}", lambda: create(self.site), inserts, 201)
        changed = self.rates(daemon, f"PATCH user{more}", lambda: change(self.site), inserts, 200)
        return made.cpu, changed.cpu

    def reads(self, daemon: Running) -> None:
        """Looking up, listing, and a group without members."""
        site, people = self.site, self.site.people
        self.rates(daemon, f"userName eq, {people:,} people", lambda: find(site), lambda: selects(site), 200)
        self.rates(daemon, "list 100", lambda: listing(site), lambda: selects(site, LISTS), 200)
        for group, size in (("small", SMALL), ("large", people // 2)):
            self.rates(
                daemon, f"group of {size:,} without members", lambda name=group: head(site, name),  # type: ignore[misc]
                lambda: selects(site, LISTS), 200,
            )  # fmt: skip


def remembered(bench: Benchmark, site: Site, daemon: Running) -> None:
    """Memory after some requests of every kind, and after ten times as many."""

    def some(times: int) -> float:
        for _ in range(times):
            site.send(daemon, create(site, 250), expect=201)
            site.send(daemon, [*change(site, 250), *find(site, 400), *listing(site, 100)], expect=200)
        return daemon.resident_mb()

    few = some(1)
    bench.add(f"memory after 10,000 requests, {site.people:,} people (floor: after 1,000)", some(9), "MB", few)


def at(bench: Benchmark, people: int, *, all_figures: bool) -> None:
    """One size: everything, or only memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        step(__file__, "--fill", name, "--people", str(people))
        site = Site(folder, people, _token(folder))
        with running(folder, "-m", "rosterd", "serve") as daemon:
            site.settle()
            if all_figures:
                with running(folder, SERVERS, "floor", "floor.db") as floor:
                    _names(site, folder / "floor.db")
                    _measure(Measuring(bench, site, floor), daemon)
            remembered(bench, site, daemon)


def _measure(measuring: Measuring, daemon: Running) -> None:
    site, bench = measuring.site, measuring.bench
    measuring.reads(daemon)
    for group, size in (("small", SMALL), ("large", site.people // 2)):
        measuring.times(
            daemon, f"add or remove one member of {size:,}", lambda name=group: member(site, name), 204  # type: ignore[misc]
        )  # fmt: skip
    live = measuring.writes(daemon)
    site.settle()
    with running(site.folder, SERVERS, "idle", "--config", "idle.toml", "serve") as idle:
        alone = measuring.writes(idle, ", loop idle")
    for what, with_loop, without in zip(("POST user", "PATCH user"), live, alone, strict=True):
        bench.add(f"{what}: share of the CPU that the loop takes", max(0.0, 1 - without / with_loop), "")


def _names(site: Site, floor: Path) -> None:
    """The floor's bodies by the names that are asked for."""
    found = site.ask(f"SELECT user_name, body FROM scim_resource WHERE kind = 'User' ORDER BY no LIMIT {site.people}")
    with closing(sqlite3.connect(floor, timeout=60)) as connection, connection:
        connection.executemany("INSERT INTO kept (name, body) VALUES (?, ?)", found)


def _token(folder: Path) -> str:
    shutil.copy(folder / "rosterd.toml", folder / "idle.toml")
    given = step(__file__, "--token", str(folder))
    return str(given["token"])


def measure(people: int) -> Benchmark:
    """Everything at `people`; memory at a tenth of them, too."""
    bench = Benchmark("scim")
    at(bench, max(people // 10, SMALL * 2), all_figures=False)
    at(bench, people, all_figures=True)
    return bench


def main() -> None:
    """Command line of the contract."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    for hidden in ("--fill", "--token"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fill:
        fill(given.fill, given.people)
        print("{}")
    elif given.token:
        command(["--config", str(given.token / "rosterd.toml"), "token", "create", DIRECTORY, "--json"])
    else:
        measure(given.people).show(as_json=given.json)


if __name__ == "__main__":
    main()
