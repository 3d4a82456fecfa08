"""What Google's answers mean: the one table from errors to verdicts (facts §6).

What does not live here: what is asked for (google.py), and the sending (google_sdk.py, transport.py).
"""

import ssl

import msgspec

from connectors.answer import Answer, retry_after
from connectors.google_sdk import SCOPES
from connectors.limits import Limit
from connectors.paging import text
from connectors.transport import Action, Verdict

DELEGATE = (
    "admin.google.com > Security > Access and data control > API controls > Manage Domain Wide Delegation: the "
    "Client ID is the digits of client_id in the key file, the OAuth scopes are "
    f"{', '.join(SCOPES)}; a change can take up to 24 hours"
)
_SUBJECT = (
    "check that subject is the address of an active admin who has signed in once, that the key is still listed under "
    "console.cloud.google.com > IAM & Admin > Service accounts > Keys, and that this machine's clock is right"
)
_ENABLE = (
    "console.cloud.google.com, in the service account's project: APIs & Services > Library > Admin SDK API > Enable; "
    "it takes minutes"
)
ROLE = (
    "admin.google.com > Account > Admin roles: give the subject a role with the admin API privileges "
    "Users > Read and Groups > Read"
)
_QUOTA = "console.cloud.google.com > APIs & Services > Admin SDK API > Quotas: raise the quota of the day"
_ALLOW = "admin.google.com > Security > Access and data control > API controls: allow API access to this domain"
_REQUEST = "check customer, and the attributes: Schema.field, as under Directory > Users > Manage custom attributes"
_PROXY = "check endpoint, and whether a proxy answers in Google's place"
_TRUST = "trust the authority of the proxy in between: HTTPLIB2_CA_CERTS names a file of certificates"

_BY_REASON = {
    "userRateLimitExceeded": (Action.THROTTLE, ""),
    "rateLimitExceeded": (Action.THROTTLE, ""),
    "quotaExceeded": (Action.THROTTLE, ""),
    "RATE_LIMIT_EXCEEDED": (Action.THROTTLE, ""),
    "dailyLimitExceeded": (Action.PAUSE, _QUOTA),
    "accessNotConfigured": (Action.PAUSE, _ENABLE),
    "SERVICE_DISABLED": (Action.PAUSE, _ENABLE),
    "domainCannotUseApis": (Action.PAUSE, _ALLOW),
    "insufficientPermissions": (Action.PAUSE, DELEGATE),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (Action.PAUSE, DELEGATE),
}
_BY_STATUS = {
    401: (Action.RENEW, _SUBJECT),
    403: (Action.PAUSE, ROLE),
    408: (Action.RETRY, ""),
    410: (Action.RESYNC, ""),
    429: (Action.THROTTLE, ""),
}
_BY_TOKEN_ERROR = {"unauthorized_client": DELEGATE, "invalid_scope": DELEGATE, "access_denied": DELEGATE}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    """Google's answers and the libraries' errors as verdicts (facts: error taxonomy)."""
    if isinstance(outcome, BaseException):
        return _judge_error(outcome)
    if 200 <= outcome.status < 300:
        return None
    reasons, said = _said(outcome.body)
    return _judge_status(outcome, next((reason for reason in reasons if reason in _BY_REASON), ""), reasons, said)


def judge_item(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one group or person: what may not be seen (another company's group), or is gone, stops only itself.

    A 403 that has a reason of its own, too many requests for one, is about the whole directory here too.
    """
    verdict = judge(outcome)
    if verdict is None or not isinstance(outcome, Answer) or outcome.status not in (403, 404):
        return verdict
    if not _BY_REASON.keys().isdisjoint(_said(outcome.body)[0]):
        return verdict
    return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix)


def judge_by_id(outcome: Answer | BaseException) -> Verdict | None:
    """The same when one thing is asked for by id: Google's own "notFound" is an answer, no other refusal is."""
    if isinstance(outcome, Answer) and outcome.status == 404 and "notFound" in _said(outcome.body)[0]:
        return None
    return _about_this_one(outcome)


def judge_member(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one membership: "notFound" names the parameter, and only of the member it says who is not in."""
    if isinstance(outcome, Answer) and outcome.status == 404:
        reasons, sentence = _said(outcome.body)
        if "notFound" in reasons and "memberKey" in sentence:
            return None
    return _about_this_one(outcome)


def _about_this_one(outcome: Answer | BaseException) -> Verdict | None:
    verdict = judge_item(outcome)
    if verdict is not None and verdict.action is Action.PAUSE and isinstance(outcome, Answer):
        return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix)
    return verdict


def _judge_status(answer: Answer, reason: str, reasons: list[str], said: str) -> Verdict:
    message = f"Google answered {answer.status} {reason or ' '.join(reasons[:1])} {said}".replace("  ", " ").rstrip()
    if answer.status >= 500:
        return Verdict(Action.RETRY, message, wait=retry_after(answer.headers))
    if answer.status == 400 and "pagetoken" in said.casefold().replace(" ", ""):
        return Verdict(Action.RESYNC, message)
    if answer.status < 400:
        return Verdict(Action.PAUSE, f"{message}: a redirect instead of an answer", _PROXY)
    action, fix = _BY_REASON.get(reason) or _BY_STATUS.get(answer.status, (Action.PAUSE, _REQUEST))
    if action is not Action.THROTTLE:
        return Verdict(action, message, fix)
    limit = _limit(answer.status, reason, reasons)
    return Verdict(action, message, fix, retry_after(answer.headers), limit)


def _limit(status: int, reason: str, reasons: list[str]) -> Limit:
    """Too many at once, of the whole account: 403 quotaExceeded and 429 rateLimitExceeded. Newer errors say beside the
    old reason that it was the quota of a minute."""
    minute = "RATE_LIMIT_EXCEEDED" in reasons or reason == "userRateLimitExceeded"
    at_once = not minute and (status == 429 or reason == "quotaExceeded")
    return Limit.AT_ONCE if at_once else Limit.FAMILY


def _said(body: bytes) -> tuple[list[str], str]:
    """The reasons of an error, old form (`errors`) and new (`details`), and its sentence; empty when it is not one."""
    try:
        error = msgspec.json.decode(body)["error"]
        reasons = [text(item.get("reason")) for item in (*error.get("errors", ()), *error.get("details", ()))]
        return [reason for reason in reasons if reason], text(error.get("message"))[:300]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return [], ""


def _judge_error(error: BaseException) -> Verdict:
    from google.auth.exceptions import RefreshError

    if isinstance(error, RefreshError):
        body = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
        message = f"no token from Google: {str(error.args[0])[:300]}"
        if error.retryable:  # tells more than the class: a 503 is a RefreshError too (§6)
            return Verdict(Action.RETRY, message)
        return Verdict(Action.PAUSE, message, _BY_TOKEN_ERROR.get(text(body.get("error")), _SUBJECT))
    if isinstance(error, ssl.SSLCertVerificationError):
        return Verdict(Action.PAUSE, f"the server's certificate is not trusted: {error}"[:300], _TRUST)
    return Verdict(Action.RETRY, f"no answer from Google: {type(error).__name__} {error}"[:300].rstrip())
