"""From an absorbed mirror to applied, reported and durable on SQLite: churn, no change, full verification.

N people, 50 groups mapped to teams, each person in 3, one role axis. Churn: 2 % joiners, 2 % updates, 1 % leavers, 1 %
moved from one group to another. Each step runs in a process of its own; its peak memory includes the interpreter.

Guarding is measured inside the churn run, and once more with every limit there is, after a week of 2,000 runs of 50
changes each.

The floor is bare sqlite3: for churn, the inserts, updates and deletes of the same rows in one transaction; for the
verification, fetching the same rows.
"""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from bench import guarding
from bench.figures import Benchmark, cpu, main, peak_mb, step
from reconciler.decide import member_id
from reconciler.model import (
    CollectionEnd,
    Completeness,
    DirectoryGroup,
    DirectoryUser,
    Evidence,
    GroupsSeen,
    MembersLeft,
    MembersSeen,
    Observation,
    Questions,
    UserGone,
    UsersSeen,
    UserState,
    Wanted,
)
from reconciler.policy import Flap, Limit, Policy, RoleAxis, RoleSource, TeamMapping
from reconciler.ports import Job
from reconciler.report import Complete, Report, Transport
from reconciler.sync import sync
from rosterd.ports import RunPorts, lease
from store import Store, open_store
from store.staging import Staging

GROUPS = 50
PAGE = 1000
_T = TypeVar("_T")
NOW = "2026-01-01T00:00:00.000Z"


def policy() -> Policy:
    """Every group a team, one group an admin role; limits wide enough for 1 % leavers; what the run
    before did is looked at for flaps."""
    return Policy(
        "bench",
        "bench-dir",
        axes=(RoleAxis("role", ("member", "admin"), "member", protect_last="admin"),),
        sources=(RoleSource("role", groups=(("g0", "admin"),)),),
        teams=tuple(TeamMapping(f"g{n}", f"Team {n}") for n in range(GROUPS)),
        limits={"deactivate": Limit(percent=10, floor=5), "leave_team": Limit(percent=50, floor=20)},
        flap=Flap(times=2, runs=50),
    )


def person(n: int, edition: int = 0) -> DirectoryUser:
    """Person number n; another edition has another title."""
    return DirectoryUser(
        f"u{n:08d}", UserState.ACTIVE, f"person{n}@example.com", f"person{n}@example.com", f"Given{n % 997}",
        f"Family{n % 9973}", f"Given{n % 997} Family{n % 9973}", f"Title {edition}", f"Department {n % 20}",
    )  # fmt: skip


def groups_of(n: int, moved: bool = False) -> tuple[int, int, int]:
    """The three groups of person n; a moved person swaps the first for another. g0 stays small."""
    first = 1 + n % (GROUPS - 1)
    shifted = 1 + (n + 7) % (GROUPS - 1) if moved else first
    return (shifted, 1 + (n + 19) % (GROUPS - 1), 1 + (n + 31) % (GROUPS - 1))


def world(people: int, *, churn: bool) -> Iterator[Observation]:
    """A complete read of the directory, before or after the churn."""
    percent = people // 100
    first = percent if churn else 0  # 1 % leavers: the lowest numbers
    last = people + 2 * percent if churn else people
    changed = range(2 * percent, 4 * percent) if churn else range(0)
    moved = range(5 * percent, 6 * percent) if churn else range(0)
    for low in range(first, last, PAGE):
        yield UsersSeen(tuple(person(n, int(n in changed)) for n in range(low, min(low + PAGE, last))))
    yield CollectionEnd("users", Completeness.COMPLETE)
    yield GroupsSeen(tuple(DirectoryGroup(f"g{n}", f"g{n}") for n in range(GROUPS)))
    yield CollectionEnd("groups", Completeness.COMPLETE)
    for low in range(first, last, PAGE):
        yield from _edges(range(low, min(low + PAGE, last)), moved)
    yield MembersSeen("g0", tuple(f"u{n:08d}" for n in range(last - 20, last)))
    for n in range(GROUPS):
        yield CollectionEnd("members", Completeness.COMPLETE, f"g{n}")


def _edges(people: range, moved: range) -> Iterator[Observation]:
    members: dict[int, list[str]] = {}
    for n in people:
        for group in groups_of(n, n in moved):
            members.setdefault(group, []).append(f"u{n:08d}")
    for group, ids in members.items():
        yield MembersSeen(f"g{group}", tuple(ids))


