"""A vendor's page taken apart and put together again: its records, and the token of the page after it."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
from starlette.responses import Response

from rosterd.simulators.web import Call, answer

NEXT = {"google": "pageToken", "entra": "$skiptoken", "okta": "after"}  # the parameter that asks for a later page
_LINK = "@odata.nextLink"


@dataclass
class Page:
    """One 200 of a listing. `items` None leaves out the key that holds them; `rest` is what else the body says."""

    kind: str
    key: str
    call: Call
    response: Response
    items: list[Any] | None
    following: str | None
    rest: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, kind: str, holds: str, call: Call, response: Response) -> "Page":
        """`holds` is what the route holds: Google names the records after it."""
        body = msgspec.json.decode(bytes(response.body))
        key = holds if kind == "google" else "value"
        if kind == "okta":
            return cls(kind, key, call, response, body, _okta_next(response))
        items = body.pop(key, [])
        if kind == "google":
            return cls(kind, key, call, response, items, body.pop("nextPageToken", None), body)
        link = parse_qs(urlsplit(body.pop(_LINK, "")).query)
        return cls(kind, key, call, response, items, next(iter(link.get(NEXT[kind], [])), None), body)

    def answer(self) -> Response:
        """The page as an answer; headers that do not depend on the content stay."""
        moved = (b"content-length", b"content-type", *((b"link",) if self.kind == "okta" else ()))
        kept = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.response.raw_headers
            if name not in moved
        ]
        media = self.response.headers.get("content-type", "application/json")
        links = self._links() if self.kind == "okta" else []
        return answer(self._body(), headers=[*kept, *links], media=media)

    def link(self, token: str) -> str:
        """The address of this listing's page at a token."""
        query = {n: v for n, v in self.call.query.items() if n.lower() not in ("$skiptoken", "$deltatoken")}
        return self.call.link({**query, NEXT[self.kind]: token}, safe=",()=")

    def _body(self) -> object:
        if self.kind == "okta":
            return self.rest if self.items is None else self.items
        body = dict(self.rest)
        if self.items is not None and (self.items or self.kind == "entra"):
            body[self.key] = self.items
        if self.following is not None:
            body |= {_LINK: self.link(self.following)} if self.kind == "entra" else {"nextPageToken": self.following}
        return body

    def _links(self) -> list[tuple[str, str]]:
        links = [("link", f'<{self.call.link(self.call.query)}>; rel="self"')]
        return links if self.following is None else [*links, ("link", f'<{self.link(self.following)}>; rel="next"')]


def token_of(kind: str, call: Call) -> str:
    """The token of the page that is asked for, "" on the first page."""
    wanted = NEXT[kind].lower()
    return next((value for name, value in call.query.items() if name.lower() == wanted), "")


def _okta_next(response: Response) -> str | None:
    for name, value in response.raw_headers:
        if name == b"link" and b'rel="next"' in value:
            address = value.decode("latin-1").partition("<")[2].partition(">")[0]
            return dict(parse_qsl(urlsplit(address).query)).get("after")
    return None
