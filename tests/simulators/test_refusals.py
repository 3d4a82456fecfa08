"""Drills that answer in place of the vendor, or that it is too much."""

import base64
import email.utils
import json

import httpx
import pytest

from rosterd.simulators import Simulator
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.breaking import LISTS, PEOPLE, broken, code, fitting, flat, listing
from tests.simulators.clients import entra_form, google_form, okta_form

# -- in place of the vendor ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "media"),
    [("html_200", 200, "text/html"), ("bad_gateway", 502, "text/html"), ("error_500", 500, "application/json"),
     ("error_503", 503, "application/json"), ("revoked", 401, "application/json"),
     ("forbidden", 403, "application/json")],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_another_answer(kind: Kind, name: str, status: int, media: str) -> None:
    with broken(kind, name) as (simulator, http):
        for path in (LISTS[kind]["users"], LISTS[kind]["user"].format(next(iter(simulator.world.people)))):
            answer = http.get(path)
            # Google's finish() would make JSON of everything
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, media)
            assert answer.text.startswith("<!DOCTYPE html>" if media == "text/html" else "{")
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("google", "revoked", "authError"), ("google", "forbidden", "forbidden"), ("google", "error_503", "backendError"),
     ("entra", "revoked", "InvalidAuthenticationToken"), ("entra", "forbidden", "Authorization_RequestDenied"),
     ("okta", "revoked", "E0000011"), ("okta", "forbidden", "E0000006"), ("okta", "error_500", "E0000009")],
)  # fmt: skip
def test_what_the_vendor_says(kind: Kind, name: str, said: str) -> None:
    with broken(kind, name) as (_, http):
        assert code(http.get(LISTS[kind]["users"])) == said


def test_a_claims_challenge_comes_once() -> None:
    with broken("entra", "claims_challenge") as (_, http):
        refused = http.get("/v1.0/users")
        claims = base64.b64decode(refused.headers["www-authenticate"].partition('claims="')[2].rstrip('"'))
        assert (refused.status_code, list(json.loads(claims)["access_token"])) == (401, ["nbf"])
        assert http.get("/v1.0/users").status_code == 200


def ask_token(simulator: Simulator) -> httpx.Response:
    path, form = {
        "google": ("/token", google_form),
        "entra": (f"/{simulator.world.tenant}/oauth2/v2.0/token", entra_form),
        "okta": ("/oauth2/v1/token", okta_form),
    }[simulator.kind]
    return httpx.post(simulator.url + path, data=form(simulator))


@pytest.mark.parametrize(
    ("kind", "name"), fitting("invalid_client", "unauthorized_client", "invalid_grant", "invalid_scope")
)
def test_the_token_is_refused(kind: Kind, name: str) -> None:
    with broken(kind, name) as (simulator, http):
        answer = ask_token(simulator)
        assert (answer.json()["error"], answer.status_code) == (
            name,
            answer.status_code if answer.status_code in (400, 401) else 0,
        )
        assert len(flat(listing(kind, http))) == PEOPLE  # a token that was given before still works
        simulator.no_fault(name)
        assert ask_token(simulator).status_code == 200


@pytest.mark.parametrize(("kind", "name"), fitting("token_503", "token_html"))
def test_the_token_endpoint_is_in_trouble(kind: Kind, name: str) -> None:
    with broken(kind, name, times=1) as (simulator, _):
        answer = ask_token(simulator)
        assert answer.status_code == {"token_503": 503, "token_html": 200}[name]
        assert answer.text.startswith("<!DOCTYPE html>")
        assert ask_token(simulator).status_code == 200


def test_the_wire_of_the_token_endpoint_can_break_too() -> None:
    with broken("entra", "drop", route="/token", times=1) as (entra, http):
        assert len(flat(listing("entra", http))) == PEOPLE
        with pytest.raises(httpx.RemoteProtocolError):
            ask_token(entra)


# -- too many requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "status", "said", "headers"),
    [
        ("google", "rate_429", 429, "rateLimitExceeded", {"retry-after": None}),
        ("google", "rate_403_user", 403, "userRateLimitExceeded", {}),
        ("google", "rate_403_quota", 403, "quotaExceeded", {}),
        ("entra", "rate_429", 429, "TooManyRequests", {"retry-after": "1"}),
        ("entra", "rate_429_decimal", 429, "TooManyRequests", {"retry-after": "0.128"}),
        ("entra", "rate_429_absent", 429, "TooManyRequests", {"retry-after": None}),
        ("entra", "rate_429_long", 429, "TooManyRequests", {"retry-after": "300"}),
        ("okta", "rate_429", 429, "E0000047", {"x-rate-limit-limit": "600", "x-rate-limit-remaining": "0"}),
        ("okta", "rate_429_concurrency", 429, "E0000047", {"x-rate-limit-limit": "0", "x-rate-limit-remaining": "0"}),
    ],
)
def test_too_many_requests(kind: Kind, name: str, status: int, said: str, headers: dict[str, str | None]) -> None:
    with broken(kind, name) as (_, http):
        answers = [http.get(LISTS[kind]["users"]) for _ in range(3)]
    assert (answers[0].status_code, code(answers[0])) == (status, said)
    assert {header: answers[0].headers.get(header) for header in headers} == headers
    assert [a.status_code for a in answers] == [status, status, status if name == "rate_429_long" else 200]


def test_a_date_to_come_back_at() -> None:
    with broken("entra", "rate_429_date") as (_, http):
        answer = http.get("/v1.0/users")
    told = [email.utils.parsedate_to_datetime(answer.headers[name]) for name in ("date", "retry-after")]
    assert (told[1] - told[0]).total_seconds() == 1
    assert answer.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"


def test_okta_says_when_its_bucket_is_full_again() -> None:
    with broken("okta", "rate_429") as (_, http):
        answer = http.get("/api/v1/users")
    now = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert int(answer.headers["x-rate-limit-reset"]) == now + 1
    assert answer.headers.get_list("x-rate-limit-limit") == ["600"]


def test_near_the_limit() -> None:
    with broken("entra", "near_limit") as (_, http):
        assert http.get("/v1.0/users").headers["x-ms-throttle-limit-percentage"] == "1.2"
    with broken("okta", "near_limit") as (_, http):
        answer = http.get("/api/v1/users")
        assert answer.headers.get_list("x-rate-limit-remaining") == ["3"]
        assert answer.status_code == 200
