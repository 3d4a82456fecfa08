"""Entra's records, error table and configuration, on recorded answers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from connectors.answer import Answer
from connectors.base import Opened, Refused
from connectors.entra import Config, open, to_group, to_user, users_path  # noqa: A004
from connectors.entra_errors import judge, judge_by_id, judge_group, pace
from connectors.entra_sdk import TokenRefused
from connectors.transport import Action
from reconciler.model import DirectoryGroup, DirectoryUser, UserState

RECORDED = Path(__file__).parent / "fixtures" / "entra"


def recorded(name: str) -> Any:
    return msgspec.json.decode((RECORDED / name).read_bytes())["value"]


def answer(status: int, code: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, msgspec.json.encode({"error": {"code": code, "message": "Said so"}}))


# -- records ------------------------------------------------------------------------------------------------------


def test_a_user_is_trimmed_and_carries_the_attributes_that_are_used() -> None:
    attributes = (
        "extension_0f1e_jamie_role",
        "onPremisesExtensionAttributes.extensionAttribute1",
        "onPremisesExtensionAttributes.extensionAttribute2",
        "department.x",
        "absent",
    )
    assert to_user(recorded("users.json")[0], {name: name for name in attributes}) == DirectoryUser(
        external_id="6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0",
        state=UserState.ACTIVE,
        user_name="ConfRm@contoso.com",
        email="Conf.Room@contoso.com",
        given_name="Adams",
        display_name="Conf Room Adams",
        title="Room",
        department="Facilities",
        attributes={
            "extension_0f1e_jamie_role": "admin",
            "onPremisesExtensionAttributes.extensionAttribute1": "editor",
        },
    )


@pytest.mark.parametrize(
    ("place", "state", "email", "guest"),
    [
        (1, UserState.SUSPENDED, "off@contoso.com", False),
        (2, UserState.ACTIVE, "", True),
        (3, UserState.UNKNOWN, "who@contoso.com", False),
        (4, UserState.UNKNOWN, "new@contoso.com", False),
    ],
)
def test_states_addresses_and_guests(place: int, state: UserState, email: str, guest: bool) -> None:
    user = to_user(recorded("users.json")[place])
    assert (user.state, user.email, user.guest) == (state, email, guest)


@pytest.mark.parametrize("enabled", ["true", 1, "", None])
def test_only_true_and_false_say_something(enabled: Any) -> None:
    assert to_user({"id": "1", "accountEnabled": enabled}).state is UserState.UNKNOWN


def test_an_id_is_required() -> None:
    with pytest.raises(KeyError):
        to_user({"accountEnabled": True})
    with pytest.raises(KeyError):
        to_group({"displayName": "x"})


def test_a_group() -> None:
    assert to_group(recorded("groups.json")[0]) == DirectoryGroup(
        "02bd9fd6-8f93-4758-87c3-1fb73740a315", "HR Taskforce"
    )


def test_only_the_properties_that_are_used_are_selected() -> None:
    path = users_path({"onPremisesExtensionAttributes.extensionAttribute1", "extension_ab_role", "department"})
    selected = path.partition("$select=")[2].partition("&")[0].split(",")
    assert "accountEnabled" in selected
    assert selected[-2:] == ["extension_ab_role", "onPremisesExtensionAttributes"]
    assert len(set(selected)) == len(selected)
    assert path.endswith("&$top=999")


def test_a_manager_is_expanded_and_not_selected() -> None:
    """Graph refuses a navigation property in $select."""
    path = users_path({"manager.displayName", "jobTitle"})
    assert path.endswith("&$top=999&$expand=manager($select=id,displayName,mail,userPrincipalName)")
    assert "manager" not in path.partition("$select=")[2].partition("&")[0]
    raw = {"id": "1", "accountEnabled": True, "manager": {"id": "2", "displayName": "Grace Hopper"}}
    assert to_user(raw, {"manager.displayName": "manager.displayName"}).attributes == {
        "manager.displayName": "Grace Hopper"
    }


@pytest.mark.parametrize("name", ["a,b", "", ".x", "a&$top=1", "ü", "a b"])
def test_an_attribute_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        users_path({name})


# -- what answers mean --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [
        (302, "", Action.PAUSE),
        (400, "Request_BadRequest", Action.PAUSE),
        (400, "Request_UnsupportedQuery", Action.PAUSE),
        (400, "Directory_ExpiredPageToken", Action.RESYNC),
        (400, "syncStateNotFound", Action.RESYNC),
        (401, "InvalidAuthenticationToken", Action.RENEW),
        (403, "Authorization_RequestDenied", Action.PAUSE),
        (404, "Request_ResourceNotFound", Action.PAUSE),
        (410, "resyncRequired", Action.RESYNC),
        (410, "", Action.RESYNC),
        (429, "TooManyRequests", Action.THROTTLE),
        (500, "InternalServerError", Action.RETRY),
        (501, "NotImplemented", Action.PAUSE),
        (502, "", Action.RETRY),
        (503, "serviceNotAvailable", Action.RETRY),
        (504, "", Action.RETRY),
        (509, "", Action.RETRY),
    ],
)
def test_answers(status: int, code: str, action: Action) -> None:
    verdict = judge(answer(status, code))
    assert verdict is not None
    assert (verdict.action, str(status) in verdict.message, code in verdict.message) == (action, True, True)


@pytest.mark.parametrize("status", [429, 503, 509])
def test_a_decimal_hint_is_honoured(status: int) -> None:
    verdict = judge(answer(status, "", {"retry-after": "2.128"}))
    assert verdict is not None
    assert (verdict.action, verdict.wait) == (Action.THROTTLE, 2.128)


def test_a_success_is_no_verdict() -> None:
    assert judge(Answer(200, {}, b"{}")) is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_single_group_is_skipped(status: int) -> None:
    verdict = judge_group(answer(status))
    assert verdict is not None
    assert verdict.action is Action.SKIP_ITEM


def test_what_graph_says_is_told_with_the_way_out() -> None:
    verdict = judge(Answer(403, {}, (RECORDED / "error_403.json").read_bytes()))
    assert verdict is not None
    assert "Authorization_RequestDenied Insufficient privileges" in verdict.message
    assert "Grant admin consent" in verdict.fix


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "x"}', b"\xff"])
def test_an_error_without_graphs_words(body: bytes) -> None:
    verdict = judge(Answer(502, {}, body))
    assert verdict is not None
    assert verdict.message == "Microsoft Graph answered 502"


@pytest.mark.parametrize(
    ("refused", "action", "fix"),
    [
        (TokenRefused(401, {}, "invalid_client", "AADSTS7000215: Invalid client secret"), Action.PAUSE, "Value"),
        (TokenRefused(401, {}, "invalid_client", "AADSTS7000222: keys are expired"), Action.PAUSE, "expired"),
        (TokenRefused(400, {}, "unauthorized_client", "AADSTS700016: Application not found"), Action.PAUSE, "both ids"),
        (TokenRefused(400, {}, "invalid_request", "AADSTS90002: Tenant not found"), Action.PAUSE, "both ids"),
        (TokenRefused(400, {}, "invalid_scope", ""), Action.PAUSE, "both ids"),
        (TokenRefused(503, {"retry-after": "4"}, "", ""), Action.RETRY, ""),
        (TokenRefused(429, {"retry-after": "4"}, "", ""), Action.THROTTLE, ""),
        (TokenRefused(403, {}, "", "a gateway's page"), Action.RETRY, ""),
        (TokenRefused(None, {}, "", "ServiceRequestError: no route"), Action.RETRY, ""),
    ],
)  # fmt: skip
def test_refused_token_requests(refused: TokenRefused, action: Action, fix: str) -> None:
    verdict = judge(refused)
    assert verdict is not None
    assert (verdict.action, fix in verdict.fix) == (action, True)
    assert verdict.wait == (4.0 if "retry-after" in refused.headers else None)


@pytest.mark.parametrize(
    ("used", "seconds"), [(None, 0.0), ("0.79", 0.0), ("0.8", 1.0), ("1.0", 3.0), ("1.8", 10.0), ("?", 0.0)]
)
def test_a_budget_that_is_nearly_used_slows_down(used: str | None, seconds: float) -> None:
    headers = {} if used is None else {"x-ms-throttle-limit-percentage": used}
    found = pace(Answer(200, headers, b""))
    assert (0.0 if found is None else found.wait) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("status", "code", "action"),
    [
        (404, "Request_ResourceNotFound", None),
        (404, "ResourceNotFound", None),
        (404, "", Action.SKIP_ITEM),
        (403, "Authorization_RequestDenied", Action.SKIP_ITEM),
        (400, "Request_BadRequest", Action.SKIP_ITEM),
        (401, "InvalidAuthenticationToken", Action.RENEW),
        (503, "", Action.RETRY),
    ],
)
def test_one_person_is_absent_only_by_graphs_own_word(status: int, code: str, action: Action | None) -> None:
    verdict = judge_by_id(answer(status, code))
    assert (None if verdict is None else verdict.action) is action


# -- configuration ------------------------------------------------------------------------------------------------

IDS = {"tenant_id": "11111111-2222", "client_id": "33333333-4444"}
SECRET = {"env": "ENTRA_SECRET"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "one of client_secret, certificate"),
        ({"client_secret": SECRET, "certificate": SECRET}, "one of client_secret, certificate"),
        ({"client_secret": SECRET, "managed_identity": True}, "one of client_secret, certificate"),
        ({"federated_token_file": "token", "client_id": None}, "client_id is missing"),
        ({"client_secret": "literal"}, "never a literal"),
        ({"client_secret": SECRET, "authority": "http://login.example.com"}, "https://"),
        ({"client_secret": SECRET, "endpoint": "http://graph.example.com"}, "https://"),
        ({"client_secret": SECRET, "tenant_id": ""}, "at least 1"),
    ],
)
def test_configurations_that_do_not_work(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate({**IDS, **keys})


@pytest.mark.parametrize("keys", [{"certificate": SECRET}, {"client_secret": SECRET, "tenant_id": "not/a tenant"}])
def test_credentials_that_cannot_be_used_are_refused_before_anything_is_sent(
    keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTRA_SECRET", "no certificate")

    async def start() -> None:
        with pytest.raises(Refused, match="cannot be used") as raised:
            open(Config.model_validate({**IDS, **keys}), Opened("acme"))
        assert "no certificate" not in str(raised.value)

    asyncio.run(start())


@pytest.mark.parametrize("authority", [None, "https://login.microsoftonline.us", "http://127.0.0.1:1"])
def test_opening_sends_nothing_and_closing_leaves_nothing(
    authority: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTRA_SECRET", "x")

    async def start() -> None:
        config = Config.model_validate({**IDS, "client_secret": SECRET, "authority": authority})
        await open(config, Opened("acme")).close()

    asyncio.run(start())