def absorb(store: Store, people: int, *, churn: bool) -> Complete:
    """Pull and absorb, as the loop does."""
    staging = Staging(store, policy(), lambda: NOW)
    try:
        for observation in world(people, churn=churn):
            staging.take(observation)
        for questions in staging.questions(thorough=False, most=people):  # as the directory answers when asked by id
            for leaver in questions.people:
                staging.take(UserGone(leaver, Evidence.TOMBSTONE))
            for left in questions.members:
                staging.take(MembersLeft(left.group, (left.member,)))
        return staging.promote()
    finally:
        staging.discard()


class _Nothing:
    """A source that was absorbed already."""

    transport = Transport()

    async def pull(self, _wanted: Wanted) -> AsyncIterator[Observation]:
        """No observations."""
        nothing: tuple[Observation, ...] = ()
        for observation in nothing:
            yield observation


class _Absorbed:
    def take(self, observation: Observation) -> int:
        raise NotImplementedError

    def questions(self, *, thorough: bool) -> Iterator[Questions]:
        assert thorough in (True, False)
        yield from ()

    def promote(self) -> Complete:
        return Complete(True, True, True)

    def discard(self) -> None:
        pass


class Ports(RunPorts):
    """The real ports behind a mirror that is absorbed already."""

    def absorber(self) -> _Absorbed:
        """Nothing left to absorb."""
        return _Absorbed()


def run(store: Store, name: str, *, verify: bool, asked: Policy | None = None) -> Report:
    """One run of the loop, from the absorbed mirror to the report."""
    followed = policy() if asked is None else asked
    with lease(store, "bench", name) as held:
        ports = Ports(store, followed, None, held=held, progress=lambda *_: None)
        ports.source = _Nothing()  # type: ignore[assignment]
        return asyncio.run(sync(Job(name, followed, "bench", verify=verify), ports))


def fill(path: str, people: int) -> None:
    """The workspace as a first sync would leave it, written directly: a million people in a minute."""
    members(path, ((n, person(n)) for n in range(people)))
    with sqlite3.connect(path) as database:
        for chunk in chunks(iter(range(people)), 10_000):
            database.executemany(
                "INSERT INTO member_role VALUES (?, 'role', ?)",
                [(n + 1, "admin" if n >= people - 20 else "member") for n in chunk],
            )
            database.executemany(
                "INSERT INTO team_member VALUES (?, ?, 'bench-dir')",
                [(n + 1, team + 1) for n in chunk for team in {*groups_of(n), *([0] if n >= people - 20 else [])}],
            )
        database.executemany(
            "INSERT INTO team (id, workspace, name) VALUES (?, 'bench', ?)",
            [(n + 1, f"Team {n}") for n in range(GROUPS)],
        )
        settled(database)
        database.execute("UPDATE directory SET policy_digest = ?", (policy().digest,))
    database.close()


def members(path: str, people: Iterator[tuple[int, DirectoryUser]]) -> None:
    """Writes the members who follow these people, by their numbers."""
    with sqlite3.connect(path) as database:
        for chunk in chunks(people, 10_000):
            database.executemany(
                "INSERT INTO member (no, id, workspace, email, email_key, name_key, user_name, given_name, family_name,"
                " display_name, title, department, manager, active, managed, directory, external_id, created_at,"
                " updated_at) VALUES (?,?,'bench',?,?,?,?,?,?,?,?,?,'',1,1,'bench-dir',?,?,?)",
                [
                    (n + 1, member_id("bench", "bench-dir", u.external_id), u.email, u.email, u.email, u.user_name,
                     u.given_name, u.family_name, u.display_name, u.title, u.department, u.external_id, NOW, NOW)
                    for n, u in chunk
                ],
            )  # fmt: skip
    database.close()


def settled(database: sqlite3.Connection) -> None:
    """Nobody is pending, and everybody is known to be in scope."""
    database.execute("DELETE FROM pending")
    database.execute("UPDATE mirror_user SET scoped = 1")


