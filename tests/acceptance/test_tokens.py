"""Tokens of told directories: shown once, gapless when they follow each other, over when they are over."""

from pathlib import Path

import pytest

from tests.acceptance.command import Rehearsal, Result
from tests.acceptance.daemon import Daemon, eventually, serving, told

pytestmark = pytest.mark.acceptance


def token(acme: Rehearsal, *arguments: str) -> Result:
    """`rosterd token …`"""
    return acme.here("token", *arguments, "--json")


def status(daemon: Daemon, text: str, path: str = "/Users") -> int:
    """What a request with this token is answered with."""
    return daemon.client("acme-scim", text).get(path).status_code


def test_a_token_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    acme = told(tmp_path)
    result = token(acme, "create", "acme-scim", "--label", "entra", "--expires", "90d")
    assert result.code == 0
    made = result.json
    assert {*made} == {"directory", "id", "token", "endpoint", "label", "expires"}
    assert made["endpoint"] == "http://127.0.0.1:8460/scim/v2/acme-scim/entra"
    assert (made["directory"], made["label"]) == ("acme-scim", "entra")
    listed = token(acme, "list", "acme-scim")
    (row,) = listed.json
    assert (row["id"], row["state"], row["expires"], row["last_used"]) == (made["id"], "valid", made["expires"], None)
    assert made["token"] not in listed.out + acme.here("token", "list", "acme-scim").out
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert made["token"].encode() not in kept
    assert made["token"].split("_", 2)[2].encode() not in kept


def test_the_endpoint_is_what_others_reach(tmp_path: Path) -> None:
    acme = told(tmp_path)
    acme.environment["ROSTERD_HTTP__PUBLIC_URL"] = "https://sync.example.com"
    assert token(acme, "create", "acme-scim").json["endpoint"] == "https://sync.example.com/scim/v2/acme-scim"


def test_one_follows_the_other_without_a_gap(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        old = daemon.token("acme-scim")
        assert status(daemon, old) == 200
        rotated = token(acme, "rotate", "acme-scim", "--keep", "1h").json
        assert [status(daemon, old), status(daemon, rotated["token"])] == [200, 200]
        last = token(acme, "rotate", "acme-scim", "--keep", "1s").json
        assert status(daemon, last["token"]) == 200
        eventually(lambda: {status(daemon, old), status(daemon, rotated["token"])} == {401})
        assert status(daemon, last["token"]) == 200
        assert len(last["ending"]) == 2


def test_a_revoked_or_expired_token_lets_nobody_in(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        made = token(acme, "create", "acme-scim").json
        short = daemon.token("acme-scim", "--expires", "1s")
        assert status(daemon, made["token"]) == 200
        assert token(acme, "revoke", "acme-scim", made["id"]).code == 0
        eventually(lambda: status(daemon, made["token"]) == 401)
        eventually(lambda: status(daemon, short) == 401)
        result = daemon.stop()
    states = {row["id"]: row["state"] for row in token(acme, "list", "acme-scim").json}
    assert states.pop(made["id"]) == "revoked"
    assert [*states.values()] == ["expired"]
    assert made["token"] not in result.err
    assert short not in result.err


def test_a_labelled_token_is_reached_below_its_label(tmp_path: Path) -> None:
    acme = told(tmp_path)
    with serving(acme) as daemon:
        entra = daemon.token("acme-scim", "--label", "entra")
        assert [status(daemon, entra, path) for path in ("/entra/Users", "/Users")] == [200, 200]
        assert status(daemon, daemon.token("acme-scim"), "/entra/Users") == 404


def test_a_token_that_ends_soon_is_warned_about_everywhere(tmp_path: Path) -> None:
    acme = told(tmp_path)
    made = token(acme, "create", "acme-scim", "--expires", "13d").json
    checked = acme.here("check", "acme-scim", "--json")
    assert "token_expires" in {each["code"] for each in checked.json["findings"]}
    with serving(acme) as daemon:
        client = daemon.client("acme-scim", made["token"])
        assert client.post("/Users", json={"userName": "ada@acme.example"}).status_code == 201
        eventually(lambda: acme.here("reports", "--json").json)
        result = daemon.stop()
    assert made["id"] in result.err
    (run, *_) = acme.here("reports", "--json").json
    assert any(made["id"] in warning for warning in run["warnings"])
    assert token(acme, "rotate", "acme-scim").code == 0
    assert "token_expires" not in {each["code"] for each in acme.here("check", "acme-scim", "--json").json["findings"]}


def test_when_no_token_is_left_check_says_that_its_client_is_refused(tmp_path: Path) -> None:
    acme = told(tmp_path)
    made = token(acme, "create", "acme-scim").json
    token(acme, "revoke", "acme-scim", made["id"])
    checked = acme.here("check", "acme-scim", "--json")
    assert checked.code == 1
    assert "no_valid_token" in {each["code"] for each in checked.json["findings"]}


@pytest.mark.parametrize(("arguments", "code"), [
    (("create", "nobody"), "unknown_directory"),
    (("revoke", "acme-scim", "nobody"), "unknown_token"),
    (("create", "acme-scim", "--expires", "soon"), "bad_option"),
    (("create", "acme-scim", "--label", "Users"), "bad_option"),
    (("create", "acme-scim", "--label", "bulk"), "bad_option"),
])  # fmt: skip
def test_what_cannot_be_is_an_error_with_the_way_out(tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    result = token(told(tmp_path), *arguments)
    assert result.code == 1
    assert result.json["error"]["code"] == code
    assert result.json["error"]["fix"]
