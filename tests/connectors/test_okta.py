"""Okta's records, error table, links and configuration, on recorded answers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from connectors.answer import Answer
from connectors.base import Opened, Refused
from connectors.limits import Limit, Pace, Quota
from connectors.okta import Config, open, to_group, to_user, users_path  # noqa: A004
from connectors.okta_errors import judge, judge_group
from connectors.okta_limits import family, pace, smaller
from connectors.okta_sdk import TokenRefused
from connectors.okta_wire import next_link
from connectors.transport import Action
from reconciler.model import DirectoryGroup, DirectoryUser, UserState

RECORDED = Path(__file__).parent / "fixtures" / "okta"
DATE = "Sat, 21 Nov 2026 10:00:00 GMT"

SINCE = "2026-06-01T08:00:00.000Z"


def recorded(name: str) -> Any:
    return msgspec.json.decode((RECORDED / name).read_bytes())


def answer(status: int, code: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, msgspec.json.encode({"errorCode": code, "errorSummary": "Said so"}))


# -- records ------------------------------------------------------------------------------------------------------


def test_a_user_is_trimmed_and_carries_the_attributes_that_are_used() -> None:
    assert to_user(recorded("users.json")[0], ("jamie_role", "languages", "absent")) == DirectoryUser(
        external_id="00ub0oNGTSWTBKOLGLNR",
        state=UserState.ACTIVE,
        user_name="isaac.brock@example.com",
        email="Isaac.Brock@example.com",
        given_name="Isaac",
        family_name="Brock",
        title="Director",
        department="Music",
        manager="Ada Lovelace",
        attributes={"jamie_role": "admin", "languages": ["en", "fr"]},
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("ACTIVE", UserState.ACTIVE),
        ("RECOVERY", UserState.ACTIVE),
        ("PASSWORD_EXPIRED", UserState.ACTIVE),
        ("LOCKED_OUT", UserState.ACTIVE),
        ("SUSPENDED", UserState.SUSPENDED),
        ("DEPROVISIONED", UserState.GONE),
        ("STAGED", UserState.PENDING),
        ("PROVISIONED", UserState.PENDING),
        ("ACTIVATING", UserState.UNKNOWN),
        ("active", UserState.UNKNOWN),
        (None, UserState.UNKNOWN),
    ],
)
def test_states(status: str | None, state: UserState) -> None:
    assert to_user({"id": "00u1", "status": status, "profile": {}}).state is state


@pytest.mark.parametrize("raw", [{"id": "00u1"}, {"id": "00u1", "profile": None}])
def test_a_user_without_anything_is_unknown_and_nameless(raw: dict[str, Any]) -> None:
    assert to_user(raw) == DirectoryUser(external_id="00u1", state=UserState.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "off_since"),
    [("ACTIVE", ""), ("LOCKED_OUT", ""), ("STAGED", ""), ("NEW", ""), ("SUSPENDED", SINCE), ("DEPROVISIONED", SINCE)],
)
def test_since_when_somebody_is_off(status: str, off_since: str) -> None:
    assert to_user({"id": "1", "status": status, "statusChanged": SINCE}).off_since == off_since
    assert to_user({"id": "1", "status": status, "statusChanged": None}).off_since == ""


def test_an_id_is_required() -> None:
    with pytest.raises(KeyError):
        to_user({"status": "ACTIVE", "profile": {}})
    with pytest.raises(KeyError):
        to_group({"profile": {"name": "x"}})


def test_a_group_is_named_by_its_profile() -> None:
    assert to_group(recorded("groups.json")[0]) == DirectoryGroup("00g1emaKYZTWRYYRRTSK", "West Coast Users")


# -- requests -----------------------------------------------------------------------------------------------------


def test_only_the_profile_keys_that_are_used_are_asked_for() -> None:
    path = users_path({"jamie_role", "title"})
    assert path.startswith("/api/v1/users?limit=200&fields=profile:(login,email,")
    assert path.endswith(",manager,jamie_role),status,statusChanged")
    assert path.count("title") == 1


@pytest.mark.parametrize("name", ["a,b", "a)", "profile.x", "", "a&limit=1", "ü"])
def test_an_attribute_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        users_path({name})


SELF = '<https://acme.okta.com/api/v1/users?limit=200>; rel="self"'
NEXT = '<https://acme.okta.com/api/v1/users?after=cur%2B1&limit=200>; rel="next"'


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"{SELF}, {NEXT}", True),
        (f"{NEXT}, {SELF}", True),
        (f"{NEXT},{SELF}", True),
        (NEXT.replace('"', ""), True),
        (NEXT.replace("; rel", ' ; title="x" ;rel'), True),
        (SELF, False),
        ("", False),
    ],
)
def test_the_next_link_is_found_wherever_it_stands(link: str, found: bool) -> None:
    url = "https://acme.okta.com/api/v1/users?after=cur%2B1&limit=200"
    assert next_link({"link": link}) == (url if found else None)


# -- what answers mean --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [
        (302, "", Action.PAUSE),
        (400, "E0000001", Action.PAUSE),
        (400, "E0000031", Action.PAUSE),
        (401, "E0000011", Action.RENEW),
        (401, "E0000005", Action.RENEW),
        (403, "E0000006", Action.PAUSE),
        (403, "E0000015", Action.PAUSE),
        (404, "E0000007", Action.PAUSE),
        (429, "E0000047", Action.THROTTLE),
        (500, "E0000009", Action.RETRY),
        (502, "", Action.RETRY),
        (503, "", Action.RETRY),
        (504, "", Action.RETRY),
    ],
)
def test_answers(status: int, code: str, action: Action) -> None:
    verdict = judge(answer(status, code))
    assert verdict is not None
    assert (verdict.action, str(status) in verdict.message, code in verdict.message) == (action, True, True)
    assert verdict.fix or action in (Action.RETRY, Action.THROTTLE)


def test_a_success_is_no_verdict() -> None:
    assert judge(Answer(200, {}, b"[]")) is None
    assert judge_group(Answer(200, {}, b"[]")) is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_single_group_is_skipped(status: int) -> None:
    verdict = judge_group(answer(status, "E0000006"))
    assert verdict is not None
    assert verdict.action is Action.SKIP_ITEM


def test_what_okta_says_is_told_with_the_way_out() -> None:
    verdict = judge(Answer(403, {}, (RECORDED / "error_403.json").read_bytes()))
    assert verdict is not None
    assert "E0000006 You do not have permission to perform the requested action" in verdict.message
    assert "Read-only Admin" in verdict.fix


LIMIT = {"date": DATE, "x-rate-limit-limit": "600", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "1795255242"}


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (LIMIT, 42.0),
        (LIMIT | {"retry-after": "3"}, 3.0),
        ({}, None),
    ],
)
def test_how_long_a_throttle_lasts(headers: dict[str, str], wait: float | None) -> None:
    verdict = judge(answer(429, "E0000047", headers))
    assert verdict is not None
    assert (verdict.wait, verdict.limit) == (wait, Limit.FAMILY)


def test_too_many_at_once_is_told_from_too_many_a_minute() -> None:
    verdict = judge(answer(429, "E0000047", LIMIT | {"x-rate-limit-limit": "0"}))
    assert verdict is not None
    assert (verdict.wait, verdict.limit) == (None, Limit.AT_ONCE)  # Reset is only an estimate


def test_a_throttled_token_request_concerns_all_requests() -> None:
    verdict = judge(TokenRefused(Said(429, "E0000047", LIMIT)))
    assert verdict is not None
    assert (verdict.action, verdict.wait, verdict.limit) == (Action.THROTTLE, 42.0, Limit.DIRECTORY)


class Said(Exception):
    """What the package returns for a refused token request."""

    def __init__(self, status: int | None, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__("said")
        self.status = status
        self.error_code = code
        self.error_summary = "said so"
        self.headers = headers or {}


@pytest.mark.parametrize(
    ("cause", "action"),
    [
        (Said(401, "invalid_client"), Action.PAUSE),
        (Said(400, "invalid_scope"), Action.PAUSE),
        (Said(400, "invalid_dpop_proof"), Action.PAUSE),
        (Said(403, "access_denied"), Action.PAUSE),
        (Said(401, "E0000011"), Action.PAUSE),
        (Said(429, "E0000047", {"Retry-After": "2"}), Action.THROTTLE),
        (Said(503), Action.RETRY),
        (OSError("unreachable"), Action.RETRY),
    ],
)
def test_refused_token_requests(cause: Exception, action: Action) -> None:
    verdict = judge(TokenRefused(cause))
    assert verdict is not None
    assert verdict.action is action
    assert verdict.wait == (2.0 if action is Action.THROTTLE else None)


def test_a_lost_connection_is_tried_again() -> None:
    verdict = judge(TimeoutError())
    assert verdict is not None
    assert (verdict.action, verdict.message) == (Action.RETRY, "no answer from Okta: TimeoutError")


# -- configuration ------------------------------------------------------------------------------------------------

TOKEN = {"env": "OKTA_TOKEN"}
KEY = {"file": "okta.pem"}


@pytest.mark.parametrize(
    "keys",
    [
        {"token": TOKEN},
        {"client_id": "0oa1", "private_key": KEY},
        {"client_id": "0oa1", "private_key": KEY, "key_id": "k1", "dpop": True},
        {"token": TOKEN, "endpoint": "http://127.0.0.1:9000"},
    ],
)
def test_configurations_that_work(keys: dict[str, Any]) -> None:
    assert Config(url="https://acme.okta.com/", **keys).url == "https://acme.okta.com"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either token, or client_id"),
        ({"token": TOKEN, "client_id": "0oa1", "private_key": KEY}, "either token"),
        ({"client_id": "0oa1"}, "either token"),
        ({"token": "00secret"}, "never a literal"),
        ({"token": TOKEN, "url": "http://acme.okta.com"}, "https://"),
        ({"token": TOKEN, "endpoint": "http://10.0.0.1"}, "https://"),
        ({"token": TOKEN, "user": "x"}, "Extra inputs"),
    ],
)
def test_configurations_that_do_not(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config(**{"url": "https://acme.okta.com", **keys})


def test_a_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OKTA_TOKEN", raising=False)
    with pytest.raises(Refused, match="OKTA_TOKEN is not set"):
        open(Config.model_validate({"url": "https://acme.okta.com", "token": TOKEN}), Opened("acme"))


@pytest.mark.parametrize(
    "key", ["no key", "{not json", '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}']
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_sent(key: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(key)
    config = Config.model_validate(
        {"url": "https://acme.okta.com", "client_id": "0oa1", "private_key": {"file": str(file)}}
    )
    with pytest.raises(Refused, match="cannot be used") as raised:
        open(config, Opened("acme"))
    assert "RSA" in raised.value.fix
    assert key not in str(raised.value)


def test_closing_what_never_opened_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TOKEN", "00x")
    config = Config.model_validate({"url": "https://acme.okta.com", "token": TOKEN})
    asyncio.run(open(config, Opened("acme")).close())


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://acme-admin.okta.com", "https://acme.okta.com"),
        ("https://acme-admin.okta.com/admin/dashboard", "https://acme.okta.com"),
        ("https://acme-dev-Admin.oktapreview.com/", "https://acme-dev.oktapreview.com"),
        ("https://acme-admin.okta-emea.com", "https://acme.okta-emea.com"),
    ],
)
def test_the_address_of_the_admin_console_is_refused_with_the_orgs_own(url: str, own: str) -> None:
    with pytest.raises(ValidationError, match="Admin Console") as told:
        Config.model_validate({"url": url, "token": {"env": "T"}})
    assert told.value.errors()[0]["ctx"]["fix"] == f"write {own}"


def test_an_org_may_be_called_admin() -> None:
    for url in ("https://admin.okta.com", "https://sso-admin.acme.com"):
        assert Config.model_validate({"url": url, "token": {"env": "T"}}).url == url


# -- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("/api/v1/users?limit=200&filter=id%20eq%20%22a/b%22", "users"),
        ("/api/v1/users/00u1", "users/id"),
        ("/api/v1/users/00u1/groups", "users/id/groups"),
        ("/api/v1/groups?limit=200", "groups"),
        ("/api/v1/groups/00g1/users?limit=1000", "groups"),
        ("/api/v1/groups/00g1", "groups/id"),
    ],
)
def test_what_okta_counts_together(path: str, counted: str) -> None:
    assert family(path) == counted


LEFT = {"date": DATE, "x-rate-limit-limit": "600", "x-rate-limit-remaining": "80", "x-rate-limit-reset": "1795255242"}


def test_what_is_left_is_read_from_the_answer() -> None:
    assert pace(Answer(200, LEFT, b"")) == Pace(quota=Quota(600, 80, 42.0))


@pytest.mark.parametrize("lacking", LEFT)
def test_an_answer_that_does_not_say_what_is_left(lacking: str) -> None:
    assert pace(Answer(200, {name: value for name, value in LEFT.items() if name != lacking}, b"")) is None
    assert pace(Answer(200, LEFT | {lacking: "soon"}, b"")) is None


@pytest.mark.parametrize(
    ("url", "half"),
    [
        ("/users?limit=200&fields=x", "/users?limit=100&fields=x"),
        ("/users?after=cur%2B1&limit=200", "/users?after=cur%2B1&limit=100"),
        ("/users?limit=1000", "/users?limit=500"),
        ("/users?limit=31", "/users?limit=25"),
        ("/users?limit=25", None),
        ("/users?after=limit=200", None),
        ("/users/00u1", None),
    ],
)
def test_a_page_of_half_the_records(url: str, half: str | None) -> None:
    assert smaller(url) == half
