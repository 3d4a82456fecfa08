"""What changed in an Okta org since a moment of its own clock (facts §4.2; Okta's OpenAPI document, `filter`).

`lastUpdated` of a person moves with profile and status, and such a filter includes DEPROVISIONED people, whom the bare
list leaves out; `lastMembershipUpdated` of a group moves with its members. What does not live here: asking (okta.py).
"""

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote

OVERLAP = dt.timedelta(
    minutes=5
)  # filters lag behind (okta-developer-docs #3782): the last minutes are asked for again
_FORMAT = "%Y-%m-%dT%H:%M:%S.000Z"


def instant(headers: Mapping[str, str]) -> str:
    """The answer's `Date`, the org's own clock, as Okta writes times; "" when there is none."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(dt.UTC).strftime(_FORMAT)
    except (ValueError, TypeError):
        return ""


def users_since(since: str) -> str:
    """The parameter that asks for people who changed since."""
    return _filter(f'lastUpdated gt "{_before(since)}"')


def groups_since(since: str) -> str:
    """The parameter that asks for groups that changed since, they or their members."""
    before = _before(since)
    return _filter(f'lastUpdated gt "{before}" or lastMembershipUpdated gt "{before}"')


def moved(stamps: Mapping[str, str], since: str) -> dict[str, str]:
    """The groups whose members changed since, or that do not say; times of one form compare as texts."""
    before = _before(since)
    return {group: stamp for group, stamp in stamps.items() if not stamp or stamp > before}


def _before(since: str) -> str:
    return (dt.datetime.strptime(since, _FORMAT).replace(tzinfo=dt.UTC) - OVERLAP).strftime(_FORMAT)


def _filter(expression: str) -> str:
    return f"&filter={quote(expression, safe='')}"
