"""What Microsoft Graph's and Entra ID's answers mean: the one table from errors to verdicts (facts §6).

What does not live here: what is asked for (entra.py), and the sending (entra_sdk.py, transport.py).
"""

import re

import msgspec

from connectors.answer import Answer, retry_after
from connectors.entra_sdk import TokenRefused
from connectors.limits import Limit, Pace
from connectors.paging import text
from connectors.transport import Action, Verdict

CONSENT = (
    "App registrations > the app > API permissions: User.Read.All and GroupMember.Read.All as Application permissions, "
    "then Grant admin consent"
)
_SECRET = "Certificates & secrets > New client secret: copy the Value, not the Secret ID"  # noqa: S105
_IDS = "copy both ids again from the app's Overview page"
_SELECT = "Graph cannot list one of the configured attributes: compare them with the tenant's attribute names"
_CONDITIONS = "the token was withdrawn: look for a changed secret, a disabled app, or a Conditional Access policy"

_BY_CODE = {  # compared in lower case: the documents write some of them in both ways
    "authorization_requestdenied": (Action.PAUSE, CONSENT),
    "directory_expiredpagetoken": (Action.RESYNC, ""),
    "syncstatenotfound": (Action.RESYNC, ""),
    "resyncrequired": (Action.RESYNC, ""),
}
_ABSENT = ("request_resourcenotfound", "resourcenotfound")
_BY_STATUS = {
    400: (Action.PAUSE, _SELECT),
    401: (Action.RENEW, _CONDITIONS),
    403: (Action.PAUSE, CONSENT),
    410: (Action.RESYNC, ""),
    429: (Action.THROTTLE, ""),
    501: (Action.PAUSE, _SELECT),
    503: (Action.THROTTLE, ""),
    509: (Action.THROTTLE, ""),
}
# The decision follows `error`; the numbers, which clients should not branch on, only choose the advice.
_ADVICE = {
    "AADSTS7000215": _SECRET,
    "AADSTS7000222": f"the secret expired. {_SECRET}; a certificate lasts longer",
    "AADSTS700027": "upload the public part of this certificate under Certificates & secrets, and check the clock",
    "AADSTS700024": "the certificate's time is not now: check this machine's clock",
    "AADSTS700016": _IDS,
    "AADSTS90002": _IDS,
}


def judge(outcome: Answer | BaseException) -> Verdict | None:
    """Graph's answers, and failed token requests, as verdicts (facts: error taxonomy)."""
    if isinstance(outcome, Answer):
        return None if outcome.status == 200 else _judge_answer(outcome)
    if isinstance(outcome, TokenRefused):
        return _judge_token(outcome)
    return Verdict(Action.RETRY, f"no answer from Microsoft Graph: {type(outcome).__name__} {outcome}".rstrip())


def judge_group(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one group's members: a hidden or deleted group does not stop the others."""
    verdict = judge(outcome)
    if verdict is not None and isinstance(outcome, Answer) and outcome.status in (403, 404):
        return Verdict(
            Action.SKIP_ITEM, verdict.message, "a group with hidden members needs Member.Read.Hidden as well"
        )
    return verdict


def judge_by_id(outcome: Answer | BaseException) -> Verdict | None:
    """The same for one object by id: only Graph's own "does not exist" is an answer, any other refusal is none."""
    verdict = judge(outcome)
    if verdict is None or not isinstance(outcome, Answer):
        return verdict
    if outcome.status == 404 and _said(outcome.body)[0].casefold() in _ABSENT:
        return None
    return Verdict(Action.SKIP_ITEM, verdict.message, verdict.fix) if verdict.action is Action.PAUSE else verdict


def _judge_answer(answer: Answer) -> Verdict:
    status = answer.status
    code, sentence = _said(answer.body)
    said = " ".join(part for part in (f"Microsoft Graph answered {status}", code, sentence) if part)
    action, fix = _BY_CODE.get(code.casefold()) or _BY_STATUS.get(status) or (Action.PAUSE, "check `endpoint`")
    if status >= 500 and status not in _BY_STATUS:
        action, fix = Action.RETRY, ""
    wait = retry_after(answer.headers)
    if action is Action.THROTTLE and wait is None and status != 429:
        action = Action.RETRY
    return Verdict(action, said, fix, wait)


def _judge_token(refused: TokenRefused) -> Verdict:
    """By the answer, not by the class: a 503 of the token endpoint is no wrong secret."""
    said = f"no token from Entra ID: {refused.error} {refused.description}".rstrip()
    if refused.status is None or refused.status >= 500 or (refused.status != 429 and not refused.error):
        return Verdict(Action.RETRY, said, wait=retry_after(refused.headers))
    if refused.status == 429:
        return Verdict(Action.THROTTLE, said, wait=retry_after(refused.headers), limit=Limit.DIRECTORY)
    number = refused.description.partition(":")[0]
    return Verdict(Action.PAUSE, said, _ADVICE.get(number, f"{_IDS}; {_SECRET}"))


def _said(body: bytes) -> tuple[str, str]:
    """Graph's error code and sentence, "" where the body is something else."""
    try:
        error = msgspec.json.decode(body)["error"]
        return text(error["code"]), text(error["message"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return "", ""


def pace(answer: Answer) -> Pace | None:
    """A wait once most of the app's resource units in this tenant are in use: Graph tells only above 0.8 (facts §5).

    Units come back over ten seconds: after this wait 0.7 of them are in use.
    """
    text = answer.headers.get("x-ms-throttle-limit-percentage", "")
    if not _NUMBER.fullmatch(text) or (used := float(text)) < 0.8:
        return None
    return Pace(wait=min(10.0, 10 * (used - 0.7)))


_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,20})?", re.ASCII)
