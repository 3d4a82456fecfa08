"""Changing members by hand, as a person types it: what a directory owns is refused, the rest is done."""

from pathlib import Path

import pytest

from tests.acceptance.command import Rehearsal, people, rehearsal
from tests.acceptance.shapes import ERRORS, MEMBER, holds

pytestmark = pytest.mark.acceptance


def someone(acme: Rehearsal) -> str:
    """An active member who is no admin."""
    return next(
        email for email, each in acme.roster().items() if each["active"] and each["roles"]["role"] == "member"
    )  # fmt: skip


def test_while_a_directory_is_active_it_owns_its_people(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        refused = acme.run("member", "invite", "acme", "new@acme.example")
        assert refused.code == 1
        assert refused.out == ""
        assert refused.err == (
            "error: people are added to acme in the directory okta: new@acme.example cannot be invited by hand\n"
            "  add them in okta, where they are synced from; the next sync brings them\n"
        )
        acme.here("sync")
        ada = someone(acme)
        for words in (
            ("edit", "acme", ada, "title=Countess"),
            ("role", "acme", ada, "role", "admin"),
            ("deactivate", "acme", ada),
        ):
            said = holds(acme.here("member", *words, "--json").json, ERRORS)["error"]
            assert said["code"] == "managed_by_directory"
            assert said["message"].startswith(f"{ada} is managed by the directory okta, which owns ")
        assert acme.here("plan", "okta", "--full").code == 0


def test_what_nobody_owns_is_done_and_shown(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta", world=people(20)) as acme:
        acme.here("sync")
        ada = someone(acme)
        joined = acme.here("member", "team", "acme", ada, "--join", "Choir", "--json")
        assert joined.code == 0
        assert "Choir" in holds(joined.json, MEMBER)["teams"]
        out = acme.here("member", "sign-out", "acme", ada)
        assert out.out.startswith(f"{ada}: active · ")
        assert f"every session of {ada} that is older than this moment is over" in out.err
        assert acme.roster()[ada]["sessions_valid_after"] is not None
        assert acme.here("plan", "okta").code == 0
        gone = acme.here("member", "deactivate", "acme", ada, "--emergency")
        assert gone.out.startswith(f"{ada}: inactive · ")
        assert "the next sync of okta brings them back unless they are suspended there by then" in gone.err
        report = acme.here("sync", "--json").json
        assert [(each["kind"], each["email"]) for each in report["actions"]] == [("reactivate", ada)]
        assert acme.here("plan", "okta", "--full").code == 0


def test_a_workspace_without_directories_is_kept_by_hand(tmp_path: Path) -> None:
    with rehearsal(tmp_path) as acme:
        words = ("invite", "acme", "ada@acme.example", "given_name=Ada", "--role", "role=admin")
        invited = acme.here("member", *words, "--json")
        assert holds(invited.json, MEMBER)["roles"] == {"role": "admin"}
        assert acme.here("member", "edit", "acme", "ada@acme.example", "title=Countess").code == 0
        last = acme.here("member", "role", "acme", "ada@acme.example", "role", "member")
        assert (last.code, last.err) == (
            1,
            "error: ada@acme.example is the last active admin of the workspace\n  make somebody else admin first\n",
        )
        assert acme.roster()["ada@acme.example"]["title"] == "Countess"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("edit", "acme", "ada@acme.example", "title"), "usage"),
        (("team", "acme", "ada@acme.example"), "usage"),
        (("team", "acme", "ada@acme.example", "--join", "A", "--leave", "B"), "usage"),
        (("edit", "acne", "ada@acme.example", "title=x"), "unknown_workspace"),
        (("sign-out", "acme", "nobody@acme.example"), "unknown_member"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    with rehearsal(tmp_path) as acme:
        said = acme.here("member", *words, "--json")
        assert (said.code, holds(said.json, ERRORS)["error"]["code"]) == (1, code)
