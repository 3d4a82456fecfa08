"""The worst days, with the command as a process: what is held, the sentence that a person on call reads, the exit code;
and whoever really left in the same run is out."""

import re
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rosterd.simulators.world import Kind, Person
from tests.acceptance.command import Rehearsal, Result, people, rehearsal

pytestmark = pytest.mark.acceptance
ANY: list[Kind] = ["okta", "entra", "google"]
ADMINS = "Rosterd Admins"


def ordinary(acme: Rehearsal, directory: Kind = "okta") -> list[Person]:
    """The active people of a simulated directory who are no admins, in the order in which they were hired."""
    world = acme.world(directory)
    admins = {person.id for person in world.members(world.group(ADMINS))}
    return [person for person in world.people.values() if person.status == "active" and person.id not in admins]


def suspended(acme: Rehearsal, chosen: Sequence[Person], directory: Kind = "okta") -> None:
    for person in chosen:
        acme.world(directory).suspend(person.id)


def deleted(acme: Rehearsal, chosen: Sequence[Person], directory: Kind = "okta") -> None:
    for person in chosen:
        acme.world(directory).delete(person.id)


def out(acme: Rehearsal, before: dict[str, Any]) -> set[str]:
    """Who had access before and has none now."""
    now = acme.roster()
    return {email for email, member in before.items() if member["active"] and not now[email]["active"]}


def addresses(chosen: Sequence[Person]) -> set[str]:
    return {person.email for person in chosen}


def held(result: Result) -> list[str]:
    """What is held, as text says it, one line for each cause."""
    return re.findall(r"^held: (.*)$", result.out, re.MULTILINE)


def latest(acme: Rehearsal) -> dict[str, Any]:
    """The report of the latest run."""
    found: dict[str, Any] = acme.here("report", "latest", "--json").json
    return found


# -- half the directory vanishes with a clean 200 -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ANY)
def test_half_the_directory_is_missing_from_its_listing(tmp_path: Path, kind: Kind) -> None:
    with rehearsal(tmp_path, kind, world=people(60)) as acme:
        acme.here("sync")
        before = acme.roster()
        leaver = next(
            p for n, p in enumerate(acme.world(kind).people.values()) if n % 2 == 0 and p in ordinary(acme, kind)
        )
        suspended(acme, [leaver], kind)
        acme.simulators[kind].fault("half")
        ran = acme.run("sync", "--full")
        assert ran.code == 1
        assert "the directory could not be read whole: nothing was removed" in ran.out
        assert "the listing of people was short: 30 people are there whom it did not hold" in ran.out
        assert out(acme, before) == {leaver.email}
        acme.simulators[kind].no_fault()
        assert acme.run("sync", "--full").code == 0
        assert out(acme, before) == {leaver.email}


def test_half_the_directory_is_not_even_found_by_id(tmp_path: Path) -> None:
    """A narrowed permission that answers 404: the second listing is believed, and the strictest limit holds."""
    with rehearsal(tmp_path, "google", world=people(60)) as acme:
        acme.here("sync")
        before = acme.roster()
        acme.simulators["google"].fault("narrowed_404")
        first = acme.run("sync", "--full")
        assert (first.code, out(acme, before)) == (1, set())
        second = acme.run("sync", "--full")
        assert (second.code, out(acme, before)) == (3, set())
        assert any(
            re.fullmatch(
                r"\d+ deactivations, 1 cause: no longer in the directory; \d+ of \d+ managed members \([\d.]+ %\)"
                r" reaches the limit of 5 % \(\[workspace\.limits\] deactivate_absence\)",
                sentence,
            )
            for sentence in held(second)
        ), second.out
        acme.simulators["google"].no_fault()
        assert acme.run("sync", "--full").code == 0
        assert (out(acme, before), acme.roster()) == (set(), before)


# -- the admins group is deleted ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ANY)
def test_the_admins_group_is_deleted(tmp_path: Path, kind: Kind) -> None:
    """Five admins of 250 members are no large number for any limit but their own; one of them stays in any case."""
    with rehearsal(tmp_path, kind, world=people(250)) as acme:
        acme.here("sync")
        before = acme.roster()
        leavers = ordinary(acme, kind)[:2]
        left = addresses(leavers)
        deleted(acme, leavers, kind)
        acme.world(kind).delete_group(ADMINS)
        ran = acme.run("sync", "--full")
        assert (ran.code, out(acme, before)) == (3, left)
        (sentence,) = held(ran)
        assert sentence == (
            f"4 demotions, 1 cause: group {ADMINS} is no longer visible; 4 of 5 holders of role admin (80 %) reaches"
            " the limit of 50 % ([workspace.limits] demote_each)"
        )
        assert admins(acme) == {email for email, each in before.items() if each["roles"]["role"] == "admin"}
        assert acme.run("approve", "latest").code == 0
        assert len(admins(acme)) == 1, "the last one stays, whatever was approved"


