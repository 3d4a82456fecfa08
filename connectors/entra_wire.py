"""The JSON of Microsoft Graph's pages as far as it is read. What a record means is entra.py, a round of delta
entra_delta.py."""

from typing import Any

import msgspec

from connectors.answer import Answer
from connectors.base import Malformed
from connectors.entra_delta import DeltaPage
from connectors.paging import not_json


class Page(msgspec.Struct, frozen=True):
    """A collection's page; `value` must be there, an empty page may have a successor."""

    value: list[Any]
    following: str | None = msgspec.field(name="@odata.nextLink", default=None)


class Member(msgspec.Struct, frozen=True):
    """All that is read of a member: its other properties are null where permission is missing (limited-info.md)."""

    id: str
    kind: str = msgspec.field(name="@odata.type")


class MembersPage(msgspec.Struct, frozen=True):
    """A page of a group's members."""

    value: list[Member]
    following: str | None = msgspec.field(name="@odata.nextLink", default=None)


PAGE = msgspec.json.Decoder(Page)
MEMBERS_PAGE = msgspec.json.Decoder(MembersPage)
DELTA_PAGE = msgspec.json.Decoder(DeltaPage)
ONE = msgspec.json.Decoder(dict[str, Any])


def decoded(answer: Answer, decoder: msgspec.json.Decoder[Any], request: str) -> Any:
    """The body as `decoder` reads it.

    Raises:
        Malformed: it is no JSON, or not what Graph documents.
    """
    try:
        return decoder.decode(answer.body)
    except msgspec.ValidationError as exc:
        raise Malformed(f"not the page that Graph documents: {exc}", request=request, status=200) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise not_json(answer, request) from exc
