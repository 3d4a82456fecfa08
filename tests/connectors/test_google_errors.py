"""Google: what answers mean."""

import ssl
from typing import Any

import pytest
from google.auth.exceptions import RefreshError, TransportError

from connectors.answer import Answer
from connectors.google_errors import judge, judge_item
from connectors.limits import Limit
from connectors.transport import Action, Verdict
from tests.connectors.google_answers import error, ok, recorded


@pytest.mark.parametrize(
    ("name", "of_list", "of_item", "fix"),
    [
        ("expired token", Action.RENEW, Action.RENEW, "subject"),
        ("not an admin", Action.PAUSE, Action.SKIP_ITEM, "Admin roles"),
        ("api not enabled", Action.PAUSE, Action.PAUSE, "Admin SDK API > Enable"),
        ("domain has no API", Action.PAUSE, Action.PAUSE, "API controls"),
        ("scope missing", Action.PAUSE, Action.PAUSE, "Domain Wide Delegation"),
        ("user rate", Action.THROTTLE, Action.THROTTLE, ""),
        ("rate", Action.THROTTLE, Action.THROTTLE, ""),
        ("concurrency", Action.THROTTLE, Action.THROTTLE, ""),
        ("rate, new form", Action.THROTTLE, Action.THROTTLE, ""),
        ("day", Action.PAUSE, Action.PAUSE, "quota"),
        ("too many", Action.THROTTLE, Action.THROTTLE, ""),
        ("too many, no reason", Action.THROTTLE, Action.THROTTLE, ""),
        ("group gone", Action.PAUSE, Action.SKIP_ITEM, ""),
        ("page token", Action.RESYNC, Action.RESYNC, ""),
        ("page token, other words", Action.RESYNC, Action.RESYNC, ""),
        ("field", Action.PAUSE, Action.PAUSE, "attributes"),
        ("customer", Action.PAUSE, Action.PAUSE, "customer"),
        ("gone", Action.RESYNC, Action.RESYNC, ""),
        ("backend", Action.RETRY, Action.RETRY, ""),
        ("internal", Action.RETRY, Action.RETRY, ""),
        ("timeout", Action.RETRY, Action.RETRY, ""),
        ("redirect", Action.PAUSE, Action.PAUSE, "proxy"),
    ],
)
def test_every_recorded_error_has_a_verdict(name: str, of_list: Action, of_item: Action, fix: str) -> None:
    verdict, of_one = judge(error(name)), judge_item(error(name))
    assert verdict is not None
    assert of_one is not None
    assert (verdict.action, of_one.action) == (of_list, of_item)
    assert fix in verdict.fix
    assert str(error(name).status) in verdict.message


def test_every_recorded_error_is_in_the_table() -> None:
    (mark,) = test_every_recorded_error_has_a_verdict.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in mark.args[1]} == set(recorded("errors.json"))


def test_a_hint_to_wait_is_kept() -> None:
    assert judge(error("too many", **{"retry-after": "2.5"})) == Verdict(
        Action.THROTTLE, "Google answered 429 rateLimitExceeded Rate Limit Exceeded", wait=2.5, limit=Limit.AT_ONCE
    )


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("user rate", Limit.FAMILY),
        ("rate", Limit.FAMILY),
        ("rate, new form", Limit.FAMILY),
        ("concurrency", Limit.AT_ONCE),
        ("too many", Limit.AT_ONCE),
        ("too many, no reason", Limit.AT_ONCE),
    ],
)
def test_too_many_at_once_is_told_from_too_many_a_minute(name: str, limit: Limit) -> None:
    verdict = judge(error(name))
    assert verdict is not None
    assert verdict.limit is limit


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'"x"', b'{"error": "x"}', b'{"error": {"errors": [1]}}'])
def test_an_error_that_is_not_googles_json(body: bytes) -> None:
    verdict = judge(Answer(502, {}, body))
    assert verdict is not None
    assert (verdict.action, verdict.message) == (Action.RETRY, "Google answered 502")


def test_a_success_has_no_verdict() -> None:
    assert judge(ok({})) is None


refused: Any = RefreshError  # google-auth's exceptions are not typed
unreachable: Any = TransportError


@pytest.mark.parametrize(
    ("failure", "action", "fix"),
    [
        (refused("unauthorized_client: no", {"error": "unauthorized_client"}), Action.PAUSE, "Wide Delegation"),
        (refused("invalid_scope: no", {"error": "invalid_scope"}), Action.PAUSE, "Wide Delegation"),
        (refused("invalid_grant: Invalid JWT Signature.", {"error": "invalid_grant"}), Action.PAUSE, "clock"),
        (refused("<html>"), Action.PAUSE, "subject"),
        (refused("the token endpoint answered 503", retryable=True), Action.RETRY, ""),
        (unreachable("Unable to find the server"), Action.RETRY, ""),
        (ConnectionResetError("reset"), Action.RETRY, ""),
        (TimeoutError("timed out"), Action.RETRY, ""),
        (ssl.SSLCertVerificationError("self-signed"), Action.PAUSE, "HTTPLIB2_CA_CERTS"),
    ],
)
def test_every_failure_of_the_libraries_has_a_verdict(failure: Exception, action: Action, fix: str) -> None:
    verdict = judge(failure)
    assert verdict is not None
    assert verdict.action is action
    assert fix in verdict.fix
