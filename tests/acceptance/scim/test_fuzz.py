"""Hostile requests over real HTTP: to a daemon that by its end has answered each of them, none with 500, and lives.

What a request means is tested elsewhere; here it only has to have an answer.
"""

import gzip
from typing import Any

import pytest

from tests.acceptance.scim.attacked import GROUP, MESSAGES, USER, Attacked, dumped

pytestmark = pytest.mark.acceptance
BOTH = pytest.mark.parametrize("strict", [False, True])
PERSON = dumped({"schemas": [USER], "userName": "eve"})
DEEP = b'{"schemas":["' + USER.encode() + b'"],"userName":"eve","x":'
LARGE = (8 << 20) + 1

# What is sent to /Users, and what it is answered.
POSTED: list[tuple[str, bytes, int]] = [
    ("no JSON", b"{", 400),
    ("nothing", b"", 400),
    ("no object", b"[]", 400),
    ("a text", b'"eve"', 400),
    ("a number that has no end", b"1" * 100_000, 400),
    ("nested deep", DEEP + b"[" * 500 + b"]" * 500 + b"}", 400),
    ("nested deeper than any stack", DEEP + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}", 400),
    ("objects nested deeper than any stack", b'{"a":' * 500_000 + b"1" + b"}" * 500_000, 400),
    ("a NUL", b'{"userName":"a\\u0000b"}', 400),
    ("a raw NUL", b'{"userName":"a\x00b"}', 400),
    ("half of a pair", b'{"userName":"a\\ud800b"}', 400),
    ("no UTF-8", b'{"userName":"a\xff\xfeb"}', 400),
    ("UTF-16", '{"userName":"eve"}'.encode("utf-16"), 400),
    ("NaN", b'{"userName":NaN}', 400),
    ("no name", b'{"":1,"userName":""}', 400),
]


@BOTH
def test_bodies(attacked: Attacked, strict: bool) -> None:
    wire = attacked.wires[strict]
    for what, body, status in POSTED:
        assert wire.send("POST", "/Users", body).status == status, what
    for number in (b"1e999", b"-1e999", b"1" * 5000, b"123456789012345678901234567890", b"0.1", b"-0"):
        body = b'{"schemas":["%s"],"userName":"n%d","title":%s}' % (USER.encode(), len(number) + number[0], number)
        assert wire.send("POST", "/Users", body).status in (201, 400)
    twice = b'{"schemas":["%s"],"userName":"one","userName":"two"}' % USER.encode()
    assert wire.send("POST", "/Users", twice).status in (201, 400)
    marked = wire.send("POST", "/Users", b"\xef\xbb\xbf" + PERSON)
    assert marked.status in (201, 400), "a byte order mark"


def test_what_a_request_comes_with(attacked: Attacked) -> None:
    """Encodings, lengths, chunks, headers that come twice."""
    wire = attacked.wires[False]
    for coding in (b"gzip", b"deflate", b"br", b"identity, gzip", b"x" * 1000):
        assert (
            wire.send("POST", "/Users", gzip.compress(PERSON), headers=((b"Content-Encoding", coding),)).status == 415
        )
    for kind in (
        b"text/plain",
        b"application/xml",
        b"application/scim+json; charset=utf-16",
        b"\xff\xfe",
        b";;;=",
        b"/",
    ):
        assert wire.send("POST", "/Users", PERSON, headers=((b"Content-Type", kind),)).status == 415
    chunked = ((b"Transfer-Encoding", b"chunked"),)
    parts = b"".join(b"%x\r\n%c\r\n" % (1, each) for each in PERSON) + b"0\r\n\r\n"
    assert wire.send("POST", "/Users", parts, headers=chunked, length=False).status == 201
    assert wire.send("POST", "/Users", b"zz\r\n\r\n", headers=chunked, length=False).status == 400
    wire.close()
    assert (
        wire.send("POST", "/Users", b"", headers=((b"Content-Type", b"application/json"),), length=False).status == 400
    )
    assert wire.send("POST", "/Users", PERSON, headers=((b"Content-Length", b"5"),)).status == 400, "two lengths"
    wire.close()
    for length in (b"-1", b"x", b"1e3", b"9" * 40):
        assert wire.send("POST", "/Users", PERSON, headers=((b"Content-Length", length),), length=False).status in (
            400,
            413,
        )
        wire.close()
    assert wire.send("POST", "/Users", b" " * LARGE).status == 413
    wire.close()
    large = b"%x\r\n" % LARGE + b" " * LARGE + b"\r\n0\r\n\r\n"
    assert wire.send("POST", "/Users", large, headers=chunked, length=False).status == 413
    wire.close()
    twice = (
        (b"Content-Type", b"application/json"),
        (b"Content-Type", b"text/plain"),
        (b"Accept", b"\xff"),
        (b"Accept", b""),
    )
    assert wire.send("PUT", f"/Users/{attacked.ids[False][0]}", PERSON, headers=twice).status in (200, 409, 415)
    for match in (b"*", b"W/", b'"', b"\xff", b'W/"1", W/"2"', b"x" * 20_000):
        for name in (b"If-Match", b"If-None-Match"):
            assert wire.send("GET", f"/Users/{attacked.ids[False][0]}", headers=((name, match),)).status in (
                200,
                304,
                412,
            )
    assert wire.send("GET", "/Users", headers=((b"X-More", b"x" * 40_000),)).status == 431
    wire.close()
    assert wire.send("GET", "/Users", headers=tuple((b"X-%d" % each, b"") for each in range(200))).status == 431
    wire.close()


