"""A directory that cannot be read, with the command as a process: paused at once, said everywhere, over by itself."""

from pathlib import Path

import pytest

from tests.acceptance.command import people, rehearsal
from tests.acceptance.shapes import REPORT, holds

pytestmark = pytest.mark.acceptance


def test_refused_credentials_pause_it_at_once_and_a_whole_read_ends_it(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        first = acme.here("sync", "--json").json
        before, token = acme.roster(), acme.environment["SECRET_OKTA"]
        leaver = next(person for person in acme.world("okta").people.values() if person.status == "active")
        acme.world("okta").suspend(leaver.id)
        acme.environment["SECRET_OKTA"] = "expired"
        ran = acme.run("sync")
        assert ran.code == 1
        assert "okta is paused until a person corrects it; 1 read failed since " in ran.out
        assert "everything was last read whole just now (" in ran.out
        assert acme.roster() == before
        report = holds(acme.here("report", "latest", "--json").json, REPORT)
        health = report["health"]
        assert (report["state"], health["state"], health["until"], health["code"]) == (
            "blocked", "paused", None, "directory_refused",
        )  # fmt: skip
        assert health["last_complete"] == first["health"]["last_complete"] == first["ended"]
        page = acme.here("report", "latest", "--format", "html").out
        for said in ("okta is paused until a person corrects it", "everything was last read whole just now"):
            assert said in page
        assert "okta is paused until a person corrects it" in acme.run("reports").out
        checked = acme.run("check", "okta")
        assert checked.code == 1
        assert "reading it is paused until a person corrects it" in checked.out
        assert "everything was last read whole just now" in checked.out

        acme.environment["SECRET_OKTA"] = token
        again = acme.run("sync", "--json")
        assert (again.code, again.json["health"]["state"], again.json["counts"]["deactivate"]) == (0, "healthy", 1)
        assert "paused" not in acme.here("reports").out
