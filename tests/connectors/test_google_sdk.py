"""Google's libraries: the key, the token, threads and connections, and a whole pull over real HTTP."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import ConnectorError, Opened, Refused, SecretRef, Unavailable
from connectors.google import Config, Google
from connectors.google import open as open_google
from connectors.google_sdk import key_of
from reconciler.model import CollectionEnd, Completeness, MembersSeen, Observation, UsersSeen, UserState, Wanted
from rosterd.simulators import Simulator, World

# -- configuration ------------------------------------------------------------------------------------------------

KEY = {"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "private_key": "-----BEGIN"}
SECRET = SecretRef(env="GOOGLE_SERVICE_ACCOUNT")
NOTHING = Wanted()  # people and the list of groups


@pytest.mark.parametrize("key", ["endpoint", "token_endpoint"])
@pytest.mark.parametrize("address", ["http://admin.example.com", "ftp://127.0.0.1", "admin.googleapis.com"])
def test_addresses_are_https_or_loopback(key: str, address: str) -> None:
    with pytest.raises(ValidationError, match="loopback addresses only"):
        Config.model_validate({"subject": "ada@acme.com", "service_account": {"env": "X"}, key: address})


@pytest.mark.parametrize(
    ("uri", "token_endpoint", "used"),
    [
        (None, None, "https://oauth2.googleapis.com/token"),
        ("https://oauth2.googleapis.com/token", None, "https://oauth2.googleapis.com/token"),
        ("https://accounts.google.com/o/oauth2/token", None, "https://accounts.google.com/o/oauth2/token"),
        ("http://127.0.0.1:8080/token", None, "http://127.0.0.1:8080/token"),
        ("https://evil.example/token", "https://proxy.acme.com/token", "https://proxy.acme.com/token"),
    ],
)
def test_where_the_assertion_goes(
    uri: str | None, token_endpoint: str | None, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", json.dumps(KEY if uri is None else {**KEY, "token_uri": uri}))
    assert key_of(SECRET, token_endpoint)["token_uri"] == used


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps({**KEY, "token_uri": "https://evil.example/token"}), "to 'evil.example'"),
        (json.dumps({**KEY, "token_uri": "https://googleapis.com.evil.example/t"}), "evil.example"),
        (json.dumps({**KEY, "token_uri": "https://notgoogle.com/token"}), "notgoogle.com"),
        (json.dumps({**KEY, "token_uri": "http://oauth2.googleapis.com/token"}), "oauth2.googleapis.com"),
        (json.dumps({**KEY, "token_uri": "https://oauth2.googleapis.com@evil.example/"}), "evil.example"),
        (json.dumps({**KEY, "universe_domain": "evil.example"}), "universe"),
        (json.dumps({**KEY, "type": "authorized_user"}), "authorized_user"),
        ("-----BEGIN PRIVATE KEY-----", "not a service account's JSON key file"),
        ("[]", "not a service account's JSON key file"),
    ],
)
def test_a_key_file_that_cannot_be_trusted(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", text)
    with pytest.raises(Refused, match="environment variable GOOGLE_SERVICE_ACCOUNT") as raised:
        key_of(SECRET, None)
    assert says in raised.value.message
    assert "PRIVATE" not in f"{raised.value}{raised.value.__cause__}"


# -- the token ----------------------------------------------------------------------------------------------------

Answers = list[tuple[int, str, bytes]]  # of the token endpoint: status, content type, body; the last one repeats


class TokenServer(ThreadingHTTPServer):
    """A token endpoint that answers as told, and refuses everything else."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.answers: Answers = []
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        answers = self.server.answers
        status, media, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.send_header("location", "https://evil.example/token")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    with TokenServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def google() -> Iterator[Simulator]:
    with Simulator("google", World.generate("google", 1203, 40)) as simulator:
        yield simulator


