"""Okta's pages: their JSON as far as it is read, and where the next one is. What a record means is okta.py."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.answer import Answer
from connectors.base import Malformed
from connectors.paging import decode, not_json, require_array

_NEXT = re.compile(r'<([^>]*)>\s*;[^,<]*\brel="?next\b')


def next_link(headers: Mapping[str, str]) -> str | None:
    """The `next` target of all `Link` headers (RFC 8288), wherever it stands among them; None on the last page."""
    found = _NEXT.search(headers.get("link", ""))
    return found[1] if found else None


def records(answer: Answer, request: str) -> list[Any]:
    """The list that a page is.

    Raises:
        Malformed: it is none.
    """
    return require_array(decode(answer, request), request)


class _OnlyId(msgspec.Struct, frozen=True):
    """All that is read of a group's members, who come as whole user objects."""

    id: str


_members = msgspec.json.Decoder(list[_OnlyId])


def member_ids(answer: Answer, group: str) -> tuple[str, ...]:
    """The members on a page of a group.

    Raises:
        Malformed: it is no list of them.
    """
    request = f"GET /api/v1/groups/{group}/users"
    try:
        return tuple([member.id for member in _members.decode(answer.body)])
    except msgspec.ValidationError as exc:
        raise Malformed(f"not a list of members: {exc}", request=request, status=answer.status) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise not_json(answer, request) from exc
