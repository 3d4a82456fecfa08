"""Push meets pull: what a directory told, judged by what a full read of the same directory lists.

One person at a time, and nothing is decided about them: a finding says what differs, never what to do. Nothing is
concluded from a short read, nor from what moved while the two were read. Who is whom on both sides is
store/audit.py; the run around it is rosterd/auditing.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from reconciler.model import FIELDS, DirectoryUser, Evidence, Frozen, UserState, key
from reconciler.policy import GroupView, Policy, address, described, desired_profile, out_of_scope

Code = Literal["lost_delete", "orphan", "missing", "different", "membership"]
CODES: tuple[Code, ...] = ("lost_delete", "orphan", "missing", "different", "membership")
# A client tells the manager as the id of a resource, or under a name: neither is what a directory's own reading says.
COMPARED = tuple(field for field in FIELDS if field != "manager")
OUTSIDE = "not in any of the groups that are provisioned"
_LEFT = {Evidence.TOMBSTONE: "deleted in the directory", Evidence.ABSENCE: "no longer in the directory"}


class Side(Frozen, frozen=True, gc=False):
    """A person as one of the two sides has them. `moving`: they changed too lately to be compared; `regrouped`: their
    memberships did."""

    user: DirectoryUser
    groups: tuple[str, ...] = ()
    evidence: Evidence | None = None
    moving: bool = False
    regrouped: bool = False


class Difference(Frozen, frozen=True, omit_defaults=False):
    """One field, or one group, as both sides have it."""

    name: str
    told: str
    directory: str


class Finding(Frozen, frozen=True, omit_defaults=False):
    """One difference between what was told and what the directory lists. `told` and `directory` are the person's id on
    either side, "" where they are not; a finding about a whole group has no person."""

    code: Code
    email: str
    told: str
    directory: str
    cause: str
    differences: tuple[Difference, ...] = ()


class Terms(Frozen, frozen=True):
    """What both sides are read with.

    `names` says what a group of the told side's policy is called in the other's; `untold` are those that no told group
    is; `unsettled` are names whose groups moved too lately. `fields` are the ones that both sides speak of. `whole`:
    the directory listed all its people.
    """

    told: Policy
    told_view: GroupView
    listed: Policy
    listed_view: GroupView
    names: dict[str, str] = {}
    untold: frozenset[str] = frozenset()
    unsettled: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset(COMPARED)
    whole: bool = True


class Verdict(Frozen, frozen=True):
    """What is found about one person. `inside`: they are in scope; `underway`: something differs that may still be on
    its way; `unjudged`: something may differ that a short read does not show."""

    findings: tuple[Finding, ...] = ()
    inside: bool = False
    underway: bool = False
    unjudged: bool = False


_OUTSIDE = Verdict()


def mentioned(policy: Policy) -> tuple[str, ...]:
    """Every field that people may be compared by under this policy."""
    return (*COMPARED, *sorted({mapping.to for mapping in policy.attributes} - {*FIELDS}))


def spoken(policy: Policy, people: Iterable[DirectoryUser]) -> frozenset[str]:
    """The fields that somebody has at all; looks no further once that is every field."""
    left = {*mentioned(policy)}
    found: set[str] = set()
    for user in people:
        has = {name for name, text in _fields(policy, described(policy, user)).items() if text}
        found |= has & left
        left -= has
        if not left:
            break
    return frozenset(found)


def compared(terms: Terms, told: Side, listed: Side | None) -> Verdict:
    """Judges somebody who was told by what the directory lists of them, None for nobody."""
    user = described(terms.told, told.user)
    refs = terms.told_view.refs_of(told.groups)
    if user.state in (UserState.GONE, UserState.UNKNOWN) or out_of_scope(terms.told, terms.told_view, user, refs):
        return _OUTSIDE
    if listed is None:
        unjudged = user.state is UserState.ACTIVE and not terms.whole
        return _settled(told, None, _orphan(terms, told), unjudged=unjudged)
    if user.state is UserState.ACTIVE:
        return _active(terms, told, listed)
    return _settled(told, listed, _held_back(terms, told, listed))


def untold(terms: Terms, listed: Side, *, left: bool) -> Verdict:
    """Judges somebody whom the directory lists and nobody tells; `left`: the client had told them, and deleted them."""
    user = described(terms.listed, listed.user)
    if user.state is not UserState.ACTIVE or not _inside(terms, user, listed):
        return _OUTSIDE
    cause = "active in the directory, deleted by its client" if left else "in the directory and in scope, never told"
    found = Finding("missing", address(user), "", user.external_id, cause)
    by_group = terms.listed.scope.groups or terms.told.scope.groups
    if listed.moving or (by_group and listed.regrouped):
        return Verdict(inside=True, underway=True)
    return Verdict((found,), inside=True)


def groups(terms: Terms) -> Iterator[Finding]:
    """What differs of groups as a whole: then nothing is said about each of their members."""
    for ref, name in sorted(terms.names.items()):
        if name in terms.unsettled:
            continue
        here, there = ref not in terms.untold, name in terms.listed_view.names and name not in terms.listed_view.gone
        if there and not here:
            deleted = "deleted by its client" if ref in terms.told_view.gone else "never told"
            cause = f'group "{name}" is in the directory, and was {deleted}'
            yield Finding("membership", "", "", "", cause, (Difference(name, "", "group"),))
        elif here and name in terms.listed_view.gone:
            cause = f'group "{name}" was deleted in the directory'
            yield Finding("membership", "", "", "", cause, (Difference(name, "group", ""),))


def _settled(told: Side, listed: Side | None, found: tuple[Finding, ...], *, unjudged: bool = False) -> Verdict:
    """Of what moves nothing is said yet."""
    if told.moving or (listed is not None and listed.moving):
        return Verdict(inside=True, underway=bool(found))
    return Verdict(found, inside=True, unjudged=unjudged)


def _finding(code: Code, told: Side, listed: Side | None, cause: str, *differences: Difference) -> Finding:
    directory = "" if listed is None else listed.user.external_id
    email = address(told.user) or told.user.user_name
    return Finding(code, email, told.user.external_id, directory, cause, differences)


def _orphan(terms: Terms, told: Side) -> tuple[Finding, ...]:
    if told.user.state is not UserState.ACTIVE or not terms.whole:
        return ()
    return (_finding("orphan", told, None, "the directory knows no such person"),)


def _held_back(terms: Terms, told: Side, listed: Side) -> tuple[Finding, ...]:
    """Somebody whom the client suspended."""
    user = described(terms.listed, listed.user)
    if user.state is not UserState.ACTIVE or not _inside(terms, user, listed):
        return ()
    return (_state(told, listed),)


def _state(told: Side, listed: Side) -> Finding:
    told_as, listed_as = told.user.state.value, listed.user.state.value
    cause = f"{told_as} as told, {listed_as} in the directory"
    return _finding("different", told, listed, cause, Difference("state", told_as, listed_as))


def _active(terms: Terms, told: Side, listed: Side) -> Verdict:
    """Somebody who was told and is active here."""
    match listed.user.state:
        case UserState.GONE:
            cause = _LEFT.get(listed.evidence or Evidence.ABSENCE, _LEFT[Evidence.ABSENCE])
            return _settled(told, listed, (_finding("lost_delete", told, listed, cause),))
        case UserState.SUSPENDED:
            return _settled(told, listed, (_finding("lost_delete", told, listed, "suspended in the directory"),))
        case UserState.PENDING:
            return _settled(told, listed, (_state(told, listed),))
        case UserState.UNKNOWN:
            return Verdict(inside=True, unjudged=True)
    outside = _unprovisioned(terms, listed)
    if outside == "?":
        return Verdict(inside=True, unjudged=True)
    if outside and listed.regrouped:
        return Verdict(inside=True, underway=True)
    if outside:
        return _settled(told, listed, (_finding("lost_delete", told, listed, outside),))
    return _both(terms, told, listed)


def _both(terms: Terms, told: Side, listed: Side) -> Verdict:
    """Somebody whom both sides have, and let in."""
    described_so = tuple(_differences(terms, told, listed))
    named = ", ".join(each.name for each in described_so)
    found: tuple[Finding, ...] = ()
    if described_so:
        found = (_finding("different", told, listed, f"other than in the directory: {named}", *described_so),)
    memberships = tuple(_memberships(terms, told, listed))
    if memberships and (told.regrouped or listed.regrouped):
        return Verdict(() if told.moving or listed.moving else found, inside=True, underway=True)
    return _settled(told, listed, (*found, *memberships))


def _differences(terms: Terms, told: Side, listed: Side) -> Iterator[Difference]:
    here = _fields(terms.told, described(terms.told, told.user))
    there = _fields(terms.listed, described(terms.listed, listed.user))
    for name in (name for name in here | there if name in terms.fields):
        one, other = here.get(name, ""), there.get(name, "")
        folded = name in ("email", "user_name")  # compared as people are matched by them
        if (key(one) != key(other)) if folded else (one != other):
            yield Difference(name, one, other)


def _fields(policy: Policy, user: DirectoryUser) -> dict[str, str]:
    """What a described person is compared by. A display name is the one that was given, not one made of the others."""
    fields = {name: getattr(user, name) for name in COMPARED} | {"email": address(user)}
    return fields | dict(desired_profile(policy, user).attributes) if policy.attributes else fields


def _memberships(terms: Terms, told: Side, listed: Side) -> Iterator[Finding]:
    """The groups of policy that only one side has them in, as far as both were read."""
    names = terms.names
    whole = {name for ref, name in names.items() if ref in terms.untold} | terms.listed_view.gone
    doubted = whole | terms.unsettled | {names[ref] for ref in terms.told_view.unknown if ref in names}
    here = {names[ref] for ref in terms.told_view.refs_of(told.groups) if ref in names}
    there = terms.listed_view.refs_of(listed.groups).intersection(names.values())
    for name in sorted(there - here - doubted):
        cause = f'in group "{name}" of the directory, never told'
        yield _finding("membership", told, listed, cause, Difference(name, "", "member"))
    for name in sorted(here - there - doubted - terms.listed_view.unknown):
        cause = f'told to be in group "{name}", not in that of the directory'
        yield _finding("membership", told, listed, cause, Difference(name, "member", ""))


def _unprovisioned(terms: Terms, listed: Side) -> str:
    """Why an active person of the directory is none of those who are provisioned; "?" when that is not known. What
    else the policy holds against them is left to what differs."""
    groups = terms.listed.scope.groups
    if not groups or not terms.listed_view.refs_of(listed.groups).isdisjoint(groups):
        return ""
    return OUTSIDE if terms.listed_view.unknown.isdisjoint(groups) else "?"


def _inside(terms: Terms, user: DirectoryUser, listed: Side) -> bool:
    """Whether somebody should have been told: of those who are provisioned, and wanted by the told side's policy."""
    refs = terms.listed_view.refs_of(listed.groups)
    if out_of_scope(terms.listed, terms.listed_view, user, refs):
        return False
    wanted = {terms.names.get(ref, ref) for ref in terms.told.scope.groups}
    return not wanted or not refs.isdisjoint(wanted)


