"""Tokens of operators: shown once, kept as hashes, rotated one by one, and no way into a SCIM directory."""

from pathlib import Path

import pytest

from tests.acceptance.command import Rehearsal, Result
from tests.acceptance.daemon import serving, told
from tests.acceptance.shapes import ERRORS, holds

pytestmark = pytest.mark.acceptance


def token(acme: Rehearsal, *arguments: str) -> Result:
    """`rosterd admin-token …`"""
    return acme.here("admin-token", *arguments, "--json")


def test_a_token_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    acme = told(tmp_path)
    words = ("--scope", "operate", "--workspace", "acme", "--label", "on call", "--expires", "90d")
    result = token(acme, "create", *words)
    assert result.code == 0, result.out
    made = result.json
    assert {*made} == {"id", "token", "scope", "workspace", "label", "expires"}
    listed = token(acme, "list")
    (row,) = listed.json
    assert {name: row[name] for name in ("id", "scope", "workspace", "label", "state", "expires")} == {
        "id": made["id"], "scope": "operate", "workspace": "acme", "label": "on call", "state": "valid",
        "expires": made["expires"],
    }  # fmt: skip
    assert made["token"] not in listed.out + acme.here("admin-token", "list").out
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert made["token"].split("_", 2)[2].encode() not in kept
    assert token(acme, "list").json == listed.json
    assert acme.here("token", "list", "acme-scim", "--json").json == []


def test_one_is_rotated_and_what_it_may_do_stays(tmp_path: Path) -> None:
    acme = told(tmp_path)
    old, other = (token(acme, "create", "--scope", "read", "--label", name).json for name in ("ci", "else"))
    new = token(acme, "rotate", old["id"], "--keep", "1h").json
    assert (new["scope"], new["label"], new["ending"]) == ("read", "ci", [old["id"]])
    ends = {row["id"]: row["expires"] for row in token(acme, "list").json}
    assert ends[old["id"]] is not None
    assert (ends[other["id"]], ends[new["id"]]) == (None, None)
    assert token(acme, "revoke", new["id"]).json == {"id": new["id"], "state": "revoked"}
    assert {row["id"]: row["state"] for row in token(acme, "list").json}[new["id"]] == "revoked"


@pytest.mark.parametrize(("words", "code"), [
    (("create", "--scope", "read", "--workspace", "acne"), "unknown_workspace"),
    (("create", "--scope", "read", "--expires", "soon"), "bad_option"),
    (("create", "--scope", "read", "--label", "two\nlines"), "bad_option"),
    (("create", "--scope", "write"), "usage"),
    (("create",), "usage"),
    (("rotate", "abcdef"), "unknown_token"),
    (("revoke", "abcdef"), "unknown_token"),
])  # fmt: skip
def test_what_cannot_be_is_an_error_with_the_way_out(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    result = token(told(tmp_path), *words)
    assert result.code == 1
    error = holds(result.json, ERRORS)["error"]
    assert error["code"] == code
    assert error["fix"]


def test_it_does_not_open_a_directory(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        made = token(acme, "create", "--scope", "operate").json["token"]
        assert daemon.client("acme-scim", made).get("/Users").status_code == 401
