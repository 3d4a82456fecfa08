"""A recorded conversation: the requests of one identity provider as it sends them, byte for byte where that is known,
with what is to be answered and who is then in the workspace.

A conversation is a file in conversations/. Its steps are either requests or looks at the workspace:

    does, rows          what the client does, in words, and the rows of the quirk sheet that show in it
    send                method and path below the endpoint, with whatever odd end it has
    headers             besides those of the conversation; null: not this one
    body, text          JSON, or a text as it is
    status              or a list of them
    answer              what it has to hold: objects may hold more, lists may not; {"has": […]}: a list with these
    without, must       paths that may not be there, or have to be: names with a slash between them
    type                the media type of the answer, if that matters
    keep                names for parts of the answer, by path: <ada> stands for it from then on
    roster              everybody in the workspace, by address, with some of their fields; "?": may be missing
    members             some of them

What is not here: how a daemon is started (tests/acceptance/daemon.py), and which conversations there are.
"""

import http.client
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FOLDER = Path(__file__).parent / "conversations"
SECONDS = 20  # until the workspace has to have followed, on a machine that does other things
NAMED = re.compile(r"<(\w+)>")

Roster = Callable[[], Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    type: str
    body: Any


@dataclass
class Wire:
    """A client's connection to an endpoint. Nothing is added to what it sends but Host and the length of a body."""

    endpoint: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=SECONDS)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """One request, one answer."""
        self.connection.putrequest(method, urlsplit(self.endpoint).path + path, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        response = self.connection.getresponse()
        text = response.read()
        return Answer(response.status, response.headers.get("Content-Type", ""), json.loads(text) if text else None)

    def close(self) -> None:
        """Hangs up."""
        self.connection.close()


@dataclass(frozen=True)
class Conversation:
    """A file of conversations/."""

    name: str
    client: str
    page: str
    headers: Mapping[str, str]
    steps: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, name: str) -> "Conversation":
        """The conversation of this name."""
        found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        return cls(name, found["client"], found["page"], found["headers"], tuple(found["steps"]))

    @property
    def requests(self) -> Iterable[Mapping[str, Any]]:
        """Its steps that are requests."""
        return (step for step in self.steps if "send" in step)


@dataclass
class Player:
    """A conversation that is going on. `twice`: each request that may be repeated is, as after an answer that got
    lost; the second time it has to change nothing."""

    conversation: Conversation
    wire: Wire
    token: str
    roster: Roster
    twice: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def play(self) -> None:
        """All of it."""
        for step in self.conversation.steps:
            if "send" in step:
                self._say(step)
            else:
                self._look(step)

    def _say(self, step: Mapping[str, Any]) -> None:
        answer = self._sent(step)
        allowed = step["status"] if isinstance(step["status"], list) else [step["status"]]
        said = f"{self.conversation.name}, {step['does']}: {step['send']} → {answer.status} {answer.body}"
        assert answer.status in allowed, said
        if "answer" in step:
            assert problems(answer.body, self._meant(step["answer"]), "answer") == [], said
        for path in step.get("without", ()):
            assert part(answer.body, path) is None, f"{path} is there: {said}"
        for path in step.get("must", ()):
            assert part(answer.body, path) is not None, f"{path} is missing: {said}"
        if "type" in step:
            assert answer.type.partition(";")[0] == step["type"], said
        for name, path in step.get("keep", {}).items():
            self.names[name] = str(part(answer.body, path))
        if self.twice and (again := repeated(step)):
            assert self._sent(step).status in again, f"the second time: {said}"

    def _sent(self, step: Mapping[str, Any]) -> Answer:
        method, _, path = step["send"].partition(" ")
        headers = {"Authorization": "Bearer <token>", **self.conversation.headers, **step.get("headers", {})}
        body = step["text"] if "text" in step else json.dumps(step["body"]) if "body" in step else None
        if body is None:
            headers.pop("Content-Type", None)
        named = {name: self._named(value) for name, value in headers.items() if value is not None}
        return self.wire.send(method, self._named(path), named, None if body is None else self._named(body).encode())

    def _named(self, text: str) -> str:
        return NAMED.sub(lambda found: {"token": self.token, **self.names}[found[1]], text)

    def _meant(self, value: Any) -> Any:
        return json.loads(self._named(json.dumps(value)))

    def _look(self, step: Mapping[str, Any]) -> None:
        """Waits until the workspace is as expected."""
        meant = self._meant(step)
        until = time.monotonic() + SECONDS
        while (found := self._different(meant)) and time.monotonic() < until:
            time.sleep(0.05)
        assert found == [], f"{self.conversation.name}: {found}"

    def _different(self, meant: Mapping[str, Any]) -> list[str]:
        roster = self.roster()
        if "roster" in meant:
            return differences(roster, meant["roster"])
        mentioned = {email: fields for email, fields in roster.items() if email in meant["members"]}
        return differences(mentioned, meant["members"])


def repeated(step: Mapping[str, Any]) -> list[int]:
    """What a request may be answered with when it comes a second time; [] when it is not repeated: clients look
    before they create a group, and what was refused or is only looked at says nothing new."""
    method, _, path = step["send"].partition(" ")
    if "text" in step or step["status"] in (400, 401, 404, 409):
        return []
    if method == "POST":
        return [409] if path.startswith("/Users") and "search" not in path else []
    if method == "DELETE":
        return [404]
    return [200, 204] if method in ("PUT", "PATCH") else []


def differences(roster: Mapping[str, Mapping[str, Any]], expected: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where a roster is not as expected."""
    found = [f"{email} is there, and should not be" for email in roster if not {email, f"?{email}"} & expected.keys()]
    for email, fields in expected.items():
        member = roster.get(email.removeprefix("?"))
        if member is None:
            found += [] if email.startswith("?") else [f"{email} is missing"]
        else:
            found += problems(member, fields, email)
    return found


def problems(found: Any, expected: Any, place: str) -> list[str]:
    """Where a value does not hold what it should."""
    if isinstance(expected, dict) and "has" in expected:
        there = found if isinstance(found, list) else []
        return [f"{place} has no {each!r}" for each in expected["has"] if each not in there]
    if isinstance(expected, dict) and isinstance(found, dict):
        return [one for key, value in expected.items() for one in problems(found.get(key), value, f"{place}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(found, expected, strict=True))
        return [one for number, (each, value) in pairs for one in problems(each, value, f"{place}[{number}]")]
    return [] if found == expected and type(found) is type(expected) else [f"{place} is {found!r}, not {expected!r}"]


def part(body: Any, path: str) -> Any:
    """What stands at a path: names with a slash between them, because URNs have dots."""
    for step in path.split("/"):
        body = body.get(step) if isinstance(body, dict) else None
    return body