class Tally:
    """What an audit has found so far: numbers, and the first few people of each kind, whatever the size."""

    def __init__(self, named: int = 5) -> None:
        self.counts: Counter[Code] = Counter()
        self.causes: Counter[tuple[Code, str]] = Counter()
        self.first: dict[Code, list[str]] = {code: [] for code in CODES}
        self.inside = self.alike = self.underway = self.unjudged = 0
        self._named = named

    def add(self, verdict: Verdict) -> None:
        """One more person."""
        self.inside += verdict.inside
        self.underway += verdict.underway
        self.unjudged += verdict.unjudged
        self.alike += verdict.inside and not (verdict.findings or verdict.underway or verdict.unjudged)
        for finding in verdict.findings:
            self.note(finding)

    def note(self, finding: Finding) -> None:
        """One more finding."""
        self.counts[finding.code] += 1
        self.causes[finding.code, finding.cause] += 1
        first = self.first[finding.code]
        if len(first) < self._named and (who := finding.email or finding.differences[0].name) not in first:
            first.append(who)

    @property
    def found(self) -> dict[str, int]:
        """How many findings of each code, those of which there are none left out."""
        return {code: self.counts[code] for code in CODES if self.counts[code]}


_SENTENCES: dict[str, tuple[str, str]] = {
    "lost_delete": (
        "1 person left the directory and is still active here: the identity provider did not send that they left",
        "{:,} people left the directory and are still active here: the identity provider did not send that they left",
    ),
    "orphan": (
        "1 person is active here of whom the directory knows nothing",
        "{:,} people are active here of whom the directory knows nothing",
    ),
    "missing": (
        "1 person is in the directory and in scope, and not here: the identity provider did not send them",
        "{:,} people are in the directory and in scope, and not here: the identity provider did not send them",
    ),
    "different": (
        "1 person was told otherwise than the directory describes them",
        "{:,} people were told otherwise than the directory describes them",
    ),
    "membership": (
        "1 membership of a mapped group is not the directory's",
        "{:,} memberships of mapped groups are not the directory's",
    ),
}


def sentence(code: str, count: int) -> str:
    """What so many findings of a kind mean."""
    one, many = _SENTENCES[code]
    return one if count == 1 else many.format(count)
