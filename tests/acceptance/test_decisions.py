"""What a person decides about a run, with the command as they have it: approve, reject, undo."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Rehearsal, people, rehearsal

Held = tuple[Rehearsal, dict[str, Any], list[str]]
CAREFUL = "[workspace.limits]\ndeactivate = { count = 3 }"


def leaving(acme: Rehearsal, count: int) -> list[str]:
    """So many active people are suspended; their addresses."""
    world = acme.world("okta")
    chosen = [person for person in world.people.values() if person.status == "active"][-count:]
    for person in chosen:
        world.suspend(person.id)
    return sorted(person.email for person in chosen)


def inactive(acme: Rehearsal) -> list[str]:
    return sorted(email for email, member in acme.roster().items() if not member["active"])


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """Three people who were suspended and whose deactivation a guard holds."""
    with rehearsal(tmp_path, "okta", world=people(20), limits=CAREFUL) as acme:
        acme.here("sync")
        before = inactive(acme)
        gone = leaving(acme, 3)
        run = acme.here("sync", "--json")
        assert run.code == 3
        yield acme, run.json, sorted([*before, *gone])


def test_what_is_held_is_made_once_it_is_approved(held: Held) -> None:
    acme, report, everybody = held
    done = acme.run("approve", report["run"], "--digest", report["digest"], "--json")
    assert done.code == 0, done.err
    assert (done.json["trigger"], done.json["of"], done.json["counts"]["deactivate"]) == ("approval", report["run"], 3)
    assert inactive(acme) == everybody
    again = acme.here("sync", "--json")
    assert (again.code, again.json["counts"]["held"], again.json["actions"]) == (0, 0, [])
    twice = acme.here("approve", report["run"], "--json")
    assert (twice.code, twice.json["error"]["code"]) == (1, "nothing_held")
    assert acme.here("report", report["run"], "--json").json["counts"]["held"] == 0


def test_what_is_rejected_is_not_planned_again_until_its_cause_changes(
    held: Held,
) -> None:
    acme, report, everybody = held
    (cluster,) = {cause["cluster"] for cause in report["causes"] if cause["held"]}
    assert acme.here("reject", report["run"], "--only", cluster, "--json").json["rejected"] == 3
    again = acme.here("sync", "--json")
    assert (again.code, {action["code"] for action in again.json["actions"]}) == (0, {"rejected"})
    world = acme.world("okta")
    back = next(person for person in world.people.values() if person.email in everybody and person.status != "active")
    world.resume(back.id)
    acme.here("sync")
    world.suspend(back.id)
    assert [action["code"] for action in acme.here("sync", "--json").json["actions"]].count("applied") == 1


def test_a_run_is_taken_back_and_not_done_again(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        acme.here("sync")
        before = inactive(acme)
        leaving(acme, 2)
        done = acme.here("sync", "--json").json
        assert len(inactive(acme)) == len(before) + 2
        plan = acme.here("undo", done["run"], "--plan", "--json")
        assert (plan.code, plan.json["counts"]["reactivate"]) == (2, 2)
        undone = acme.run("undo", done["run"], "--json")
        assert (undone.code, undone.json["counts"]["reactivate"], inactive(acme)) == (0, 2, before)
        again = acme.here("sync", "--json")
        assert (again.code, {action["code"] for action in again.json["actions"]}) == (0, {"undone"})
        assert inactive(acme) == before


def test_limits_are_tried_on_the_runs_that_were_made(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        assert acme.here("limits", "test", "--json").json == {"days": 30.0, "runs": [], "held_runs": 0, "held": 0}
        acme.here("sync")
        leaving(acme, 3)
        acme.here("sync")
        assert acme.here("limits", "test", "--json").json["held_runs"] == 0
        acme.file.write_text(acme.file.read_text().replace("[[directory]]", f"{CAREFUL}\n[[directory]]", 1))
        found = acme.run("limits", "test", "--json")
        assert (found.code, found.json["held_runs"], found.json["held"]) == (0, 1, 3), found.err
        (run,) = [run for run in found.json["runs"] if run["held"]]
        assert [hold["limit"] for hold in run["holds"]] == ["deactivate"]
        text = acme.here("limits", "test")
        assert "1 of 2 runs in the last 30 days would have been held" in text.out
