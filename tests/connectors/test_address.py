"""Which addresses are spoken to."""

import pytest
from pydantic_core import PydanticCustomError

from connectors.address import base_address, same_origin
from connectors.base import Malformed


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://acme.okta.com", "https://acme.okta.com"),
        ("https://acme.okta.com/", "https://acme.okta.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://localhost", "http://localhost"),
        ("http://127.8.8.8", "http://127.8.8.8"),
    ],
)
def test_https_and_loopback(given: str, address: str) -> None:
    assert base_address(given) == address


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("http://acme.okta.com", "insecure_url"),
        ("http://0.0.0.0", "insecure_url"),
        ("http://localhost.acme.com", "insecure_url"),
        ("http://127.0.0.1.evil.com", "insecure_url"),
        ("acme.okta.com", "bad_url"),
        ("ftp://127.0.0.1", "bad_url"),
        ("https://", "bad_url"),
        ("https://[::1", "bad_url"),
        ("https://user:pw@acme.okta.com", "bad_url"),
        ("https://acme.okta.com?x=1", "bad_url"),
        ("", "bad_url"),
    ],
)
def test_everything_else_is_refused_with_a_code_a_way_out_and_without_the_address(given: str, code: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        base_address(given)
    said = caught.value.context or {}
    assert said["code"] == code
    assert said["fix"]
    assert not any(part in str(caught.value) for part in ("acme", "evil", "pw"))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://graph.microsoft.com/v1.0/users?$skiptoken=x", "https://graph.microsoft.com"),
        ("https://graph.microsoft.com:443/v1.0/users", "https://graph.microsoft.com"),
        ("https://GRAPH.microsoft.com/v1.0/users", "https://graph.microsoft.com"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1"),
    ],
)
def test_links_that_stay(url: str, base: str) -> None:
    assert same_origin(url, base, "GET /users") == url


@pytest.mark.parametrize(
    "url",
    ["https://evil.com/v1.0/users", "http://graph.microsoft.com/v1.0/users", "https://graph.microsoft.com:8443/x",
     "https://graph.microsoft.com@evil.com/x", "//graph.microsoft.com/x", "/v1.0/users"],
)  # fmt: skip
def test_links_that_lead_elsewhere(url: str) -> None:
    with pytest.raises(Malformed, match="next page"):
        same_origin(url, "https://graph.microsoft.com", "GET /users")
