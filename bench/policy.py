"""What policy costs: everybody compared under three role axes and twenty mappings, and one mapping that changes.

N people, each in 3 of 49 groups and with two attributes; 20 groups are teams, and three axes are filled by groups, by
an attribute and by both, with a constraint between them. The budget of comparing everybody, in CPU, is one and a half
times that of the plain policy of bench/reconcile.py. The floor is bare sqlite3 fetching the same rows, in the same run.

Then a group of N / 500 people is mapped to a team, in a run that reads what changed; the mapping is removed again, and
its members leave. Touched are those whom the change concerns, replanned those whom the run looked at.
"""

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import msgspec

from bench import reconcile
from bench.figures import Benchmark, cpu, main, peak_mb, step
from connectors.base import Connector, Counts
from reconciler.context import Context
from reconciler.model import (
    CollectionEnd,
    Completeness,
    Cursor,
    DirectoryGroup,
    DirectoryUser,
    GroupsSeen,
    MembersSeen,
    Observation,
    UsersSeen,
    Wanted,
)
from reconciler.policy import Policy, RoleAxis, RoleRule, RoleSource, TeamMapping
from reconciler.report import Report
from rosterd.ports import now, run_once
from store import Store, open_store, policies
from store.mappings import follow
from store.mirror import group_view
from store.staging import Staging

BUDGET = 1.5 * 25.0  # seconds for a million people
MAPPED = 20
SPARSE, NEW = 500, "newly mapped"
AXES = (
    RoleAxis("role", ("member", "admin"), "member", protect_last="admin"),
    RoleAxis("primary", ("listener", "analyst", "recorder", "recorder_and_voice"), "analyst", "keep"),
    RoleAxis("permission", ("user", "manager", "admin"), "user"),
)
SOURCES = (
    RoleSource("role", "jamie_role", (("g0", "admin"),)),
    RoleSource("primary", "plan"),
    RoleSource("permission", groups=(("g21", "manager"), ("g22", "admin"))),
)
RULES = (RoleRule((("primary", "listener"),), (("permission", "user"),)),)
PLANS: tuple[list[str], ...] = (["Recorder"], ["listener"], ["recorder_and_voice", "pilot"], ["pilot"])


def policy(*, more: bool = False) -> Policy:
    """Three axes and twenty mappings; one `more` at the end."""
    teams = [TeamMapping(f"g{n}", f"Team {n}", "remove") for n in range(1, MAPPED + 1)]
    added = [TeamMapping(NEW, "Newcomers", "remove")] if more else []
    return Policy("bench", "bench-dir", axes=AXES, sources=SOURCES, rules=RULES, teams=(*teams, *added))


def person(n: int) -> DirectoryUser:
    """Person number n, with a plan and mostly the role of a member."""
    attributes = {"plan": PLANS[n % len(PLANS)], "jamie_role": "Admin" if n % 10_000 == 0 else "member"}
    return msgspec.structs.replace(reconcile.person(n), attributes=attributes)


def inside(n: int) -> tuple[str, ...]:
    """The groups of person n."""
    return tuple(f"g{group}" for group in sorted(set(reconcile.groups_of(n))))


def sparse(people: int) -> tuple[str, ...]:
    """The members of the group that is mapped later."""
    return tuple(f"u{n:08d}" for n in range(0, people, SPARSE))


def everything(people: int) -> Iterator[Observation]:
    """A complete read of the directory."""
    for low in range(0, people, reconcile.PAGE):
        yield UsersSeen(tuple(person(n) for n in range(low, min(low + reconcile.PAGE, people))))
    yield CollectionEnd("users", Completeness.COMPLETE)
    names = [*(f"g{n}" for n in range(reconcile.GROUPS)), NEW]
    yield GroupsSeen(tuple(DirectoryGroup(name, name) for name in names))
    yield CollectionEnd("groups", Completeness.COMPLETE)
    for low in range(0, people, reconcile.PAGE):
        members: dict[str, list[str]] = {}
        for n in range(low, min(low + reconcile.PAGE, people)):
            for group in inside(n):
                members.setdefault(group, []).append(f"u{n:08d}")
        for group, ids in members.items():
            yield MembersSeen(group, tuple(ids))
    for n in range(reconcile.GROUPS):
        yield CollectionEnd("members", Completeness.COMPLETE, f"g{n}")