def chunks(items: Iterator[_T], size: int) -> Iterator[list[_T]]:
    chunk: list[_T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def one_step(name: str, path: str, people: int) -> dict[str, object]:
    """Runs the step in this process and says what it cost."""
    store = open_store(f"sqlite:///{path}")
    if name == "prepare":
        absorb(store, people, churn=False)
        store.close()
        fill(path, people)
        return {}
    if name == "absorb-churn":
        with cpu() as spent:
            absorb(store, people, churn=True)
        store.close()
        return {**spent, "peak": peak_mb()}
    if name == "floor-churn":
        return {"cpu": floor_churn(path)}
    if name == "floor-verify":
        return {"cpu": floor_verify(path)}
    asked = policy()
    if name == "remembering":
        guarding.remember(path, range(people))
        asked = msgspec.structs.replace(asked, limits=guarding.limits(), flap=Flap(times=4, runs=50))
    with cpu() as spent, guarding.metered() as guard:
        report = run(store, name, verify=name.startswith("verify"), asked=asked)
    store.close()
    return {**spent, **guard, "peak": peak_mb(), "report": json.loads(msgspec.json.encode(report))}


def floor_churn(path: str) -> float:
    """CPU of writing what the churn run wrote, with bare sqlite3 into empty tables of the same schema."""
    with sqlite3.connect(path) as source, tempfile.TemporaryDirectory() as folder:
        tables = {row[0]: row[1] for row in source.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")}
        written = {
            "member": source.execute(
                "SELECT * FROM member WHERE created_at > ? OR updated_at > ?", (NOW, NOW)
            ).fetchall(),
            "action": source.execute("SELECT * FROM action WHERE run = 'churn'").fetchall(),
        }
        target = sqlite3.connect(Path(folder) / "floor.db")
        target.execute("PRAGMA journal_mode=WAL")
        for table in written:
            target.execute(tables[table])
        with cpu() as spent, target:
            for table, rows in written.items():
                if rows:
                    target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        target.close()
    source.close()
    return spent["cpu"]


def floor_verify(path: str) -> float:
    """CPU of fetching the rows that a verification compares, with bare sqlite3."""
    database = sqlite3.connect(path)
    with cpu() as spent:
        for query in (
            "SELECT external_id, state, body FROM mirror_user WHERE directory = 'bench-dir' ORDER BY external_id",
            "SELECT member_id, group_id FROM mirror_edge WHERE directory = 'bench-dir' ORDER BY member_id",
            "SELECT * FROM member WHERE directory = 'bench-dir' ORDER BY external_id",
            "SELECT * FROM member_role",
            "SELECT * FROM team_member",
        ):
            for _ in database.execute(query):
                pass
    database.close()
    return spent["cpu"]


def measure(people: int) -> Benchmark:
    """All steps, in order, on one database."""
    bench = Benchmark("reconcile")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.db")

        def go(name: str) -> dict[str, object]:
            return step(__file__, "--step", name, "--database", path, "--people", str(people))

        go("prepare")
        for name, label in (("same", "no change"), ("verify", "full verification")):
            done = go(name)
            expect(done, actions=0)
            bench.add(
                f"{label}: CPU",
                number(done, "cpu"),
                "s",
                number(go("floor-verify"), "cpu") if name == "verify" else None,
            )
            bench.add(f"{label}: peak memory", number(done, "peak"), "MB")
        absorbed = go("absorb-churn")
        bench.add("absorb after churn: CPU", number(absorbed, "cpu"), "s")
        past = shutil.copy(path, Path(folder) / "past.db")
        done = go("churn")
        expect(done, actions=people // 100 * 13)
        bench.add("churn: CPU", number(done, "cpu"), "s", number(go("floor-churn"), "cpu"))
        bench.add("churn: wall", number(done, "wall"), "s")
        bench.add("churn: peak memory", number(done, "peak"), "MB")
        bench.add("churn: actions applied", float(people // 100 * 13), "actions")
        shares(bench, "churn", done, absorbed)
        path = str(past)
        done = go("remembering")
        expect(done, actions=people // 100 * 13)
        bench.add("churn after 2,000 runs: CPU", number(done, "cpu"), "s")
        shares(bench, "churn after 2,000 runs", done, absorbed)
    return bench


def number(done: dict[str, object], name: str) -> float:
    return float(str(done[name]))


def shares(bench: Benchmark, name: str, done: dict[str, object], absorbed: dict[str, object]) -> None:
    """What guarding took of a run's CPU: of all of it, and of what comes after absorbing."""
    guard, after = number(done, "guard"), number(done, "cpu")
    bench.add(f"{name}: guarding, of the run's CPU", 100 * guard / (after + number(absorbed, "cpu")), "%")
    bench.add(f"{name}: guarding, of the CPU after absorbing", 100 * guard / after, "%")
    bench.add(f"{name}: looking again, of the CPU after absorbing", 100 * number(done, "again") / after, "%")


def expect(done: dict[str, object], *, actions: int) -> None:
    """A benchmark of the wrong work is no benchmark."""
    report = done["report"]
    assert isinstance(report, dict)
    counts = report["counts"]
    kinds = ("create", "adopt", "update", "deactivate", "reactivate", "set_role", "join_team", "leave_team")
    applied = sum(counts[kind] for kind in kinds)
    assert report["state"] == "succeeded", report
    assert abs(applied - actions) <= 60, (applied, actions, counts)


if __name__ == "__main__":
    main(__doc__, measure, one_step)
