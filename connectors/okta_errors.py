"""What Okta's answers mean: the one table from errors to verdicts (facts §6).

What does not live here: what is asked for (okta.py), the sending (okta_sdk.py, transport.py), and how fast it goes
(okta_limits.py).
"""

from dataclasses import replace

import msgspec

from connectors.answer import Answer, rate_limit_reset, retry_after
from connectors.limits import Limit
from connectors.okta_sdk import TokenRefused
from connectors.paging import text
from connectors.transport import Action, Judge, Verdict

ROLE = "Security > Administrators: give the token's owner (or the app, Admin roles tab) Read-only Administrator"
_TOKEN = "Security > API > Tokens: create a new token from a service user and put it in place"  # noqa: S105
_APP = "Applications > the app > General > Client Credentials: compare the client ID and the public key"
SCOPES = "Applications > the app > Okta API Scopes > Grant, as a super administrator"
_DPOP = "set dpop = true, or untick 'Require DPoP header in token requests' under General > Proof of possession"
_ADMIN_HOST = "use the org's own address: without -admin in the host name"
_REPORT = "the request does not fit the org; compare the configured attributes with Directory > Profile Editor"

_BY_CODE = {
    "E0000006": (Action.PAUSE, ROLE),
    "E0000015": (Action.PAUSE, "the feature is not enabled for the org: ask Okta support"),
    "E0000011": (Action.RENEW, _TOKEN),
    "invalid_client": (Action.PAUSE, _APP),
    "unauthorized_client": (Action.PAUSE, _APP),
    "invalid_scope": (Action.PAUSE, SCOPES),
    "access_denied": (Action.PAUSE, SCOPES),
    "invalid_dpop_proof": (Action.PAUSE, _DPOP),
    "use_dpop_nonce": (Action.RENEW, _DPOP),
}
_BY_STATUS = {400: (Action.PAUSE, _REPORT), 401: (Action.RENEW, _TOKEN), 403: (Action.PAUSE, ROLE)}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    """Okta's answers and the package's errors as verdicts (facts: error taxonomy)."""
    if isinstance(outcome, Answer):
        return None if outcome.status == 200 else _judge_status(outcome, *_said(outcome.body))
    if isinstance(outcome, TokenRefused):
        return _judge_token(outcome.cause)
    return Verdict(Action.RETRY, f"no answer from Okta: {type(outcome).__name__} {outcome}".rstrip())


def judge_page(outcome: Answer | BaseException, judge: Judge) -> Verdict | None:
    """`judge`, of a page that can be asked for with fewer records: that it took too long is an answer (facts §6)."""
    slow = isinstance(outcome, Answer) and outcome.status == 500 and _said(outcome.body)[0] == "E0000009"
    return None if slow else judge(outcome)


def judge_group(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one group's members: a group that may not be seen, or is gone, does not stop the others."""
    verdict = judge(outcome)
    if verdict is not None and isinstance(outcome, Answer) and outcome.status in (403, 404):
        return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix)
    return verdict


def judge_by_id(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one object by id: only Okta's own "not found" is an answer, any other refusal is none."""
    verdict = judge(outcome)
    if verdict is None or not isinstance(outcome, Answer):
        return verdict
    if outcome.status == 404 and _said(outcome.body)[0] == "E0000007":
        return None
    return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix) if verdict.action is Action.PAUSE else verdict


def _judge_token(cause: Exception) -> Verdict:
    status = getattr(cause, "status", None)
    if not isinstance(status, int):
        return Verdict(Action.RETRY, f"no token from Okta: {type(cause).__name__}")
    code = str(getattr(cause, "error_code", ""))
    headers = getattr(cause, "headers", None) or getattr(cause, "response_headers", {})
    answer = Answer(status, {name.lower(): value for name, value in headers.items()}, b"")
    verdict = _judge_status(answer, code, str(getattr(cause, "error_summary", "")))
    if verdict.action is Action.RENEW and code != "use_dpop_nonce":
        return Verdict(Action.PAUSE, verdict.message, _APP)  # a refused token request is not cured by another token
    if verdict.limit is Limit.FAMILY:
        return replace(verdict, limit=Limit.DIRECTORY)  # no request goes without a token
    return verdict


def _judge_status(answer: Answer, code: str, summary: str) -> Verdict:
    status, headers = answer.status, answer.headers
    said = f"Okta answered {status} {code} {summary}".replace("  ", " ").rstrip()
    if status == 429:
        wait = retry_after(headers)
        # Limit and Remaining both 0 mean too many at once, where Reset is only an estimate (rl-best-practices).
        if headers.get("x-rate-limit-limit") == "0" and headers.get("x-rate-limit-remaining") == "0":
            return Verdict(Action.THROTTLE, said, wait=wait, limit=Limit.AT_ONCE)
        return Verdict(Action.THROTTLE, said, wait=rate_limit_reset(headers) if wait is None else wait)
    if status >= 500:
        return Verdict(Action.RETRY, said, wait=retry_after(headers))
    if 300 <= status < 400:
        return Verdict(Action.PAUSE, f"{said}: a redirect instead of an answer", _ADMIN_HOST)
    action, fix = _BY_CODE.get(code) or _BY_STATUS.get(status, (Action.PAUSE, "check that url is the org's address"))
    return Verdict(action, said, fix)


def _said(body: bytes) -> tuple[str, str]:
    """Okta's error code and sentence, "" where the body is something else."""
    try:
        error = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    if not isinstance(error, dict):
        return "", ""
    code = error.get("errorCode") or error.get("error")
    return text(code), text(error.get("errorSummary") or error.get("error_description"))
