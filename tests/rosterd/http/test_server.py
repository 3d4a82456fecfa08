"""The server over real sockets: what has to be said, and how fast, before there is a request; and how it ends."""

import asyncio
import errno
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rosterd.http import bounds, server
from rosterd.http.app import application
from rosterd.http.server import CannotListen, Server, bind, loopback
from tests.rosterd.http.doors import ACME, Doors

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def ready() -> str:
    return ""


def talk(conversation: Conversation, doors: Doors | None = None) -> Any:
    """What a conversation with a running server comes to."""

    async def live() -> Any:
        with bind("127.0.0.1", 0) as sock:
            address = sock.getsockname()
            running = Server(application((doors or Doors()).endpoint, ready))
            serving = asyncio.create_task(running.serve([sock]))
            reader, writer = await asyncio.open_connection(*address)
            try:
                return await asyncio.wait_for(conversation(reader, writer), 20)
            finally:
                writer.close()
                running.end()
                await serving

    return asyncio.run(live())


def said(text: str, *, doors: Doors | None = None) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer to these bytes, after which the server closes."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, dict[str, Any]]:
        writer.write(text.encode("latin-1"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        return int(head.split()[1]), json.loads(body)

    status, body = talk(conversation, doors)
    assert body["status"] == str(status)
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return status, body


HEAD = f"Host: test\r\nAuthorization: Bearer {ACME}\r\n"
USERS = "/scim/v2/acme-scim/Users"


@pytest.mark.parametrize(("text", "status"), [
    (f"GET {USERS} HTTP/1.1\r\n{HEAD}" + "".join(f"X-{n}: 1\r\n" for n in range(100)) + "\r\n", 431),
    (f"GET {USERS} HTTP/1.1\r\n{HEAD}X-Long: {'x' * 40_000}\r\n\r\n", 431),
    (f"GET {USERS}?filter={'x' * 40_000} HTTP/1.1\r\n{HEAD}\r\n", 414),
    ("nonsense\r\n\r\n", 400),
    (f"GET {USERS} HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
], ids=["many headers", "long header", "long address", "no http", "two lengths"])  # fmt: skip
def test_what_is_no_request_or_too_much_of_one_is_a_scim_error(text: str, status: int) -> None:
    assert said(text)[0] == status


def test_a_client_that_does_not_finish_its_headers_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.1)
    assert said(f"GET {USERS} HTTP/1.1\r\nHost: te")[0] == 408


def test_a_client_that_says_nothing_at_all_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.1)
    assert said("")[0] == 408


def test_a_second_request_on_a_connection_has_to_be_finished_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.2)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(f"GET {USERS} HTTP/1.1\r\n{HEAD}\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /half HTTP/1.1\r\n")
        return await reader.read()

    assert b"HTTP/1.1 408" in talk(conversation)


def test_a_client_that_does_not_finish_its_body_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds.body_of, "__kwdefaults__", {"most": bounds.MOST_BYTES, "seconds": 0.1})
    doors = Doors()
    assert said(f"POST {USERS} HTTP/1.1\r\n{HEAD}Content-Length: 10\r\n\r\n{{", doors=doors)[0] == 408
    assert doors.transactions.writes == 0


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent() -> None:
    length = bounds.MOST_BYTES + 1
    assert said(f"POST {USERS} HTTP/1.1\r\n{HEAD}Content-Length: {length}\r\n\r\n")[0] == 413


def test_a_client_that_goes_away_in_the_middle_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    doors = Doors()

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"POST {USERS} HTTP/1.1\r\n{HEAD}Content-Length: 10\r\n\r\n{{".encode())
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.05)

    talk(conversation, doors)
    assert doors.transactions.writes == 0
    assert caplog.text == ""


def test_requests_follow_each_other_on_one_connection() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[int]:
        statuses = []
        for method in ("GET", "HEAD", "POST", "GET"):
            body = "Content-Length: 2\r\n\r\n{}" if method == "POST" else "\r\n"
            writer.write(f"{method} {USERS} HTTP/1.1\r\n{HEAD}{body}".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(int(head.split()[1]))
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            assert length > 0
            if method != "HEAD":  # it has the headers of a GET, and no body (RFC 9110 §9.3.2)
                assert json.loads(await reader.readexactly(length))
        return statuses

    assert talk(conversation) == [200] * 4


def test_operators_ask_whether_it_lives_and_is_ready() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        found = []
        for path in ("/healthz", "/readyz", "/nothing"):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
            found.append(head.split()[1])
        return found

    assert talk(conversation) == [b"200", b"200", b"404"]


# -- where it listens ---------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_with_the_way_out() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(CannotListen, match="taken") as caught:
        bind("127.0.0.1", taken.getsockname()[1])
    assert "[http] listen" in caught.value.fix


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(CannotListen, match="no address of this machine"):
        bind("192.0.2.1", 8460)  # RFC 5737: nobody's


def test_a_port_for_root_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(CannotListen, match="not allowed") as caught:
        bind("127.0.0.1", 80)
    assert "1024" in caught.value.fix


@pytest.mark.parametrize(("host", "only_here"), [
    ("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True), ("0.0.0.0", False), ("::", False),  # noqa: S104
    ("10.0.0.1", False), ("sync.example.com", False),
])  # fmt: skip
def test_what_only_this_machine_reaches(host: str, only_here: bool) -> None:
    assert loopback(host) is only_here