def admins(acme: Rehearsal) -> set[str]:
    return {email for email, each in acme.roster().items() if each["active"] and each["roles"]["role"] == "admin"}


# -- a domain is renamed --------------------------------------------------------------------------------------------


def renamed(acme: Rehearsal) -> None:
    """Everybody's address moves to another domain."""
    world = acme.world("okta")
    for person in list(world.people.values()):
        world.rename(person.id, email=person.email.replace("@acme.example", "@new.example"))


def test_everybody_has_another_address(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(100)) as acme:
        acme.here("sync")
        before = acme.roster()
        leavers = ordinary(acme)[:2]
        left = addresses(leavers)
        deleted(acme, leavers)
        renamed(acme)
        ran = acme.run("sync")
        assert (ran.code, out(acme, before)) == (3, left)
        count = sum(member["active"] for member in before.values())
        (sentence,) = held(ran)
        assert sentence == (
            f"{count - 2} updates, 1 cause: changed in the directory: email, user_name; {count - 2} of {count} managed"
            f" members ({100 * (count - 2) / count:.3g} %) reaches the limit of 50 % ([workspace.limits] update)"
        )
        assert acme.run("approve", "latest").code == 0
        after = acme.roster()
        moved = {each["id"]: each["email"] for each in before.values() if each["active"] and each["email"] not in left}
        now = {each["id"]: each["email"] for each in after.values() if each["active"]}
        assert now == {who: email.replace("@acme.example", "@new.example") for who, email in moved.items()}
        assert acme.run("sync", "--full").code == 0


def test_everybody_falls_out_of_the_configured_domain(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(100)) as acme:
        text = acme.file.read_text().replace('id = "acme"\n', 'id = "acme"\nemail_domains = ["acme.example"]\n', 1)
        acme.file.write_text(text)
        acme.here("sync")
        before = acme.roster()
        leavers = ordinary(acme)[:2]
        left = addresses(leavers)
        deleted(acme, leavers)
        renamed(acme)
        ran = acme.run("sync")
        assert (ran.code, out(acme, before)) == (3, left)
        (sentence,) = held(ran)
        assert "([workspace.limits] deactivate_scope)" in sentence
        assert re.match(r"\d+ deactivations, 1 cause: ", sentence)


# -- a lay-off ------------------------------------------------------------------------------------------------------


def test_a_lay_off_goes_through_up_to_its_own_limit(tmp_path: Path) -> None:
    """Half of it is more than twice what a scope may lose in a run: tombstones are believed further."""
    with rehearsal(tmp_path, "okta", world=people(100)) as acme:
        acme.here("sync")
        before = acme.roster()
        leavers = ordinary(acme)[:15]
        deleted(acme, leavers)
        ran = acme.run("sync")
        assert (ran.code, held(ran), out(acme, before)) == (0, [], addresses(leavers))


def test_a_lay_off_of_a_third_is_held_with_one_cause_and_approval_releases_exactly_it(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(100)) as acme:
        acme.here("sync")
        before = acme.roster()
        count = sum(member["active"] for member in before.values())
        laid_off, other = ordinary(acme)[:30], ordinary(acme)[30]
        deleted(acme, laid_off)
        suspended(acme, [other])
        ran = acme.run("sync")
        assert (ran.code, out(acme, before)) == (3, {other.email})
        (sentence,) = held(ran)
        assert sentence == (
            f"30 deactivations, 1 cause: no longer in the directory; 30 of {count} managed members"
            f" ({100 * 30 / count:.3g} %) reaches the limit of 20 % ([workspace.limits] deactivate_tombstone)"
        )
        report = latest(acme)
        (cluster,) = [cause["cluster"] for cause in report["causes"] if cause["held"]]
        joiner = acme.world("okta").hire("Ada", "Lovelace")
        approved = acme.run("approve", report["run"], "--only", cluster, "--digest", report["digest"], "--json")
        assert (approved.code, approved.json["counts"]["deactivate"]) == (0, 30)
        assert {(action["kind"], action["state"]) for action in approved.json["actions"]} == {("deactivate", "applied")}
        assert out(acme, before) == addresses(laid_off) | {other.email}
        assert joiner.email not in acme.roster(), "an approval reads no directory"
        assert acme.run("sync").code == 0
        assert out(acme, before) == addresses(laid_off) | {other.email}


