"""What is deleted once it is old, and that whatever is kept is planned, guarded, explained and undone as before."""

import random
import re
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, text

from reconciler.known import RunOf
from reconciler.policy import Flap, Limit, Policy
from store import Store, open_store, past
from store.database import rows, scalar
from store.decisions import EarlierRun, held_clusters
from store.expired import Horizon, Watched
from store.flaps import History
from store.gauges import used
from store.leases import stamp
from store.person import known
from store.retention import ROWS, Deleted, retain
from store.runs import report_of, reports
from tests.builders import WORKSPACE, Directory, by_hand, changes, policy, sync
from tests.store.workspaces import add

START = datetime(2026, 1, 1, tzinfo=UTC)
FLAP = Flap(times=4, runs=3)
OKTA = policy(flap=FLAP)
ENTRA = policy(directory="entra", flap=FLAP)
WATCHED = [Watched(each.directory, WORKSPACE, FLAP.runs + 1) for each in (OKTA, ENTRA)]
NAMES = ["ada", "bob", "cyd", "dan"]
EVER = Horizon("9", "")
_PARAMETER = re.compile(r":(\w+)")
WINDOWS = [f"{change}_{window}" for change in ("create", "update", "deactivate") for window in ("1h", "24h", "7d")]


def day(number: float) -> str:
    return stamp(START + timedelta(days=number))


def horizon(actions: float, quiet: float = -1) -> Horizon:
    """Days of the history."""
    return Horizon(day(actions), day(max(actions, quiet)))


def delete(store: Store, old: Horizon, watched: list[Watched] | None = None, **options: Any) -> Deleted:
    return retain(store, old, WATCHED if watched is None else watched, pause=lambda _: None, **options)


def ids(store: Store) -> list[str]:
    """The runs, the oldest first."""
    return [each.run for each in reversed(reports(store, limit=1000))]


def aged(store: Store) -> None:
    """Gives every run a day of its own, in their order."""
    with store.write() as connection:
        for number, (run,) in enumerate(rows(connection, "SELECT id FROM run ORDER BY began, id")):
            began, ended = day(number), stamp(START + timedelta(days=number, hours=1))
            connection.execute(
                text("UPDATE run SET began = :b, ended = :e WHERE id = :r"), {"b": began, "e": ended, "r": run}
            )
            connection.execute(text("UPDATE run_tally SET ended = :e WHERE run = :r"), {"e": ended, "r": run})
        connection.execute(text("UPDATE directory SET users_complete_at = :now"), {"now": day(1000)})
        connection.execute(text("UPDATE policy SET used_at = :now"), {"now": day(0)})


def history(store: Store, seed: int, runs: int = 24, asked: tuple[Policy, ...] = (OKTA, ENTRA)) -> dict[str, Directory]:
    """Directories of one workspace whose people change, are synced, planned, and now and then left alone."""
    chance = random.Random(seed)
    add(store, by_hand("owner", "admin"))
    made = {each.directory: Directory() for each in asked}
    for directory in made.values():
        directory.add_group("Admins", "Eng")
    for _ in range(runs):
        one = chance.choice(asked)
        directory = made[one.directory]
        for _ in range(chance.choice([0, 0, 1, 3])):
            _happens(chance, directory, one.directory)
        directory.partial = {"users"} if chance.random() < 0.1 else set()
        followed = msgspec.structs.replace(one, nested=False) if chance.random() < 0.1 else one
        sync(store, directory, followed, apply=chance.random() > 0.1, verify=chance.random() < 0.2)
        directory.partial = set()
    aged(store)
    return made


def _happens(chance: random.Random, directory: Directory, prefix: str) -> None:
    name = f"{prefix}-{chance.choice(NAMES)}"
    if name not in directory.people:
        directory.hire(name, groups=chance.sample(["Admins", "Eng"], chance.randint(0, 2)))
        return
    what = chance.randint(0, 4)
    if what == 0:
        directory.suspend(name)
    elif what == 1:
        directory.restore(name)
    elif what == 2:
        directory.change(name, title=chance.choice(["", "Boss"]))
    elif what == 3:
        directory.change(name, email=f"{prefix}{chance.choice(['x', 'y'])}@acme.com")
    else:
        inside = directory.inside["Eng"]
        (inside.discard if name in inside else inside.add)(name)


PEOPLE = [f"{each.directory}-{name}" for each in (OKTA, ENTRA) for name in NAMES]