@BOTH
def test_methods(attacked: Attacked, strict: bool) -> None:
    """HEAD is a GET without a body (RFC 9110 §9.3.2); what is not allowed says what is (§15.5.6)."""
    wire, (ada, eng) = attacked.wires[strict], attacked.ids[strict]
    for place in (f"/Users/{ada}", f"/Groups/{eng}", "/Users", "/Groups?count=0", "/", "/ServiceProviderConfig",
                  "/Schemas", "/Users/nobody", "/nothing", "/Me", "/Users?filter=x"):  # fmt: skip
        head, got = wire.send("HEAD", place), wire.send("GET", place)
        assert (head.status, head.body) == (got.status, b"")
        for name in ("content-type", "etag", "content-length"):
            assert head.headers.get(name) == got.headers.get(name), (place, name)
    for method in ("OPTIONS", "TRACE", "PROPFIND", "LOCK", "PURGE"):
        for place in (f"/Users/{ada}", "/Users", "/Bulk", "/.search", "/Schemas", "/"):
            answer = wire.send(method, place)
            assert (answer.status, "allow" in answer.headers) == (405, True), (method, place)
    for method in ("get", "BREW", "G" * 5000, "\x00", "GET\x00"):
        assert wire.send(method, "/Users").status in (400, 405)
        wire.close()
    for method in ("PUT", "PATCH", "DELETE"):
        assert wire.send(method, "/Users", PERSON).status == 405
    assert wire.send("POST", f"/Users/{ada}", PERSON).status == 405
    assert wire.send("GET", "/Users", PERSON).status == 200, "a GET may have a body, which says nothing"


PATHS = ["//", "/Users//", "/Users/%00", "/Users/%ff%fe", "/Users/\udcff", "/Users/..%2f..%2fetc",
    "/users/../Groups", "/%",
         "/Users/%", "/Users/%zz", "/Users/%ed%a0%80", "/Users/" + "x" * 8000, "/Users/" + "%2f" * 2000,
         "/Groups/%0d%0aX: y",
         "/Schemas/urn:%00", "/ResourceTypes/%ff", "/users/ada/more", "/users/.search/x", "/Bulk/x", "/Users/😀",
         "/;a=b",
         "/Users/a?b?c", "/Users#x", "/Users/" + "/" * 5000, "/.SEARCH", "/users/",
         "/Users/'; DROP TABLE scim_resource; --",
         "/Users/%27%3b%20--"]  # fmt: skip
QUERIES = ["?", "?&", "?&&=", "?=x", "?filter", "?filter=", "?filter=%00", "?filter=%ff", "?filter=%ed%a0%80",
    "?filter=%22",
           "?filter=userName%20eq%20%22%ff%22", "?filter=" + "(" * 5000, "?filter=" + "not%20(" * 2000,
           "?filter=" + "a%20and%20" * 3000, "?filter=" + "x" * 9000, "?filter=title%20eq%201e999", "?count=%00",
           "?count=-1",
           "?filter=title%20pr%20and%20" * 500, "?count=1e9", "?count=" + "9" * 5000, "?startIndex=" + "9" * 40,
           "?startIndex=-" + "9" * 30, "?count=٣", "?startIndex=0x10", "?cursor=%00", "?cursor=%ff",
           "?cursor=" + "A" * 9000,
           "?cursor=&startIndex=1", "?sortBy=%00", "?sortBy=meta", "?sortBy=emails",
           "?sortBy=userName&sortOrder=%00",
           "?attributes=%00", "?attributes=" + ",".join(["a.b"] * 3000), "?attributes=%ff,,,",
           "?excludedAttributes=" + "," * 9000,
           "?attributes=urn:", "?filter=userName%20eq%20%22a%22&filter=x", "?FILTER=x", "?" + "a=b&" * 5000,
           "?aadOptscim062020",
           "?filter=emails%5btype%20eq%20%22" + "%5b" * 1000, "?filter=" + "%F0%9F%98%80" * 600]  # fmt: skip


@BOTH
def test_addresses(attacked: Attacked, strict: bool) -> None:
    wire = attacked.wires[strict]
    for path in PATHS:
        for method in ("GET", "DELETE", "PATCH"):
            answer = wire.send(method, path, PERSON if method == "PATCH" else None)
            assert answer.status < 500, path
    for query in QUERIES:
        for place in ("/Users", "/Groups", "/", "/Schemas", f"/Users/{attacked.ids[strict][0]}"):
            assert wire.send("GET", place + query).status < 500, query
    assert wire.send("GET", "/Users?filter=" + "x" * 40_000).status == 414
    wire.close()


def test_very_many_operations(attacked: Attacked) -> None:
    wire, (ada, eng) = attacked.wires[False], attacked.ids[False]
    for place, name in ((f"/Users/{ada}", "title"), (f"/Groups/{eng}", "displayName")):
        asked: dict[str, Any] = {
            "schemas": [f"{MESSAGES}PatchOp"],
            "Operations": [{"op": "replace", "path": name, "value": "x"}] * 10_000,
        }
        assert wire.send("PATCH", place, dumped(asked)).status in (200, 204), "as many as there may be"
        asked["Operations"] = [*asked["Operations"], {"op": "remove", "path": "title"}]
        assert wire.send("PATCH", place, dumped(asked)).status == 413
    bulk = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "x"}}
    asked = {"schemas": [f"{MESSAGES}BulkRequest"], "Operations": [bulk] * 10_000}
    assert wire.send("POST", "/Bulk", dumped(asked)).status == 413
    members = {"schemas": [GROUP], "displayName": "Eng", "members": [{"value": f"m{each}"} for each in range(50_000)]}
    assert wire.send("PUT", f"/Groups/{eng}", dumped(members)).status == 200
    wide = {"schemas": [USER], "userName": "wide", **{f"a{each}": each for each in range(50_000)}}
    assert wire.send("POST", "/Users", dumped(wide)).status in (201, 400)
