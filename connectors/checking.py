"""`rosterd check`: every feature that a sync uses is tried by itself, so that one refusal hides nothing else.

What lives here: which steps there are, in which order, and which of them end the check. What does not: how a vendor is
asked (a `Probe`: okta_check.py, entra_check.py, google_check.py) and the sentences (findings.py, permissions.py).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from connectors import findings
from connectors.base import ConnectorError, Finding, NotReadable, Opened, Refused, Unavailable
from connectors.clocks import Clock, of_clock
from connectors.permissions import Need, of_refusal
from connectors.transport import Transport
from reconciler.groups import resolve
from reconciler.model import DirectoryGroup, DirectoryUser, Evidence, MembersSeen, Observation, UserGone, Wanted

T = TypeVar("T")

SECONDS = 60.0  # that one step may take
PAGES = 25  # of people, at most: read on while that tells whether there are as many as there were
GROUPS = 20  # whose members are tried, at most


@dataclass(frozen=True)
class Signed:
    """How the client came in: what its token is known to carry (None: it does not say) and what it was refused."""

    granted: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    words: str = ""  # what is to be said about it
    proven: bool = True  # or only once a request has been answered


@dataclass(frozen=True)
class People:
    """A page of people, and whether there is another."""

    users: tuple[DirectoryUser, ...]
    more: bool


@dataclass(frozen=True)
class Names:
    """Attributes that the directory has; `whole` when there are no others."""

    known: frozenset[str] = frozenset()
    whole: bool = False


@dataclass(frozen=True)
class Extra:
    """A step that only some vendors have, by the name of what it needs; a Finding that it returns is told."""

    need: str
    run: Callable[[], Awaitable[object]]


class Probe(Protocol):
    """How one vendor is asked for each feature. Everything may raise ConnectorError."""

    @property
    def vendor(self) -> str: ...

    @property
    def signed(self) -> bool:
        """Whether the client signs with the time of this machine's clock."""
        ...

    @property
    def needs(self) -> Mapping[str, Need]: ...

    @property
    def fine(self) -> Mapping[str, str]:
        """What is said under a heading ("leavers", "changes") when all of it works."""
        ...

    def lacks(self, error: ConnectorError) -> bool:
        """Whether a permission is missing (and not, say, the API switched off)."""
        ...

    async def sign_in(self, clock: Clock) -> Signed: ...

    def people(self, attributes: frozenset[str]) -> AsyncGenerator[People, None]: ...

    def groups(self) -> AsyncGenerator[Sequence[DirectoryGroup], None]: ...

    def members(self, group: str) -> AsyncGenerator[MembersSeen, None]: ...

    async def person(self, external_id: str) -> Observation: ...

    def extras(self, read: Collection[str], someone: str) -> Iterable[Extra]:
        """Steps of this vendor only; `read` are those that worked ("people", "groups"), `someone` is the id of a person
        who is there, "" when nobody is."""
        ...

    def places(self) -> Iterable[tuple[str, str]]:
        """(attribute as configured, where it is), for those that are elsewhere or known by a longer name."""
        ...

    async def names(self) -> Names: ...


class _Over(Exception):
    """The directory does not answer, or does not accept the credentials: nothing else can be learned."""


