"""Removing a mapping asks: keep current members, or remove those whom the mapping had added (product.md, Navattic)."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from rosterd.simulators.world import Kind
from store import open_store
from tests.acceptance.command import SECONDS, Rehearsal, people, rehearsal
from tests.acceptance.shapes import COUNT, ERRORS, TEXT, holds
from tests.store.workspaces import join

pytestmark = pytest.mark.acceptance

MAPPINGS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "directory": TEXT, "group": TEXT, "team": TEXT, "state": {"enum": ["followed", "removed"]},
            "on_remove": {"enum": ["keep", "remove", None]}, "members": {"anyOf": [COUNT, {"type": "null"}]},
        },
        "required": ["directory", "group", "team", "state", "on_remove", "members"],
    },
}  # fmt: skip


WIDE = "[workspace.limits]\nleave_team_each = false\n"  # more than half of the team leaves


def mapped(acme: Rehearsal, *mappings: tuple[str, str, str]) -> None:
    """The configuration has these mappings (group, team, on_remove) and no others."""
    kept = acme.file.read_text(encoding="utf-8").partition("[[directory.team]]")[0]
    for group, team, on_remove in mappings:
        kept += f'[[directory.team]]\ngroup = "{group}"\nteam = "{team}"\n'
        kept += f'on_remove = "{on_remove}"\n' if on_remove else ""
    acme.file.write_text(kept, encoding="utf-8")


def team(acme: Rehearsal, name: str = "Design") -> set[str]:
    return {email for email, member in acme.roster().items() if member["active"] and name in member["teams"]}


def filled(acme: Rehearsal, kind: Kind, on_remove: str) -> tuple[set[str], str]:
    """Design is fed by Engineering, and by Product, in which one of Engineering is too. One more is in it by hand.

    Who is there by Engineering alone, and who by hand.
    """
    world = acme.world(kind)
    both = next(person for person in world.members(world.group("Engineering")) if person.status == "active")
    world.join("Product", both.id)
    mapped(acme, ("Product", "Design", ""))
    assert acme.here("sync").code == 0
    others = team(acme)
    mapped(acme, ("Engineering", "Design", on_remove), ("Product", "Design", ""))
    assert acme.here("sync").code == 0
    alone = team(acme) - others
    assert both.email in others
    assert alone
    invited = next(member for email, member in acme.roster().items() if member["active"] and email not in team(acme))
    store = open_store(f"sqlite:///{acme.database}")
    join(store, invited["id"], "Design")
    store.close()
    return alone, str(invited["email"])


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_remove_takes_out_those_whom_the_mapping_had_added_and_nobody_else(kind: Kind, tmp_path: Path) -> None:
    with rehearsal(tmp_path, kind, world=people(40), limits=WIDE) as acme:
        alone, by_hand = filled(acme, kind, "remove")
        before = team(acme)
        assert by_hand in before
        mapped(acme, ("Product", "Design", ""))
        planned = acme.here("plan", kind, "--json")
        done = acme.run("sync", "--json")
        assert (planned.code, planned.json["digest"]) == (2, done.json["digest"])
        assert done.json["mode"] == "incremental"
        assert {action["email"] for action in done.json["actions"]} == alone
        assert {(action["kind"], action["cause"]) for action in done.json["actions"]} == {
            ("leave_team", "the mapping of group Engineering to team Design was removed")
        }
        assert team(acme) == before - alone
        assert acme.here("plan", kind, "--full").code == 0


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_keep_leaves_them_there_as_if_added_by_hand(kind: Kind, tmp_path: Path) -> None:
    with rehearsal(tmp_path, kind, world=people(40), limits=WIDE) as acme:
        alone, _ = filled(acme, kind, "keep")
        before = team(acme)
        mapped(acme, ("Product", "Design", ""))
        done = acme.run("sync")
        assert done.code == 0, done.out + done.err
        assert (
            f"warning: {len(alone)} members of team Design stay: the mapping of group Engineering to team Design was"
            " removed, on_remove = keep"
        ) in done.out
        assert team(acme) == before
        for email in sorted(alone):
            person = next(each for each in acme.world(kind).people.values() if each.email == email)
            acme.world(kind).leave("Engineering", person.id)
        assert acme.here("sync", "--full", "--json").json["actions"] == []
        assert team(acme) == before


def test_without_a_decision_everybody_stays_and_the_command_asks(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(40), limits=WIDE) as acme:
        alone, _ = filled(acme, "okta", "")
        before = team(acme)
        mapped(acme, ("Product", "Design", ""))
        for command in (("plan", "okta"), ("sync",), ("sync", "--full")):
            said = acme.here(*command)
            assert said.code == 0
            assert f"{len(alone)} members of team Design stay for now" in said.out
            assert "rosterd mappings okta --keep Engineering Design (or --remove)" in said.out
        assert team(acme) == before

        listed = holds(acme.here("mappings", "--json").json, MAPPINGS)
        assert {
            "directory": "okta", "group": "Engineering", "team": "Design", "state": "removed", "on_remove": None,
            "members": len(alone),
        } in listed  # fmt: skip
        unasked = acme.run("mappings")
        assert (unasked.code, "removed: keep or remove?" in unasked.out) == (0, True)
        assert acme.here("mappings", "--json").json == listed, "who is no terminal is not asked"

        assert "[keep/remove/later]" in on_a_terminal(acme, "later", "mappings")
        assert acme.here("mappings", "--json").json == listed
        shown = on_a_terminal(acme, "remove", "mappings", "okta")
        assert f"{len(alone)} members of team Design" in " ".join(shown.split())
        assert acme.here("sync", "--json").json["counts"]["leave_team"] == len(alone)
        assert team(acme) == before - alone
        assert [each["state"] for each in acme.here("mappings", "--json").json] == ["followed"]


def test_flags_decide_without_a_question(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(40), limits=WIDE) as acme:
        filled(acme, "okta", "")
        before = team(acme)
        refused = acme.here("mappings", "--keep", "Engineering", "Design", "--json")
        assert holds(refused.json, ERRORS)["error"]["code"] == "mapping_in_force"
        mapped(acme, ("Product", "Design", ""))
        unknown = acme.here("mappings", "--keep", "Enginering", "Design", "--json")
        assert unknown.json["error"]["fix"] == 'did you mean "Engineering → Design"?'
        both = ("--keep", "Engineering", "Design", "--remove", "Engineering", "Design")
        torn = acme.here("mappings", "okta", *both, "--json")
        assert "either stay or leave" in holds(torn.json, ERRORS)["error"]["message"]
        assert acme.here("mappings", "okta", "--json").json[-1]["on_remove"] is None
        decided = acme.here("mappings", "okta", "--keep", "Engineering", "Design")
        assert (decided.code, "removed, keep: the next sync does it" in decided.out) == (0, True)
        assert "recorded; the next sync does it" in decided.err
        assert acme.here("sync", "--json").json["actions"] == []
        assert team(acme) == before


def on_a_terminal(acme: Rehearsal, answer: str, *arguments: str) -> str:
    """What a command prints on a terminal to somebody who answers once."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "rosterd", *arguments], cwd=acme.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, **acme.environment, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "dumb"},
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = b""
        while piece := _read(ours):
            shown += piece
        assert process.wait(SECONDS) == 0, shown
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other end is closed
        return b""


def test_what_a_guard_holds_of_a_removed_mapping_is_made_once_it_is_approved(tmp_path: Path) -> None:
    with rehearsal(
        tmp_path, "okta", world=people(40), limits="[workspace.limits]\nleave_team_each = { count = 2 }\n"
    ) as acme:
        alone, _ = filled(acme, "okta", "remove")
        before = team(acme)
        mapped(acme, ("Product", "Design", ""))
        held = acme.here("sync", "--json")
        assert (held.code, held.json["counts"]["held"], team(acme)) == (3, len(alone), before)
        approved = acme.here("approve", held.json["run"], "--json")
        assert (approved.code, approved.json["counts"]["leave_team"]) == (0, len(alone)), approved.out + approved.err
        assert team(acme) == before - alone
        assert acme.here("sync", "--json").json["actions"] == []
        assert [each["state"] for each in acme.here("mappings", "--json").json] == ["followed"]
