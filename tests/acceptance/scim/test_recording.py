"""What a directory records of its client is a fixture: played again, it is answered as it was, and ends in as many
members. Nobody who was in it can be known from it.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.acceptance.daemon import eventually
from tests.acceptance.scim.conversation import Conversation, Wire
from tests.acceptance.scim.served import Served, configured, served

pytestmark = pytest.mark.acceptance
HEADERS = {"accept", "content-type"}


@pytest.mark.parametrize("name", ["entra", "okta-patch", "onelogin"])
def test_a_recorded_conversation_can_be_played_again(tmp_path: Path, name: str) -> None:
    conversation = Conversation.read(name)
    here, there = (anybody(configured(conversation.page, each)) for each in ("here", "there"))
    recording = here.replace('kind = "scim"\n', 'kind = "scim"\nrecord = "heard.jsonl"\n')
    with served(tmp_path, [recording, there]) as running:
        running.play(conversation, "here")
        heard = tmp_path / "heard.jsonl"
        many = sum(each["status"] != 401 for each in conversation.requests)
        eventually(lambda: len(heard.read_text(encoding="utf-8").splitlines()) == many)
        text = heard.read_text(encoding="utf-8")
        assert not [each for each in ("@acme.com", "byron", "hopper", "lovelace") if each in text.lower()]
        again(running, "there", [json.loads(line) for line in text.splitlines()])
        assert states(running.roster("here"))
        eventually(lambda: states(running.roster("there")) == states(running.roster("here")))


def anybody(configuration: str) -> str:
    """Without a bound on addresses: those of a recording are made up."""
    return "".join(line for line in configuration.splitlines(keepends=True) if not line.startswith("email_domains"))


def again(running: Served, directory: str, lines: list[dict[str, Any]]) -> None:
    """Sends what was recorded to another directory, whose ids are other ones."""
    wire = Wire(running.daemon.endpoints[directory])
    token = running.daemon.token(directory)
    ids: dict[str, str] = {}
    try:
        for line in lines:
            answer = wire.send(
                line["method"], renamed(_target(line), ids), _headers(line, token), _body(line, ids)
            )  # fmt: skip
            assert answer.status == line["status"], (line, answer)
            if line["status"] == 201:
                ids[line["answer"]["id"]] = answer.body["id"]
    finally:
        wire.close()


def _target(line: dict[str, Any]) -> str:
    query = urlencode([*map(tuple, line["query"])], quote_via=quote)
    return quote(line["path"], safe="/:") + (f"?{query}" if query else "")


def _headers(line: dict[str, Any], token: str) -> dict[str, str]:
    kept = {name: text for name, text in line["headers"].items() if name in HEADERS}
    return {"Authorization": f"Bearer {token}", **kept}


def _body(line: dict[str, Any], ids: dict[str, str]) -> bytes | None:
    return None if line["body"] is None else renamed(json.dumps(line["body"]), ids).encode()


def renamed(text: str, ids: dict[str, str]) -> str:
    """The ids of then as those of now."""
    for then, now in ids.items():
        text = text.replace(then, now)
    return text


def states(roster: dict[str, Any]) -> list[tuple[str, int]]:
    """Whoever is active, without saying who; who came and went may have done so between two runs."""
    return sorted((each["roles"]["role"], len(each["teams"])) for each in roster.values() if each["active"])
