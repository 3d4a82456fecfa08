"""The door of the SCIM endpoint: who comes in, with what, and what everybody else is told."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from connectors.scim.listener import Request, Response
from connectors.scim.ports import Resources
from reconciler.errors import StoreError
from rosterd.http.bounds import MOST_BYTES
from rosterd.http.scim import SAY_AGAIN
from store.database import REFUSED_VALUE
from tests.rosterd.http.doors import ACME, LABELLED, OTHER, Doors, Echo, Failing

USERS = "/scim/v2/acme-scim/Users"


def asked(method: str = "GET", path: str = USERS, *, doors: Doors | None = None, **more: Any) -> httpx.Response:
    """The answer to one request."""
    return asyncio.run((doors or Doors()).ask(method, path, **more))


def scim_error(response: httpx.Response) -> str:
    """The detail of a SCIM error (RFC 7644 §3.12), whose status is a string."""
    body = response.json()
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert body["status"] == str(response.status_code)
    assert response.headers["content-type"].startswith("application/scim+json")
    return str(body["detail"])


# -- tokens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [
    f"Bearer {ACME}", f"bearer {ACME}", f"BEARER {ACME}", ACME, f"  {ACME} ", f"Bearer   {ACME}",
])  # fmt: skip
def test_a_token_is_accepted_with_and_without_the_word(written: str) -> None:
    assert asked(token=written).status_code == 200


@pytest.mark.parametrize("written", [
    None, "", "Bearer", "Bearer ", f"Basic {ACME}", f"Bearer {ACME}x", "Bearer rosterd_nobody", f"Token {ACME}",
    f"Bearer {OTHER}",
])  # fmt: skip
def test_anything_else_is_401_with_a_challenge(written: str | None) -> None:
    response = asked(token=written)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "token" in scim_error(response)


def test_an_unknown_directory_looks_like_a_foreign_token() -> None:
    """Whoever holds a token of one customer learns nothing about which others there are."""
    foreign, unknown = asked(token=OTHER), asked(path="/scim/v2/nobody/Users", token=OTHER)
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert foreign.headers == unknown.headers


@pytest.mark.parametrize("path", ["/scim/v2/", "/scim/v2", "/scim/", "/scim/v1/acme-scim/Users", "/scim/v2//Users"])
def test_what_names_no_directory_is_401(path: str) -> None:
    assert asked(path=path).status_code == 401


def test_a_refused_request_reaches_nobody() -> None:
    doors = Doors()
    assert asked(doors=doors, token=OTHER).status_code == 401
    assert (doors.transactions.reads, doors.transactions.writes, doors.heard.all) == (0, 0, [])


# -- what arrives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "token", "expected", "base"), [
    ("/scim/v2/acme-scim/Users/7", ACME, "/Users/7", "acme-scim"),
    ("/scim/v2/acme-scim", ACME, "/", "acme-scim"),
    ("/scim/v2/acme-scim/", ACME, "/", "acme-scim"),
    ("/scim/v2/acme-scim/entra/Users/7", LABELLED, "/Users/7", "acme-scim/entra"),
    ("/scim/v2/acme-scim/entra", LABELLED, "/", "acme-scim/entra"),
    ("/scim/v2/acme-scim/Users/7", LABELLED, "/Users/7", "acme-scim"),
    ("/scim/v2/acme-scim/okta/Users", LABELLED, "/okta/Users", "acme-scim"),
    ("/scim/v2/acme-scim/entra/Users", ACME, "/entra/Users", "acme-scim"),
    ("/scim/v2/acme-scim/entraprise", LABELLED, "/entraprise", "acme-scim"),
    ("/scim/v2/acme-scim/Users/a%20b", ACME, "/Users/a b", "acme-scim"),
])  # fmt: skip
def test_the_path_begins_below_the_directory_and_the_tokens_own_label(
    path: str, token: str, expected: str, base: str
) -> None:
    said = asked(path=path, token=token).json()
    assert (said["path"], said["base"]) == (expected, f"https://sync.example.com/scim/v2/{base}")


@pytest.mark.parametrize(("query", "expected"), [
    ("filter=userName+eq+%22x%22&", [["filter", 'userName eq "x"']]),  # OneLogin
    ("aadOptscim062020", [["aadOptscim062020", ""]]),  # Entra's flag
    ("aadOptscim062020&count=1", [["aadOptscim062020", ""], ["count", "1"]]),
    ("", []),
    ("filter=%ff", [["filter", "�"]]),
])  # fmt: skip
def test_the_query_is_decoded_whatever_it_looks_like(query: str, expected: list[list[str]]) -> None:
    assert asked(path=f"{USERS}?{query}").json()["query"] == expected


def test_only_headers_that_scim_knows_reach_the_listener() -> None:
    said = asked("POST", headers={"If-Match": 'W/"1"', "Cookie": "a=b", "Accept": "application/json"}, content=b"{}")
    assert {"if-match", "accept"} <= set(said.json()["headers"])
    assert not {"authorization", "cookie"} & set(said.json()["headers"])


def test_what_a_write_changed_wakes_its_directory_and_a_read_does_not() -> None:
    doors = Doors()
    assert asked(doors=doors).status_code == 200
    assert doors.changed == []
    assert asked("POST", doors=doors, content=b"{}").status_code == 200
    assert doors.changed == ["acme-scim"]
    assert (doors.transactions.reads, doors.transactions.writes) == (1, 1)
    assert doors.heard.all == [("acme-scim", 200), ("acme-scim", 200)]


def test_a_search_by_post_only_reads() -> None:
    doors = Doors()
    assert asked("POST", f"{USERS}/.search", doors=doors, content=b"{}").status_code == 200
    assert doors.transactions.writes == 0


def test_a_head_is_a_get_whose_body_the_server_leaves_out() -> None:
    doors = Doors()
    assert asked("HEAD", doors=doors).status_code == 200
    assert doors.transactions.reads == 1


@pytest.mark.parametrize(("below", "quick"), [
    ("Users/7", True),
    ("Users", True),
    ("Users?count=100&startIndex=101", True),
    ('Users?filter=userName eq "ada@acme.com"', True),
    ('Users?filter=urn:ietf:params:scim:schemas:core:2.0:User:userName EQ "ada"', True),
    ('Users?filter=externalId eq "x" and active eq true', True),
    ('Users?filter=emails[type eq "work"].value eq "x"', True),
    ('Groups?filter=displayName eq "x"&excludedAttributes=members', True),
    ('Users?filter=userName eq "x" or title eq "y"', False),
    ('Users?filter=userName sw "x"', False),
    ('Users?filter=title eq "x"', False),
    ('Users?filter=not (userName eq "x")', False),
    ("Users?sortBy=title", False),
])  # fmt: skip
def test_what_no_index_serves_does_not_stand_in_the_way_of_what_one_does(below: str, quick: bool) -> None:
    doors = Doors()
    assert asked(path=f"/scim/v2/acme-scim/{below}", doors=doors).status_code == 200
    assert doors.transactions.quick == [quick]


# -- bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in chunks"])
def test_a_body_that_is_too_large_is_413(declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(9):
            yield b"x" * (1 << 20)

    content = b"x" * (MOST_BYTES + 1) if declared else chunks()
    response = asked("POST", content=content)
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert "8,388,608 bytes" in scim_error(response)


def test_the_largest_body_is_read_whole() -> None:
    assert asked("POST", content=b"x" * MOST_BYTES).json()["size"] == MOST_BYTES


def test_a_compressed_body_is_415() -> None:
    response = asked("POST", content=b"x", headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert scim_error(response)


# -- rate ---------------------------------------------------------------------------------------------------------


def test_too_many_requests_are_429_with_whole_seconds() -> None:
    """Okta understands whole seconds only."""
    doors = Doors(rate=0.1)  # one every ten seconds, three at once
    assert [asked(doors=doors).status_code for _ in range(4)] == [200, 200, 200, 429]
    response = asked(doors=doors)
    assert response.headers["retry-after"] == "10"
    assert scim_error(response)


def test_one_directorys_rate_is_not_anothers() -> None:
    doors = Doors(rate=0.1)
    assert [asked(doors=doors).status_code for _ in range(4)][-1] == 429
    assert asked(doors=doors, path="/scim/v2/other-scim/Users", token=OTHER).status_code == 200


def test_whoever_has_no_token_takes_nothing_of_the_rate() -> None:
    doors = Doors(rate=0.1)
    assert {asked(doors=doors, token=OTHER).status_code for _ in range(10)} == {401}
    assert asked(doors=doors).status_code == 200


# -- what breaks --------------------------------------------------------------------------------------------------


def test_a_fault_is_a_scim_error_without_its_text_in_answer_or_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        response = asked("POST", doors=Doors(Failing), content=b"{}")
    assert response.status_code == 500
    assert "Traceback" not in scim_error(response)
    assert "ValueError at" in caplog.text
    assert "doors.py" in caplog.text
    assert "ada@acme.com" not in caplog.text + response.text
    assert ACME not in caplog.text


def test_a_text_that_no_database_keeps_is_the_clients() -> None:
    class Unstorable(Failing):
        error = StoreError("the store refused: NUL")

    Unstorable.error.code = REFUSED_VALUE
    response = asked("POST", doors=Doors(Unstorable), content=b"{}")
    assert response.status_code == 400
    assert response.json()["scimType"] == "invalidValue"


def test_what_a_store_refuses_is_said_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Each of some hundred requests a second was a line of the log, until whoever reads it could not keep up."""
    refusing = {"GET": False, "POST": True}

    class Full(Echo):
        def answer(self, request: Request, resources: Resources, now: str) -> Response:
            if refusing[request.method]:
                raise StoreError("the store refused: database or disk is full")
            return super().answer(request, resources, now)

    time = [0.0]
    doors = Doors(Full, clock=lambda: time[0])

    def said(*methods: str) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            for method in methods:
                asked(method, doors=doors, content=b"{}" if method == "POST" else None)
        return [f"{each.levelname} {each.getMessage()}" for each in caplog.records if each.name == "rosterd.http"]

    first = "WARNING SCIM requests have to be sent again: the store refused: database or disk is full"
    over = "INFO SCIM requests are taken again: {} had to be sent again".format
    assert said(*["GET", "POST"] * 10) == [first]
    time[0] += SAY_AGAIN
    assert said(*["POST", "GET"] * 10) == [first]
    refusing.update(GET=True, POST=False)
    assert said("GET", "POST", "GET") == [over(21), first]
    refusing["GET"] = False
    assert said("GET", "POST", "GET", "POST") == [over(1)]


def test_a_store_that_is_busy_is_503_and_asks_to_come_again() -> None:
    class Busy(Failing):
        error = StoreError("the store refused: database is locked")

    response = asked("POST", doors=Doors(Busy), content=b"{}")
    assert response.status_code == 503
    assert response.headers["retry-after"].isdecimal()
    assert scim_error(response)
