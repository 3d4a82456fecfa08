"""SCIM errors: the body of RFC 7644 §3.12, whatever is refused."""

import msgspec

from connectors.scim.errors import SCHEMA, ScimError, error_body
from connectors.scim.exchange import refused


def test_the_status_is_a_string_and_the_type_is_named() -> None:
    body = msgspec.json.decode(error_body(409, "userName is taken", "uniqueness"))
    assert body == {"schemas": [SCHEMA], "status": "409", "scimType": "uniqueness", "detail": "userName is taken"}


def test_where_the_status_says_it_all_there_is_no_type() -> None:
    assert "scimType" not in msgspec.json.decode(error_body(404, "there is no /Users/0"))


def test_an_error_has_a_content_type_and_its_own_headers() -> None:
    response = refused(ScimError(405, "no", headers=(("Allow", "GET"),)), "application/json")
    assert response.headers == (("Content-Type", "application/json"), ("Allow", "GET"))