def remembered(store: Store, since: str, now: str) -> dict[Any, Any]:
    """All that may be asked of what runs since then left behind, and what decides about the next one."""
    with store.read() as connection:
        everything = rows(
            connection, "SELECT id, directory, began, ended, state, generation FROM run ORDER BY began, id"
        )
        kept = [row for row in everything if row.began >= since]
        found: dict[Any, Any] = {("windows", ""): used(connection, WORKSPACE, WINDOWS, now=now)}
        for each in (OKTA, ENTRA):
            flaps = History(connection, WORKSPACE, each.directory)
            found["flaps", each.directory] = flaps.past([f"{each.directory}-{name}" for name in NAMES], FLAP)
    for row in kept:
        found[row.id, "began"] = row.began
        found[row.id, "report"] = report_of(store, row.id)
        found[row.id, "undone by"] = list(EarlierRun(store, row.id, row.directory).applied())
        found[row.id, "holds"] = held_clusters(store, row.id)
        at = RunOf(row.id, row.directory, row.began, row.ended, row.state)
        with store.read() as connection:
            found[row.id, "groups"] = past.groups(connection, row.directory, row.generation or 0)
            found[row.id, "nested"] = past.nested(connection, row.directory, row.generation or 0)
        for name in PEOPLE:
            found[row.id, name] = list(known(store, name, at=at))
    return found


def later(found: dict[Any, Any], since: str) -> dict[Any, Any]:
    """What is remembered, as far as it is of runs since then."""
    began = {run: value for (run, what), value in found.items() if what == "began"}
    return {
        (run, what): [_since(one, since) for one in value] if what in PEOPLE else value
        for (run, what), value in found.items()
        if began.get(run, since) >= since
    }


def _since(one: Any, since: str) -> Any:
    """What is known of a person without what older runs did: their story is shorter, and so is what rests on it."""
    story = tuple(msgspec.structs.replace(each, since="") for each in one.history if each.run.began >= since)
    return msgspec.structs.replace(one, history=story, unrecorded=False, uncertain=())


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_is_as_before(store: Store, seed: int) -> None:
    history(store, seed)
    deleted, found = 0, remembered(store, day(5), day(24))
    for old in (5, 11, 17):
        before = later(found, day(old))
        deleted += delete(store, horizon(old, 20)).runs
        found = remembered(store, day(old), day(24))
        after = later(found, day(old))
        gone = {run for run, _ in before.keys() - after.keys()}
        assert {key: value for key, value in before.items() if key[0] not in gone} == after
        for run in gone:  # only quiet ones
            assert (before[run, "undone by"], before[run, "holds"]) == ([], [])
        assert delete(store, horizon(old, 20)) == Deleted()
    assert deleted > 5


@pytest.mark.parametrize("seed", range(3))
def test_the_next_runs_do_what_they_would_have_done(sqlite_url: str, tmp_path: Path, seed: int) -> None:
    path, url = tmp_path / "rosterd.db", f"sqlite:///{tmp_path}/copy.db"
    with closing(open_store(sqlite_url)) as store:
        made = history(store, seed)
        for name, directory in made.items():
            directory.hire("new")
            directory.change(f"{name}-ada", title="Else")
    plans = []
    for old in (None, 5, 20):
        shutil.copy(path, tmp_path / "copy.db")
        with closing(open_store(url)) as store:
            if old is not None:
                assert delete(store, horizon(old)).runs
            done = [sync(store, made[one.directory], one, verify=True) for one in (OKTA, ENTRA)]
            plans.append([(each.digest, each.state, each.counts, changes(store, each)) for each in done])
    assert plans[0] == plans[1] == plans[2]
    assert any(each for *_, each in plans[0])


def changing(store: Store, directory: Directory, asked: Policy, number: int) -> list[str]:
    """Runs that each changed something."""
    runs = []
    for title in range(number):
        directory.change("ada", title=str(title))
        runs.append(sync(store, directory, asked).run)
    return runs


PLAIN = policy(flap=None)


def test_old_runs_go_with_their_actions_and_what_was_kept_for_them(store: Store) -> None:
    directory = Directory("ada")
    runs = [sync(store, directory, PLAIN).run, *changing(store, directory, PLAIN, 5)]
    aged(store)
    deleted = delete(store, horizon(4.5), [Watched("okta", WORKSPACE)])
    assert ids(store) == runs[4:]  # the last one before the horizon, and what came after it
    assert (deleted.runs, deleted.actions, deleted.images) == (4, 4, 4)
    with store.read() as connection:
        assert {row[0] for row in rows(connection, "SELECT run FROM action")} == {*runs[4:]}
        assert {row[0] for row in rows(connection, "SELECT run FROM run_tally")} == {*runs[4:]}
        assert scalar(connection, "SELECT count(*) FROM mirror_user_was") == 1


def test_policies_that_nobody_followed_since_go(store: Store) -> None:
    directory = Directory("ada")
    for asked in (msgspec.structs.replace(PLAIN, nested=False), PLAIN, PLAIN):
        sync(store, directory, asked, verify=True)
    aged(store)
    assert delete(store, horizon(1.5), [Watched("okta", WORKSPACE)]).policies == 1
    with store.read() as connection:
        assert [row[0] for row in rows(connection, "SELECT digest FROM policy")] == [PLAIN.digest]


def test_the_latest_runs_of_a_directory_stay_however_old(store: Store) -> None:
    runs = [sync(store, Directory("ada"), PLAIN).run, *changing(store, Directory("ada"), PLAIN, 4)]
    aged(store)
    assert delete(store, EVER, [Watched("okta", WORKSPACE, 3)]).runs == 1
    assert ids(store) == runs[1:]  # three, and the last one before them
    assert delete(store, EVER, []).runs == 3  # not configured any more
    assert ids(store) == runs[4:]