@dataclass
class Check:
    """One check of one directory; `found` grows step by step and never shrinks."""

    probe: Probe
    transport: Transport
    wanted: Wanted
    opened: Opened
    found: list[Finding] = field(default_factory=list)
    signed: Signed = Signed()
    refused: dict[str, Refused] = field(default_factory=dict)  # attributes that the directory does not accept

    def __post_init__(self) -> None:
        self.clock = Clock(self.opened.clock)
        self.expected = self.opened.expected
        self.seconds = min(self.opened.deadline, SECONDS)

    async def run(self) -> list[Finding]:
        """All findings; raises no ConnectorError."""
        self.transport.watch = self.clock.note
        try:
            await self._sign_in()
            someone = await self._people()
            groups = await self._groups()
            await self._members(groups or ())
            await self._leavers(someone)
            read = {name for name, worked in (("people", someone), ("groups", groups is not None)) if worked}
            await self._extras([*self.probe.extras(read, someone)], {"leavers"} if someone else set())
        except _Over:
            pass  # what ended it is among the findings
        finally:
            self.transport.watch = None
        self._add("clock", of_clock(self.clock.offset, self.probe.vendor, signed=self.probe.signed))
        return self.found

    def _add(self, feature: str, found: Iterable[Finding]) -> None:
        self.found += [replace(each, feature=feature) for each in found]

    # -- one step -------------------------------------------------------------------------------------------------

    async def _try(self, feature: str, run: Callable[[], Awaitable[T]]) -> T | None:
        """What `run` says; None when it was refused, which is then a finding.

        Raises:
            _Over: nothing else needs to be tried.
        """
        need = self.probe.needs[feature]
        if not self._may(feature):
            return None
        self.transport.begin(self.seconds)
        try:
            return await run()
        except ConnectorError as exc:
            self._fail(need, exc)
            return None

    def _may(self, feature: str) -> bool:
        """Whether the sign-in left the permission for it; if not, that is a finding."""
        need = self.probe.needs[feature]
        if need.scope.name in self.signed.refused:
            self._add(need.feature, [of_refusal(need, self.signed.granted, None)])
            return False
        return True

    def _fail(self, need: Need, exc: ConnectorError) -> None:
        if self.probe.lacks(exc):
            self._add(need.feature, [of_refusal(need, self.signed.granted, exc)])
        else:
            self._add(need.feature, [findings.of_failure(need, exc)])
        if _nobody_answers(exc) or exc.status == 401:
            raise _Over

    # -- the steps ------------------------------------------------------------------------------------------------

    async def _sign_in(self) -> None:
        self.transport.begin(self.seconds)
        try:
            self.signed = await self.probe.sign_in(self.clock)
        except ConnectorError as exc:
            self._add("sign-in", [findings.of_sign_in(exc, self.clock, self.probe)])
            raise _Over from exc
        if self.signed.proven:
            self._add("sign-in", [Finding("ok", "signed_in", self.signed.words)])

    async def _people(self) -> str:
        """Reads people, and says what became of the configured attributes; the id of one of them."""
        read = await self._try("people", self._read_accepted)
        if read is None:
            return ""
        users, more = read
        if not self.signed.proven:
            self._add("sign-in", [Finding("ok", "signed_in", self.signed.words)])
        self._add(
            "people", findings.of_people(users, self.expected, more=more, narrowed=self.probe.needs["people"].narrowed)
        )
        if users:
            await self._attributes(users)
        return users[0].external_id if users else ""

    async def _read_accepted(self) -> tuple[list[DirectoryUser], bool]:
        """People with all attributes that the directory accepts; the others are in `refused` then."""
        attributes = self.wanted.attributes
        try:
            return await self._read_people(attributes)
        except Refused as exc:
            if not attributes or self.probe.lacks(exc) or exc.status == 401:
                raise
        for name in sorted(attributes):
            try:
                async with aclosing(self.probe.people(frozenset({name}))) as pages:
                    await anext(pages)
            except Refused as exc:
                self.refused[name] = exc
        return await self._read_people(attributes - frozenset(self.refused))

    async def _read_people(self, attributes: frozenset[str]) -> tuple[list[DirectoryUser], bool]:
        """The first page, and further ones while these tell whether there are half as many as there were."""
        users: list[DirectoryUser] = []
        enough, count = (self.expected.people or 0) / 2, 0
        async with aclosing(self.probe.people(attributes)) as pages:
            async for page in pages:
                users += page.users
                count += 1
                if not page.more or (users and len(users) >= enough) or count >= PAGES:
                    return users, page.more
        return users, False

    async def _attributes(self, users: Sequence[DirectoryUser]) -> None:
        attributes, names = self.wanted.attributes, Names()
        if any(not any(name in user.attributes for user in users) for name in attributes):
            with suppress(ConnectorError):  # it only helps to name what is near
                names = await self.probe.names()
        told = [*findings.of_attributes(users, attributes, self.refused, names.known, whole=names.whole)]
        errors = [each.message for each in told if each.severity == "error"]
        wrong = {name for name in attributes if any(repr(name) in text for text in errors)}
        self._add("attributes", findings.of_places(self.probe.places(), attributes - wrong))
        self._add("attributes", told)

    async def _groups(self) -> list[DirectoryGroup] | None:
        async def read() -> list[DirectoryGroup]:
            async with aclosing(self.probe.groups()) as pages:
                return [group async for page in pages for group in page]

        groups = await self._try("groups", read)
        if groups is not None:
            self._add("groups", findings.of_groups(groups, self.wanted))
            narrowed = self.probe.needs["groups"].narrowed
            self._add("groups", findings.of_known("groups", len(groups), self.expected.groups, narrowed))
        return groups

    async def _members(self, groups: Sequence[DirectoryGroup]) -> None:
        ids = sorted({*resolve(self.wanted.groups, groups, self.wanted.bound).ids.values()})
        if not ids:
            return
        self.transport.begin(self.seconds)
        shown = findings.group_names(groups)
        tried = sorted(ids[:GROUPS], key=shown.__getitem__)
        answers = await asyncio.gather(*(self._count(group) for group in tried))
        counts = {shown[group]: one for group, one in zip(tried, answers, strict=True) if isinstance(one, str)}
        errors = {shown[group]: one for group, one in zip(tried, answers, strict=True) if not isinstance(one, str)}
        need = self.probe.needs["members"]
        if errors and not counts and all(map(self.probe.lacks, errors.values())):
            self._add("members", [of_refusal(need, self.signed.granted, next(iter(errors.values())))])
        else:
            self._add("members", findings.of_members(counts, errors, left=len(ids) - len(tried)))
        for error in errors.values():
            if _nobody_answers(error):
                raise _Over

    async def _count(self, group: str) -> str | ConnectorError:
        """How many members a group has, "more than" if they fill a page; or why they cannot be read."""
        count = 0
        try:
            async with aclosing(self.probe.members(group)) as pages:
                async for page in pages:
                    if count:
                        return f"more than {count}"
                    count += len(page.users) + len(page.groups)
        except ConnectorError as exc:
            return exc
        return str(count)

    async def _leavers(self, someone: str) -> None:
        """Whether somebody who is missing from a listing could be asked for."""
        if not someone:
            return
        answer = await self._try("by_id", lambda: self.probe.person(someone))
        if isinstance(answer, UserGone) and answer.evidence is Evidence.ABSENCE:
            self._add("leavers", [findings.of_contradiction(someone)])

    async def _extras(self, extras: Sequence[Extra], headings: set[str]) -> None:
        """The vendor's own steps; a heading under which all worked gets its one sentence."""
        for extra in extras:
            headings.add(self.probe.needs[extra.need].feature)
            told = await self._try(extra.need, extra.run)
            if isinstance(told, Finding):
                self._add(self.probe.needs[extra.need].feature, [told])
        for heading in sorted(headings, reverse=True):
            if not any(each.feature == heading for each in self.found):
                self._add(heading, [Finding("ok", f"{heading}_readable", self.probe.fine[heading])])


def _nobody_answers(exc: ConnectorError) -> bool:
    return isinstance(exc, Unavailable) and exc.status is None


def forbidden(exc: ConnectorError) -> bool:
    """What `Probe.lacks` is for vendors that say 403 for nothing else."""
    return isinstance(exc, Refused | NotReadable) and exc.status == 403


async def separately(names: Iterable[str], ask: Callable[[str], Awaitable[object]]) -> frozenset[str]:
    """Those of `names` that are granted when each is asked for by itself."""
    granted: set[str] = set()
    for name in names:
        try:
            await ask(name)
        except Refused:
            continue
        granted.add(name)
    return frozenset(granted)