def configured(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Config:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", simulator.secret)
    keys = {"subject": simulator.credentials["subject"], "endpoint": simulator.url, **more}
    return Config(service_account=SECRET, **keys)


def pulled(config: Config, wanted: Wanted = NOTHING, deadline: float = 60.0) -> tuple[list[Observation], Google]:
    async def walk() -> tuple[list[Observation], Google]:
        connector = open_google(config, Opened("acme", deadline=deadline))
        try:
            return [found async for found in connector.pull(wanted)], connector
        finally:
            await connector.close()

    return asyncio.run(walk())


def refusal(code: str, status: int = 400) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps({"error": code, "error_description": "no"}).encode()


HTML = (200, "text/html", b"<html>Sign in to the network</html>")


@pytest.mark.parametrize(
    ("answer", "expected", "fix"),
    [
        (refusal("unauthorized_client", 401), Refused, "Manage Domain Wide Delegation"),
        (refusal("invalid_grant"), Refused, "clock"),
        (refusal("invalid_scope"), Refused, "admin.directory.user.readonly"),
        ((302, "text/html", b"moved"), Refused, ""),
        ((503, "text/html", b"<html>busy</html>"), Unavailable, ""),
        (refusal("server_error", 500), Unavailable, ""),
        ((429, "application/json", b"{}"), Unavailable, ""),
        (HTML, Unavailable, ""),
        ((200, "application/json", b"{}"), Unavailable, ""),
        ((200, "application/json", b"[]"), Unavailable, ""),
    ],
)
def test_a_token_that_is_not_given(
    answer: tuple[int, str, bytes], expected: type[ConnectorError], fix: str,
    token_server: TokenServer, google: Simulator, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    token_server.answers = [answer]
    config = configured(google, monkeypatch, token_endpoint=f"{token_server.url}/token")
    with pytest.raises(expected) as raised:
        pulled(config, deadline=0.2)
    assert fix in raised.value.fix
    assert token_server.asked == 1  # google-auth alone would have asked three times for some of them


def test_a_token_endpoint_that_recovers(
    token_server: TokenServer, google: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = google.vendor.tokens.issue(google.vendor.granted)
    given = (200, "application/json", json.dumps({"access_token": known, "expires_in": 3599}).encode())
    token_server.answers = [HTML, given]
    seen, connector = pulled(configured(google, monkeypatch, token_endpoint=f"{token_server.url}/token"))
    assert sum(len(page.users) for page in seen if isinstance(page, UsersSeen)) == 1203
    assert (token_server.asked, connector.counts.retries) == (2, 1)


def test_nobody_there(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(google, monkeypatch, token_endpoint="http://127.0.0.1:9/token")  # the discard port: closed
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        pulled(config, deadline=0.2)


def test_a_key_that_cannot_sign(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(google, monkeypatch)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", json.dumps({**KEY, "private_key": "not PEM"}))
    with pytest.raises(Refused, match="key cannot be used"):
        open_google(config, Opened("acme"))


@pytest.mark.parametrize("subject", ["nobody@example.com", "suspended"])
def test_a_subject_that_is_no_active_admin(subject: str, google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    if subject == "suspended":
        subject = next(person.email for person in google.world.people.values() if person.status == "suspended")
    with pytest.raises(Refused, match="Invalid email or User ID") as raised:
        pulled(configured(google, monkeypatch, subject=subject))
    assert "active admin" in raised.value.fix


# -- a whole pull -------------------------------------------------------------------------------------------------


def everyone_in(simulator: Simulator) -> Wanted:
    return Wanted(groups=frozenset(group.id for group in simulator.world.groups.values()))


def test_the_requests_are_the_floor_and_one_sign_in(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    google.requests.clear()
    google.token_requests.clear()
    seen, connector = pulled(configured(google, monkeypatch), everyone_in(google))
    groups = google.world.groups.values()
    floor = ceil(1203 / 500) + ceil(len(groups) / 200) + sum(max(1, ceil(len(group.members) / 200)) for group in groups)
    assert google.requests.total() == connector.counts.requests == floor
    assert google.token_requests.total() == 1  # though eight threads began at once
    read = Counter(member for page in seen if isinstance(page, MembersSeen) for member in (*page.users, *page.groups))
    assert read == Counter(member for group in groups for member in group.members)
    assert all(end.completeness is Completeness.COMPLETE for end in seen if isinstance(end, CollectionEnd))


def test_suspended_and_archived_people_are_seen(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, _ = pulled(configured(google, monkeypatch))
    states = {user.external_id: user.state for page in seen if isinstance(page, UsersSeen) for user in page.users}
    off = {person.id for person in google.world.people.values() if person.status in ("suspended", "archived")}
    assert off
    assert {person for person, state in states.items() if state is UserState.SUSPENDED} == off


@pytest.mark.parametrize("name", ["jamie_role", "Jamie.jamie_role"])
def test_custom_attributes_are_read(name: str, google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = next(iter(google.world.people))
    google.world.set_attribute(someone, "jamie_role", "admin")
    google.world.set_attribute(someone, "HR.grade", "7")
    seen, _ = pulled(configured(google, monkeypatch), Wanted(attributes=frozenset({name})))
    found = {user.external_id: user.attributes for page in seen if isinstance(page, UsersSeen) for user in page.users}
    assert found[someone] == {name: "admin"}
    assert sum(bool(attributes) for attributes in found.values()) == 1


def test_a_schema_that_does_not_exist_is_refused(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="Schema Nope") as raised:
        pulled(configured(google, monkeypatch), Wanted(attributes=frozenset({"Nope.role"})))
    assert "Manage custom attributes" in raised.value.fix


def test_a_bare_attribute_is_resolved_by_check(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    google.world.set_attribute(next(iter(google.world.people)), "jamie_role", "admin")

    async def checked() -> list[str]:
        connector = open_google(configured(google, monkeypatch), Opened("acme"))
        try:
            found = await connector.check(Wanted(attributes=frozenset({"jamie_role"})))
        finally:
            await connector.close()
        return [finding.message for finding in found if finding.code == "attribute_resolved"]

    assert asyncio.run(checked()) == ["attribute 'jamie_role' is Jamie.jamie_role"]


def test_everybody_in_a_group_is_partial(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    all_hands = google.world.add_group("All Hands")
    google.world.join(all_hands.id, google.world.tenant)
    seen, _ = pulled(configured(google, monkeypatch), Wanted(groups=frozenset({"all hands"})))
    google.world.delete_group(all_hands.id)
    (members,) = [end for end in seen if isinstance(end, CollectionEnd) and end.collection == "members"]
    assert members.completeness is Completeness.PARTIAL
    assert "every user of the account" in members.reason


# -- threads and connections --------------------------------------------------------------------------------------


def test_a_revoked_token_is_renewed(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    google.token_requests.clear()

    async def walk() -> int:
        connector = open_google(configured(google, monkeypatch), Opened("acme"))
        people = 0
        async for found in connector.pull(NOTHING):
            if isinstance(found, UsersSeen):
                people += len(found.users)
                google.vendor.tokens.revoke()
        await connector.close()
        return people

    assert asyncio.run(walk()) == 1203
    assert google.token_requests.total() == 4  # the first one, and one for each of three pages and the groups after it


def test_closing_does_not_wait_for_an_answer(google: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def leave() -> float:
        connector = open_google(configured(google, monkeypatch), Opened("acme"))
        async with aclosing(connector.pull(NOTHING)) as observations:
            await anext(observations)
            google.vendor.latency = 0.7
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(observations), 0.05)
        began = time.monotonic()
        await connector.close()
        google.vendor.latency = 0.0
        return time.monotonic() - began

    assert asyncio.run(leave()) < 0.5