def test_what_another_directory_did_stays_while_flaps_are_looked_for_in_it(store: Store) -> None:
    first, second = Directory("ada"), Directory("bob")
    early = [sync(store, first, PLAIN).run, *changing(store, first, PLAIN, 1)]
    sync(store, second, policy(directory="entra", flap=None))
    early += changing(store, first, PLAIN, 3)
    aged(store)
    assert delete(store, EVER, [Watched("entra", WORKSPACE, 4)]).runs == 1
    assert [run for run in ids(store) if run in early] == early[1:]


def test_what_waits_for_a_decision_stays(store: Store) -> None:
    held = policy(flap=None, limits={"update": Limit(count=1)})
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory, held)
    for name in ("ada", "bob", "cyd"):
        directory.change(name, title="Boss")
    waits = sync(store, directory, held)
    assert waits.state == "held"
    with store.write() as connection:  # another directory's runs do not plan it anew
        connection.execute(text("UPDATE run SET directory = 'other'"))
    runs = [sync(store, Directory("dan"), policy(directory="entra", flap=None)).run for _ in range(2)]
    aged(store)
    clusters = held_clusters(store, waits.run)
    delete(store, EVER, [])
    assert ids(store) == [waits.run, runs[-1]]
    assert held_clusters(store, waits.run) == clusters != []


def test_quiet_runs_go_earlier(store: Store) -> None:
    directory = Directory("ada")
    runs = [sync(store, directory, PLAIN).run for _ in range(5)]
    changed = changing(store, directory, PLAIN, 1)
    quiet = [sync(store, directory, PLAIN).run for _ in range(3)]
    aged(store)
    deleted = delete(store, horizon(0, 7.5), [Watched("okta", WORKSPACE)])
    assert (deleted.runs, deleted.actions) == (6, 0)
    assert ids(store) == [runs[0], *changed, quiet[2]]


def test_a_quiet_run_stays_that_says_what_another_directorys_run_met(store: Store) -> None:
    directory, other = Directory("ada"), Directory("bob")
    runs = []
    for _ in range(2):
        runs += [sync(store, directory, PLAIN).run, sync(store, other, policy(directory="entra", flap=None)).run]
    aged(store)
    assert delete(store, horizon(0, 30), []).runs == 0
    assert ids(store) == runs


class Turns:
    """Counts transactions and what each deleted; may end after some of them."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.taken, self._most = 0, most

    def pause(self, _seconds: float) -> None:
        self.taken += 1

    def go_on(self) -> bool:
        return self.taken < self._most


def many(store: Store, number: int) -> None:
    """A first run that did so much, then two that changed something."""
    directory = Directory(*(f"p{each}" for each in range(number)), "ada")
    sync(store, directory, PLAIN)
    changing(store, directory, PLAIN, 2)
    aged(store)


def test_it_deletes_in_small_transactions_and_goes_on_where_it_was_stopped(store: Store) -> None:
    many(store, 2 * ROWS + 10)
    before = acts(store)
    stopped = Turns(2)
    first = retain(store, horizon(1.5), [], pause=stopped.pause, go_on=stopped.go_on)
    assert (first.runs, first.actions, before - acts(store)) == (1, ROWS, ROWS)
    assert delete(store, horizon(1.5), []).actions == ROWS + 11
    assert delete(store, horizon(1.5), []) == Deleted()


def acts(store: Store) -> int:
    with store.read() as connection:
        return int(scalar(connection, "SELECT count(*) FROM action"))


def test_a_new_sqlite_file_gives_back_what_was_freed(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        many(store, 3000)
        with store.read() as connection:
            before = scalar(connection, "PRAGMA page_count")
        turns = Turns()
        retain(store, horizon(1.5), [], pause=turns.pause)
        assert turns.taken < 20  # not one for each page
        with store.read() as connection:
            assert scalar(connection, "PRAGMA freelist_count") == 0
            assert scalar(connection, "PRAGMA page_count") < before * 0.8
            assert scalar(connection, "PRAGMA integrity_check") == "ok"


def test_nothing_walks_through_all_actions(sqlite_url: str) -> None:
    statements: list[str] = []
    with closing(open_store(sqlite_url)) as store:
        many(store, 20)
        event.listen(store.engine, "before_cursor_execute", lambda _c, _u, sql, *_: statements.append(sql))
        delete(store, horizon(1.5), [])
        plans = []
        with store.read() as connection:
            for sql in {each for each in statements if " action" in each}:
                given = dict.fromkeys(_PARAMETER.findall(sql))
                found = (
                    rows(connection, f"EXPLAIN QUERY PLAN {sql}", **given)
                    if given
                    else rows(connection, f"EXPLAIN QUERY PLAN {sql.replace('?', 'NULL')}")
                )
                plans += [row[3] for row in found]
    assert plans
    scans = [each for each in plans if each.startswith("SCAN") and each.split()[1] in ("action", "a")]
    assert not scans
