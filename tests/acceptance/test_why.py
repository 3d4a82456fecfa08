"""`rosterd why` after a career in a simulated directory: each day now, and every day again at the end, offline."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rosterd.simulators import World
from rosterd.simulators.world import Kind
from tests.acceptance.command import Rehearsal, rehearsal
from tests.acceptance.shapes import ERRORS, EXPLANATIONS, holds

pytestmark = pytest.mark.acceptance

ADA, BOB = "ada@acme.example", "bob@acme.example"
LIMITS = "[workspace.limits]\ndeactivate = { count = 2 }\n"


def small(kind: Kind) -> World:
    """Four people: Ada, Bob the admin, and Cyd and Dan who make up the numbers. In Google there is only another Bob."""
    world = World(kind, "acme.example")
    for group in ("Rosterd Admins", "Engineering", "Product"):
        world.add_group(group)
    for name in ("Bob",) if kind == "google" else ("Ada", "Bob", "Cyd", "Dan"):
        world.hire(name, email=f"{name.lower()}@acme.example")
    if kind == "okta":
        world.join("Rosterd Admins", BOB)
    world.join("Engineering", BOB)
    return world


class Diary:
    """What `why` said of Ada at the end of each day."""

    def __init__(self, acme: Rehearsal) -> None:
        self._acme = acme
        self.days: dict[str, tuple[str, dict[str, Any]]] = {}
        self.run = ""

    def day(self, *changes: Callable[[], object], email: str = ADA) -> str:
        """Changes in the directory, a sync, and the answer."""
        for change in changes:
            change()
        report = self._acme.here("sync", "okta", "--json").json
        self.run = report["run"]
        (found,) = holds(self._acme.here("why", email, "--json").json, EXPLANATIONS)
        self.days[self.run] = (email, found)
        return str(found["answer"])


def test_a_career_is_explained_each_day_and_every_day_of_it_afterwards(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", "google", world=small, limits=LIMITS) as acme:
        world, diary = acme.world("okta"), Diary(acme)
        active = f"{ADA} is an active member of acme: "

        assert diary.day() == f"{active}member by default (okta)."
        said = diary.day(lambda: world.join("Rosterd Admins", ADA), lambda: world.join("Engineering", ADA))
        team = "in team Engineering because of group Engineering"
        assert said == f"{active}admin because of group Rosterd Admins and {team} (okta)."
        assert diary.day(lambda: world.leave("Rosterd Admins", ADA)).startswith(
            f"{active}member by default and in team"
        )

        said = diary.day(lambda: world.suspend(ADA))
        assert said.startswith(f"{ADA} has no access to acme since ")
        assert said.endswith(f" UTC: deactivated by run {diary.run} because suspended in the directory (status).")
        back = diary.day(lambda: world.resume(ADA))
        assert back.startswith(f"{active}member by default and in team Engineering")

        renamed = "countess@acme.example"
        said = diary.day(lambda: world.rename(ADA, email=renamed, title="Countess"), email=renamed)
        assert said.startswith(f"{renamed} is an active member of acme")

        said = diary.day(lambda: world.suspend(renamed), lambda: world.suspend("dan@acme.example"), email=renamed)
        assert f"{renamed} is an active member of acme" in said
        assert "Their deactivation is held: 2 deactivations, 1 cause: suspended in the directory" in said
        held = diary.days[diary.run][1]["directories"][0]["waiting"][0]
        assert (held["run"], held["limit"], held["state"]) == (diary.run, "deactivate", "held")

        gone = diary.day(
            lambda: world.resume("dan@acme.example"), lambda: world.delete(renamed), email=renamed
        )  # fmt: skip
        assert f"deactivated by run {diary.run} because no longer in the directory (tombstone)." in gone
        back = diary.day(lambda: world.resume(renamed), email=renamed)
        assert back.startswith(f"{renamed} is an active member of acme: member by default")

        assert acme.here("sync", "google").code == 0
        conflict = acme.here("why", BOB, "--json").json[0]
        linked = [(each["directory"], each["linked"]) for each in conflict["directories"]]
        assert linked == [("okta", True), ("google", False)]
        assert "An account of google is not linked to them: bob@acme.example of directory user" in conflict["answer"]

        _offline(acme)
        for run, (email, then) in diary.days.items():
            (found,) = holds(acme.here("why", email, "--at", run, "--json").json, EXPLANATIONS)
            assert found["answer"].endswith(then["answer"]), run
            assert found["member"] == then["member"]
            assert found["history"] == then["history"]
            assert found["at"]["run"] == run
        text = acme.run("why", renamed)
        assert text.code == 0, text.err
        assert text.out.startswith(f"{renamed} is an active member of acme: member by default")
        for word in ("account", "matched", "role: member", "to become admin: join group", "history", "reactivate"):
            assert word in text.out


def _offline(acme: Rehearsal) -> None:
    """No network, no secret, and no directory in the configuration any more."""
    for simulator in acme.simulators.values():
        simulator.stop()
    acme.environment.clear()
    configuration = acme.file.read_text(encoding="utf-8")
    acme.file.write_text(configuration[: configuration.index("[[directory]]")], encoding="utf-8")


@pytest.fixture(scope="module")
def known_people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with rehearsal(tmp_path_factory.mktemp("known"), "okta", world=small) as acme:
        assert acme.here("sync").code == 0
        yield acme


@pytest.mark.parametrize(
    ("arguments", "code", "fix"),
    [
        ((ADA, "--at", "20200101T000000-000000"), "unknown_run", "there is: "),
        (("adda@acme.example",), "unknown_person", f"did you mean {ADA}?"),
        (("zzz@nowhere.org",), "unknown_person", "the next sync shows"),
        ((ADA, "--workspace", "acne"), "unknown_workspace", 'did you mean "acme"?'),
    ],
)
def test_an_unknown_name_is_an_error_with_a_way_out(
    arguments: tuple[str, ...], code: str, fix: str, known_people: Rehearsal
) -> None:
    result = known_people.here("why", *arguments, "--json")
    assert result.code == 1
    error = holds(result.json, ERRORS)["error"]
    assert error["code"] == code
    assert fix in error["fix"]
    said = known_people.here("why", *arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: ")


def test_the_latest_run_can_be_named_so(known_people: Rehearsal) -> None:
    now = known_people.here("why", BOB, "--json").json[0]["answer"]
    (then,) = known_people.here("why", BOB, "--at", "latest", "--workspace", "acme", "--json").json
    began = f"{then['at']['began'][:10]} {then['at']['began'][11:19]} UTC"
    assert then["answer"] == f"After run {then['at']['run']} ({began}): {now}"


def test_somebody_who_was_not_known_yet_is_not_taken_for_a_slip_of_the_pen(known_people: Rehearsal) -> None:
    first = known_people.here("reports", "--json").json[0]["run"]
    zoe = "zoe@acme.example"
    known_people.world("okta").hire("Zoe", email=zoe)
    assert known_people.here("sync").code == 0
    error = holds(known_people.here("why", zoe, "--at", first, "--json").json, ERRORS)["error"]
    assert error["message"] == f'nobody is known as "{zoe}" after run {first}'
    assert error["fix"] == f"somebody is by now, or elsewhere: rosterd why {zoe}"
    assert known_people.here("why", zoe).code == 0
