"""The story in three steps, as a customer's operator types it, for each kind of directory."""

from pathlib import Path

import pytest

from rosterd.simulators.world import Kind
from tests.acceptance.command import rehearsal
from tests.acceptance.shapes import CHECK, MEMBERS, REPORT, REPORTS, holds

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_first_sync_then_a_day_then_nothing(kind: Kind, tmp_path: Path) -> None:
    with rehearsal(tmp_path, kind) as acme:
        checked = acme.here("check", "--json")
        assert checked.code == 0, checked.out + checked.err
        assert holds(checked.json, CHECK)["ok"]

        first = acme.run("sync", "--json")
        assert first.code == 0, first.out + first.err
        report = holds(first.json, REPORT)
        world = acme.world(kind)
        active = [person for person in world.people.values() if person.status == "active"]
        assert report["counts"]["create"] == len(active)
        assert report["counts"]["seen"] == len(world.people) > len(active)

        roster = acme.roster()
        assert set(roster) == {person.email for person in active}
        admins = {person.email for person in world.members(world.group("Rosterd Admins")) if person.status == "active"}
        assert {email for email, member in roster.items() if member["roles"] == {"role": "admin"}} == admins

        joiner = world.hire("Ada", "Lovelace", department="Engineering")
        world.join("Engineering", joiner.id)
        leaver, suspended, promoted = [person for person in active if person.email not in admins][:3]
        world.delete(leaver.id)
        world.suspend(suspended.id)
        world.join("Rosterd Admins", promoted.id)

        planned = acme.here("plan", kind, "--json")
        assert planned.code == 2, planned.out + planned.err
        second = acme.run("sync", kind, "--json")
        assert second.code == 0
        report = holds(second.json, REPORT)
        assert report["digest"] == planned.json["digest"]
        counts = report["counts"]
        assert (counts["create"], counts["deactivate"], counts["set_role"], counts["failed"]) == (1, 2, 1, 0)
        assert all(action["evidence"] for action in report["actions"] if action["kind"] == "deactivate")

        roster = holds(list(acme.roster().values()), MEMBERS)
        state = {member["email"]: member for member in roster}
        assert state[joiner.email]["teams"] == ["Engineering"]
        assert state[promoted.email]["roles"] == {"role": "admin"}
        assert not state[leaver.email]["active"]
        assert not state[suspended.email]["active"]
        assert [member["email"] for member in roster] == sorted(member["email"] for member in roster)

        third = acme.here("sync", "--json")
        assert (third.code, third.json["actions"]) == (0, [])
        assert acme.here("plan", kind, "--full").code == 0
        listed = holds(acme.here("reports", "--json", "--limit", "3").json, REPORTS)
        assert [each["run"] for each in listed][1:2] == [third.json["run"]]


def test_several_directories_print_an_array_and_every_report_can_be_read_again(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", "google") as acme:
        result = acme.here("sync", "okta", "google", "--json")
        reports = result.json
        assert [each["directory"] for each in reports] == ["okta", "google"]
        for report in reports:
            holds(report, REPORT)
            again = acme.here("report", report["run"], "--json")
            assert (again.code, again.json) == (0, report)
        # Both directories name the same people: the second one finds them linked to the first.
        assert result.code == 0
        assert {action["code"] for action in reports[1]["actions"]} == {"linked_elsewhere"}, reports[1]["counts"]
        assert len(holds(acme.here("check", "--json").json, {"type": "array", "items": CHECK})) == 2