def test_of_two_people_who_approve_at_once_one_does_it(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(60)) as acme:
        acme.here("sync")
        before = acme.roster()
        laid_off = ordinary(acme)[:20]
        deleted(acme, laid_off)
        assert acme.here("sync").code == 3
        run = latest(acme)["run"]
        with ThreadPoolExecutor(2) as pool:
            first, second = sorted(
                pool.map(lambda _: acme.run("approve", run, "--json"), range(2)), key=lambda r: r.code
            )
        assert (first.code, first.json["counts"]["deactivate"]) == (0, 20)
        assert (second.code, second.json["error"]["code"]) in ((1, "nothing_held"), (4, "workspace_busy"))
        assert out(acme, before) == addresses(laid_off)


# -- a slow bleed ---------------------------------------------------------------------------------------------------


def test_three_a_run_are_held_once_the_day_has_seen_enough(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(60)) as acme:
        acme.here("sync")
        before = acme.roster()
        count = sum(member["active"] for member in before.values())
        waiting = ordinary(acme)
        runs = 0
        while True:
            runs += 1
            three, waiting = waiting[:3], waiting[3:]
            suspended(acme, three)
            gone = out(acme, before)
            ran = acme.here("sync")
            if ran.code:
                break
            assert addresses(three) <= out(acme, before)
        assert (runs, ran.code, out(acme, before)) == (7, 3, gone)
        left = count - 18
        (sentence,) = held(ran)
        assert sentence == (
            f"3 deactivations, 1 cause: suspended in the directory; 21 of {left} managed members"
            f" ({100 * 21 / left:.3g} %) reaches the limit of 25 %, 18 of them in the 24h before"
            " ([workspace.limits] deactivate_24h)"
        )
        again = acme.run("sync")
        assert (again.code, out(acme, before)) == (3, gone)


# -- two directories ------------------------------------------------------------------------------------------------


def test_two_directories_do_not_put_each_others_people_out(tmp_path: Path) -> None:
    """Both know the same people. Okta came first: they are its people, whatever Google does with its own accounts."""
    with rehearsal(tmp_path, "okta", "google", world=people(40)) as acme:
        acme.here("sync")
        before = acme.roster()
        assert {member["directory"] for member in before.values()} == {"okta"}
        deleted(acme, ordinary(acme, "google")[:10], "google")
        suspended(acme, ordinary(acme, "google")[:20], "google")
        leavers = ordinary(acme)[:2]
        suspended(acme, leavers)
        for _ in range(2):
            ran = acme.run("sync", "--full", "--json")
            assert ran.code == 0
            okta, google = ran.json
            assert okta["counts"]["held"] == google["counts"]["deactivate"] == google["counts"]["reactivate"] == 0
            assert {action["code"] for action in google["actions"]} <= {"linked_elsewhere"}
            assert out(acme, before) == addresses(leavers)


# -- what does not stick --------------------------------------------------------------------------------------------


def test_a_trigger_of_the_application_lets_leavers_in_again(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        acme.here("sync")
        leaver, renamed_one = ordinary(acme)[:2]
        with closing(sqlite3.connect(acme.database)) as database:
            database.execute(
                "CREATE TRIGGER again AFTER UPDATE OF active ON member WHEN NEW.active = 0"
                " BEGIN UPDATE member SET active = 1 WHERE no = NEW.no; END"
            )
        suspended(acme, [leaver])
        acme.world("okta").rename(renamed_one.id, title="Queen")
        ran = acme.run("sync")
        assert ran.code == 1
        said = f"1 change did not last, and would have to be made again at once: deactivate of {leaver.email}"
        assert f"warning: {said}" in ran.out
        assert "something else writes to this member)  failed: did_not_stick" in ran.out
        report = latest(acme)
        codes = {action["kind"]: (action["state"], action["code"]) for action in report["actions"]}
        assert codes == {"deactivate": ("failed", "did_not_stick"), "update": ("applied", "applied")}
        assert (report["state"], report["warnings"][0]) == ("partial", said)
        page = acme.here("report", "latest", "--format", "html").out
        assert said in page
        assert "failed: did_not_stick" in page
        with closing(sqlite3.connect(acme.database)) as database:
            database.execute("DROP TRIGGER again")
        assert acme.run("sync").code == 0
        assert not acme.roster()[leaver.email]["active"]