class Changes:
    """A directory in which nothing changed; `unread` are the members of the group that is wanted for the first time."""

    def __init__(self, unread: tuple[str, ...]) -> None:
        self.counts = Counts()
        self._unread = unread

    async def pull(self, wanted: Wanted) -> AsyncIterator[Observation]:
        """What changed since the last read."""
        assert wanted.cursor, "everything would be read again"
        yield CollectionEnd("users", Completeness.DELTA)
        yield CollectionEnd("groups", Completeness.DELTA)
        if self._unread:
            yield MembersSeen(NEW, self._unread)
            yield CollectionEnd("members", Completeness.COMPLETE, NEW)
        yield Cursor(wanted.cursor)


def prepare(store: Store, path: str, people: int) -> None:
    """Mirror and workspace as a first sync would leave them, written directly."""
    staging = Staging(store, policy(), lambda: reconcile.NOW)
    for observation in everything(people):
        staging.take(observation)
    staging.promote()
    staging.discard()
    with store.read() as connection:
        context = Context(policy(), group_view(connection, policy())[0])
    store.close()
    reconcile.members(path, ((n, person(n)) for n in range(people)))
    with sqlite3.connect(path) as database:
        names = {mapping.team: number for number, mapping in enumerate(policy().teams, 1)}
        rows = [(number, "bench", name) for name, number in names.items()]
        database.executemany("INSERT INTO team (id, workspace, name) VALUES (?, ?, ?)", rows)
        for low in range(0, people, 10_000):
            roles, teams = [], []
            for n in range(low, min(low + 10_000, people)):
                belongs = context.membership(inside(n))
                grants = context.roles(person(n), belongs.refs, {}).grants
                roles += [(n + 1, axis, grant.value) for axis, grant in grants.items()]
                teams += [(n + 1, names[team], "bench-dir") for team in sorted(belongs.teams)]
            database.executemany("INSERT INTO member_role VALUES (?, ?, ?)", roles)
            database.executemany("INSERT INTO team_member VALUES (?, ?, ?)", teams)
        reconcile.settled(database)
        database.execute("UPDATE directory SET cursor = 'then'")
    database.close()
    store = open_store(f"sqlite:///{path}")
    with store.write() as connection:
        policies.compared(connection, policy(), now(), everybody=True)
        follow(connection, policy(), now())
    store.close()


def changed(store: Store, people: int, *, more: bool) -> dict[str, object]:
    """One run under a policy with another mapping: what it cost, and how many people it looked at."""
    looked = 0

    def told(phase: str, done: int, _total: int | None) -> None:
        nonlocal looked
        looked = max(looked, done) if phase == "plan" else looked

    source = cast("Connector", Changes(sparse(people) if more else ()))
    with cpu() as spent:
        report = asyncio.run(run_once(store, policy(more=more), source, progress=told))
    assert (report.mode, report.state) == ("incremental", "succeeded"), report
    done = report.counts.join_team if more else report.counts.leave_team
    assert done == len(sparse(people)), report.counts
    return {**spent, "looked": looked}


def one_step(name: str, path: str, people: int) -> dict[str, object]:
    """Runs the step in this process and says what it cost."""
    if name == "floor":
        return {"cpu": reconcile.floor_verify(path)}
    store = open_store(f"sqlite:///{path}")
    if name == "prepare":
        prepare(store, path, people)
        return {}
    if name in ("mapped", "removed"):
        found = changed(store, people, more=name == "mapped")
        store.close()
        return found
    with cpu() as spent:
        report: Report = reconcile.run(store, name, verify=True, asked=policy())
    store.close()
    return {**spent, "peak": peak_mb(), "report": json.loads(msgspec.json.encode(report))}


def measure(people: int) -> Benchmark:
    """All steps, in order, on one database."""
    bench, number = Benchmark("policy"), reconcile.number
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.db")

        def go(name: str) -> dict[str, object]:
            return step(__file__, "--step", name, "--database", path, "--people", str(people))

        go("prepare")
        done = go("verify")
        reconcile.expect(done, actions=0)
        title = f"everybody compared, {len(AXES)} axes, {MAPPED} mappings"
        bench.add(f"{title}: CPU", number(done, "cpu"), "s", number(go("floor"), "cpu"))
        bench.add(f"{title}: share of the budget", number(done, "cpu") / (BUDGET * people / 1_000_000), "of 1")
        bench.add(f"{title}: wall", number(done, "wall"), "s")
        bench.add(f"{title}: peak memory", number(done, "peak"), "MB")
        for name, what in (("mapped", "a mapping added"), ("removed", "a mapping removed")):
            done = go(name)
            bench.add(f"{what}: people replanned", number(done, "looked"), "people", float(len(sparse(people))))
            bench.add(f"{what}: CPU", number(done, "cpu"), "s")
            bench.add(f"{what}: wall", number(done, "wall"), "s")
    return bench


if __name__ == "__main__":
    main(__doc__, measure, one_step)
