"""`plan DIRECTORY --against FILE` as a person types it, over a simulated directory."""

from pathlib import Path

import pytest

from tests.acceptance.command import Rehearsal, people, rehearsal
from tests.acceptance.shapes import AGAINST, ERRORS, holds

pytestmark = pytest.mark.acceptance
MAPPED = 'groups = { "Rosterd Admins" = "admin" }'


def variant(acme: Rehearsal, *replaced: tuple[str, str]) -> str:
    """Another configuration: this one, with some texts replaced."""
    text = acme.file.read_text(encoding="utf-8")
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    (acme.folder / "new.toml").write_text(text, encoding="utf-8")
    return "new.toml"


@pytest.mark.parametrize("kind", ["okta", "google"])
def test_who_would_become_admin_and_why(tmp_path: Path, kind: str) -> None:
    with rehearsal(tmp_path, kind, world=people(30)) as acme:  # type: ignore[arg-type]
        acme.here("sync")
        new = variant(acme, (MAPPED, 'groups = { "Rosterd Admins" = "admin", "Engineering" = "admin" }'))
        before = acme.roster()
        engineers = {email for email, each in before.items() if each["active"] and "Engineering" in each["teams"]}
        promoted = {email for email in engineers if before[email]["roles"]["role"] == "member"}
        assert promoted
        found = acme.run("plan", kind, "--against", new, "--json")
        assert found.code == 2, found.err
        difference, held = holds(found.json, AGAINST)["differences"]
        assert (held["kind"], held["count"], held["people"]) == ("held", len(promoted), [])
        assert "reaches the limit of 25 %" in held["because"]
        assert (difference["change"], difference["because"], difference["count"]) == (
            "become admin", "group Engineering is now mapped to admin", len(promoted),
        )  # fmt: skip
        assert set(difference["people"]) <= promoted
        said = acme.here("plan", kind, "--against", new)
        assert f"{len(promoted)} people become admin, because group Engineering is now mapped to admin" in said.out
        assert said.out.endswith("nothing was written\n")
        assert acme.roster() == before
        assert len(acme.here("reports", "--json").json) == 1, "no run was made"
        assert acme.here("plan", kind).code == 0


def test_the_same_configuration_makes_no_difference(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        found = acme.here("plan", "okta", "--against", variant(acme))
        assert (found.code, found.out.splitlines()[0][:49]) == (0, "okta under new.toml: nobody ends up differently (")


@pytest.mark.parametrize(
    ("replaced", "code", "said"),
    [
        (('id = "okta"', 'id = "other"'), "not_comparable", "new.toml does not configure okta"),
        (("protect_last =", "protekt_last ="), "unknown_key", "protekt_last"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path: Path, replaced: tuple[str, str], code: str, said: str) -> None:
    with rehearsal(tmp_path, "okta", world=people(5)) as acme:
        found = acme.here("plan", "okta", "--against", variant(acme, replaced), "--json")
        error = holds(found.json, ERRORS)["error"]
        assert (found.code, error["code"]) == (1, code)
        assert said in error["message"]
        missing = acme.here("plan", "okta", "--against", "nowhere.toml", "--json")
        assert (missing.code, missing.json["error"]["code"]) == (1, "usage")


def test_a_directory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(5)) as acme:
        acme.environment["SECRET_OKTA"] = "wrong"
        found = acme.here("plan", "okta", "--against", variant(acme), "--json")
        assert found.code == 1
        assert holds(found.json, ERRORS)["error"]["message"]
