"""Requests to Microsoft Graph: one object by id, the pages of a collection, a round of delta to its end.

What does not live here: what is asked for (entra.py), signing in and sending (entra_sdk.py), JSON (entra_wire.py).
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from connectors.address import same_origin
from connectors.entra_delta import DeltaPage, Round, endless, last_link
from connectors.entra_errors import judge, judge_by_id
from connectors.entra_sdk import Session
from connectors.entra_wire import DELTA_PAGE, ONE, MembersPage, Page, decoded
from connectors.paging import Endless, pages
from connectors.transport import Judge, Transport

_TOKEN = re.compile(r"\$(skip|delta)token=[^&]*&?", re.IGNORECASE)  # long, and means nothing to anybody


class Graph:
    """Graph at one base address, asked through a transport."""

    def __init__(self, base: str, session: Session, transport: Transport) -> None:
        self._base, self._session, self._transport = base, session, transport

    async def get_or_none(self, path: str) -> dict[str, Any] | None:
        """One object by id, None when Graph does not know it."""
        request = f"GET {path.partition('?')[0]}"
        answer = await self._transport.call(request, partial(self._session.get, self._base + path), judge_by_id)
        if answer.status == 404:
            return None
        found: dict[str, Any] = decoded(answer, ONE, request)
        return found

    async def pages(
        self, path: str, decoder: msgspec.json.Decoder[Any], judge: Judge = judge
    ) -> AsyncGenerator[Any, None]:
        """Every page of a collection, as `decoder` reads it.

        Raises:
            Malformed: it leads elsewhere, does not end, or is not what Graph documents.
        """
        url = path if path.startswith("http") else self._base + path
        request = "GET " + url.removeprefix(self._base).partition("?")[0]
        same_origin(url, self._base, request)

        def following(page: Page | MembersPage | DeltaPage) -> str | None:
            return None if page.following is None else same_origin(page.following, self._base, request)

        fetch = partial(self._get, decoder=decoder, judge=judge)
        async with aclosing(pages(url, fetch, following, request=request)) as found:
            async for page in found:
                yield page

    async def round(self, url: str, into: Round) -> str:
        """Reads a round of delta into `into`; where the next one begins.

        Raises:
            Resync: the token is void, or the round does not end.
        """
        request = "GET " + url.removeprefix(self._base).partition("?")[0]
        page = DeltaPage([])
        try:
            async with aclosing(self.pages(url, DELTA_PAGE)) as found:
                async for page in found:
                    for raw in page.value:
                        into.add(raw, request)
        except Endless as exc:
            raise endless(exc) from exc
        return same_origin(last_link(page, request), self._base, request)

    async def _get(self, url: str, decoder: msgspec.json.Decoder[Any], judge: Judge) -> Any:
        request = "GET " + _TOKEN.sub("", url.removeprefix(self._base)).rstrip("?&")
        answer = await self._transport.call(request, partial(self._session.get, url), judge)
        return decoded(answer, decoder, request)
