"""Which endpoint a request reaches, in which shapes it may come, and what is refused (RFC 7644 §3.1, §3.2, §3.12)."""

from typing import Any

import pytest

from connectors.scim.exchange import Request
from tests.connectors.scim.client import USER, Client, op, person

BOTH = pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])


@BOTH
@pytest.mark.parametrize(("method", "target", "status"), [
    ("GET", "/Users", 200), ("GET", "/Groups", 200), ("GET", "/", 200), ("GET", "", 200),
    ("GET", "/Users/", 200), ("GET", "/Groups/", 200),
    ("GET", "/ServiceProviderConfig", 200), ("GET", "/ResourceTypes", 200), ("GET", "/Schemas", 200),
    ("GET", "/Me", 501), ("POST", "/Me", 501), ("GET", "/Me/", 501),
    ("GET", "/Nothing", 404), ("GET", "/Bulk/1", 404), ("GET", "/ServiceProviderConfig/1", 404),
    ("GET", "/Users/0", 404), ("GET", "/Groups/0", 404), ("GET", "/Groups/a/b", 404), ("GET", "/Users/%00\0", 404),
    ("GET", "/Users/ü", 404), ("GET", "/ResourceTypes/Role", 404), ("GET", "/Schemas/urn:x", 404),
    ("DELETE", "/Users/0", 404), ("PATCH", "/Users/", 405), ("PUT", "/Users", 405), ("DELETE", "/Users", 405),
    ("GET", "/.search", 405), ("GET", "/Users/.search", 405), ("GET", "/Bulk", 405), ("POST", "/", 405),
    ("POST", "/ServiceProviderConfig", 405), ("DELETE", "/Schemas", 405), ("PUT", "/ResourceTypes/User", 405),
    ("TRACE", "/Users", 405), ("POST", "/Users/0", 405),
])  # fmt: skip
def test_every_path_has_an_answer(method: str, target: str, status: int, strict: bool) -> None:
    answer = Client(strict=strict).ask(method, target)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert status < 400 or answer.scim_type == ""


def test_405_says_what_is_allowed() -> None:
    assert Client().ask("PATCH", "/Users").headers["Allow"] == "GET, POST"
    assert Client().ask("POST", "/Users/0").headers["Allow"] == "GET, PUT, PATCH, DELETE"


@pytest.mark.parametrize("target", ["/users", "/USERS/", "/serviceproviderconfig", "/resourcetypes/user", "/schemas"])
def test_names_of_endpoints_in_any_case_unless_strict(target: str) -> None:
    assert Client().get(target).status == 200
    assert Client(strict=True).get(target).status == 404


@pytest.mark.parametrize("target", [
    '/Users?filter=userName+eq+%22nobody%22&',  # OneLogin
    "/Users?aadOptscim062020", "/Users?aadOptscim062020&count=1",  # Entra's flag (E3)
    "/Users?", "/Users?&", "/Users?unknown=1&count=1&count=2",
])  # fmt: skip
def test_what_nobody_reads_in_a_query_is_no_harm(target: str) -> None:
    assert Client().get(target).status == Client(strict=True).get(target).status == 200


def test_a_question_mark_at_the_end_is_no_harm() -> None:
    client = Client("onelogin")
    ada = client.user()
    assert client.put(f"/Users/{ada}?", person("ada", title="Engineer")).status == 200
    assert client.patch(f"/Groups/{client.group()}?", op("add", "members", [{"value": ada}])).status == 204


# -- bodies -----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(("kind", "status"), [
    ("application/scim+json", 201), ("application/json", 201), ("application/json; charset=utf-8", 201),
    ("application/scim+json;charset=UTF-8", 201), ('Application/SCIM+JSON; charset="utf-8"', 201), ("", 201),
    ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("application/json; charset=utf-16", 415),
    ("application/xml", 415),
])  # fmt: skip
def test_types_of_bodies(kind: str, status: int, strict: bool) -> None:
    assert Client(strict=strict).post("/Users", person(), content_type=kind).status == status


@BOTH
@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"userName":"\\ud800"}', b'{"userName":NaN}',
    b'{"userName":"' + b"\xff" + b'"}', b'{"a":' * 900 + b"1" + b"}" * 900, b"[" * 5000 + b"]" * 5000,
    b'{"a":1e999}', b'{"a":' + b"9" * 5000 + b"}",
], ids=range(13))  # fmt: skip
@pytest.mark.parametrize("target", ["/Users", "/Groups", "/.search", "/Bulk"])
def test_bodies_that_cannot_be_read(body: bytes, target: str, strict: bool) -> None:
    answer = Client(strict=strict).post(target, body)
    assert (answer.status, answer.scim_type) == (400, "invalidSyntax")


@pytest.mark.parametrize("target", ["/Users", "/Groups", "/.search", "/Bulk"])
def test_a_text_that_no_store_can_keep_is_refused(target: str) -> None:
    body = b'{"userName":"a\\u0000b","displayName":"a\\u0000b","filter":"a\\u0000b","Operations":[]}'
    answer = Client().post(target, body)
    assert (answer.status, answer.scim_type) == (400, "invalidValue")


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    answer = Client().post("/Users", b'{"schemas":["%s"],"userName":"a\\\\u0000"}' % USER.encode())
    assert answer.json["userName"] == "a\\u0000"


@pytest.mark.parametrize(("accept", "kind"), [
    ("", "application/scim+json"), ("*/*", "application/scim+json"),
    ("application/scim+json", "application/scim+json"), ("application/json", "application/json"),
    ("application/json, application/scim+json", "application/scim+json"), ("text/html", "application/scim+json"),
])  # fmt: skip
def test_the_type_of_the_answer_follows_accept(accept: str, kind: str) -> None:
    client = Client()
    for target in ("/Users", "/Users/0", "/Schemas"):
        assert client.get(target, accept=accept).headers["Content-Type"] == kind


@pytest.mark.parametrize(("method", "path", "writes"), [
    ("GET", "/Users", False), ("POST", "/Users", True), ("PUT", "/Users/1", True), ("PATCH", "/Groups/1", True),
    ("DELETE", "/Users/1", True), ("POST", "/.search", False), ("POST", "/Users/.search/", False),
    ("POST", "/users/.SEARCH", False), ("POST", "/Bulk", True),
])  # fmt: skip
def test_which_requests_write(method: str, path: str, writes: bool) -> None:
    assert Client().listener.writes(Request(method, path)) is writes


def test_an_error_that_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """rosterd/http answers 500 and rolls back."""

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    client = Client()
    monkeypatch.setattr(client.memory, "find", broken)
    with pytest.raises(ZeroDivisionError):
        client.get("/Users")


def test_what_was_forgiven_counts_though_the_request_is_refused() -> None:
    """An admin who reads what a client needs reads it for the requests that fail, too."""
    client = Client()
    ada = client.user("ada")
    answer = client.patch(f"/Users/{ada}", op("Replace", "active", "False"), op("add", "active", "perhaps"))
    assert (answer.status, set(answer.leniencies)) == (400, {"op-case", "boolean-text"})
    twice = client.post("/Users", {"userName": "ADA@acme.com"})
    assert (twice.status, twice.leniencies) == (409, ("missing-schemas",))
