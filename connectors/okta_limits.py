"""How fast Okta lets itself be read, and how much it gives at once (facts §5, §6; developer.okta.com, rl-global-mgmt).

What does not live here: what is asked for (okta.py), errors (okta_errors.py), and waiting (limits.py).
"""

import re

from connectors.answer import Answer, rate_limit_reset
from connectors.limits import Pace, Quota

FLOOR = 25  # records: a page so small that fails has another reason


def family(path: str) -> str:
    """The requests that Okta counts together with this one: the members of a group count with the list of groups, one
    group by its id does not. Nobody says with what the rest counts: each form of path by itself."""
    kind, *rest = path.partition("?")[0].removeprefix("/api/v1/").split("/")
    if kind == "groups" and rest[1:] == ["users"]:
        return "groups"
    return "/".join([kind, *(["id"] if rest else []), *rest[1:]])


def pace(answer: Answer) -> Pace | None:
    """What is left of this family's requests in this minute, for the whole org."""
    headers = answer.headers
    limit, remaining = headers.get("x-rate-limit-limit", ""), headers.get("x-rate-limit-remaining", "")
    if not (limit.isdecimal() and remaining.isdecimal()):
        return None
    seconds = rate_limit_reset(headers)
    return None if seconds is None else Pace(quota=Quota(int(limit), int(remaining), seconds))


_LIMIT = re.compile(r"(?<=[?&]limit=)\d+")


def smaller(url: str) -> str | None:
    """The same page with half as many records; None when it is as small as it gets.

    The cursor in it stays: Okta lets `limit` be used with `after`, and asks for a smaller one after a timeout (its
    OpenAPI document, listUsers and listGroups). The `next` link of the answer then carries the smaller limit on.
    """
    found = _LIMIT.search(url)
    if found is None or int(found[0]) <= FLOOR:
        return None
    return _LIMIT.sub(str(max(FLOOR, int(found[0]) // 2)), url)
