"""Graph's delta queries: `/users/delta` and `/groups/delta`, from the world's journal (facts §4.1).

What is reproduced: only selected properties trigger; pages of 200 objects whatever is asked; properties that were never
set are left out; large groups come again on page after page; the removal of a member who was deleted is not told;
tokens carry the query and live for seven days. Query options that delta does not have are refused.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from starlette.responses import Response

from rosterd.simulators.entra_access import graph_error
from rosterd.simulators.entra_objects import GROUP, USER, Selection
from rosterd.simulators.journal import EVERYTHING, Change
from rosterd.simulators.web import Call, Endpoint, Listing, answer
from rosterd.simulators.world import World

if TYPE_CHECKING:
    from rosterd.simulators.entra import Entra

OBJECTS, MEMBERS = 200, 500  # a page's (facts §3.2)
_MOST_IDS = 50
_LIFE_SECONDS = 7 * 24 * 3600
_TOKENS = ("$deltatoken", "$skiptoken")
_FILTER = re.compile(r"id\s+eq\s+'([^']+)'")
_FORMS = ("delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()")

# Property → the fields of `Person` and `Group` that it shows.
_FIELDS = {
    USER: {"accountEnabled": {"status"}, "department": {"department"}, "displayName": {"given_name", "family_name"},
           "givenName": {"given_name"}, "identities": {"user_name"}, "jobTitle": {"title"}, "mail": {"email"},
           "mailNickname": {"user_name"}, "surname": {"family_name"}, "userPrincipalName": {"user_name"}},
    GROUP: {"displayName": {"name"}},
}  # fmt: skip


class _Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a token says: the query, when it was issued, and how far the round is.

    The round tells what lies between the journal's positions `begin` (-1: from nothing) and `end`. `at` is where its
    next page begins: in an initial round the number of the last object, and for a group the number of its last member
    (-1: all were told); in a later one a count of rows. A delta token has no `at` and its `end` is unused.
    """

    holds: str
    journal: str
    issued: int
    select: str | None
    ids: tuple[str, ...] | None
    begin: int
    end: int
    at: tuple[int, int] = (0, -1)

    def token(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


class _Row(NamedTuple):
    """One item of a page. `changed` is None in an initial round; `members` are (id, is a group, has joined)."""

    id: str
    changed: frozenset[str] | None
    members: Sequence[tuple[str, bool, bool]] = ()


class Delta:
    """The delta functions of one tenant."""

    def __init__(self, tenant: "Entra") -> None:
        self._tenant = tenant
        self._world = tenant.world
        # A token of another world, or of one that began again, must not be taken for one of this.
        self._name = tenant.world.secrets.setdefault("journal", secrets.token_hex(4))

    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(
            Endpoint("GET", f"/v1.0/{holds}/{form}", handler, holds=f"{holds}_delta")
            for holds, handler in (("users", self.users), ("groups", self.groups))
            for form in _FORMS
        )

    def users(self, call: Call) -> Response:
        query = self._query(call)
        self._tenant.require("User.Read.All")
        place = self._place(query, "users")
        chosen = replace(call, query={"$select": place.select} if place.select else {})
        selection = Selection.read(chosen, self._tenant.objects(call), USER)
        if _latest(query):
            return self._answer(call, place, [], None)
        rows, following = self._initial_users(place) if place.begin < 0 else self._changed(place, selection, False)
        return self._answer(call, place, [self._user(call, row, selection) for row in rows], following)

    def groups(self, call: Call) -> Response:
        query = self._query(call)
        self._tenant.require("GroupMember.Read.All", "Group.Read.All")
        place = self._place(query, "groups")
        names = [name.strip() for name in (place.select or "").split(",") if name.strip()]
        tracked = not names or "members" in names
        only = ",".join(name for name in names if name != "members") or ("id" if names else "")
        chosen = replace(call, query={"$select": only} if only else {})
        selection = Selection.read(chosen, self._tenant.objects(call), GROUP)
        if _latest(query):
            return self._answer(call, place, [], None)
        rows, following = (
            self._initial_groups(place, tracked) if place.begin < 0 else self._changed(place, selection, tracked)
        )
        return self._answer(call, place, [self._group(call, row, selection) for row in rows], following)

    # -- the query ------------------------------------------------------------------------------------------------

    def _query(self, call: Call) -> dict[str, str]:
        """The parameters; those of the tokens are known in any case."""
        query: dict[str, str] = {}
        for name, value in call.query.items():
            known = name.lower() if name.lower() in _TOKENS else name
            if known in ("$top", "$expand", "$orderby", "$search", "$count", "$skip"):
                raise _unsupported(f"The query option '{name}' is not supported by delta query.")
            if known not in ("$select", "$filter", *_TOKENS) or name in call.repeated or known in query:
                raise self._tenant.unknown_parameter(name)
            query[known] = value
        return query

    def _place(self, query: dict[str, str], holds: str) -> _Place:
        token = query.get("$skiptoken") or query.get("$deltatoken", "")
        if not token or _latest(query):
            ids = _ids(query["$filter"]) if "$filter" in query else None
            end = self._world.journal.end
            return _Place(holds, self._name, self._now, query.get("$select"), ids, -1, end)
        place = _decoded(token)
        if place is None or place.holds != holds or (place.at == (0, -1)) != ("$skiptoken" not in query):
            raise graph_error(400, "Request_BadRequest", "Badly formed token.")
        if query.get("$select", place.select) != place.select:
            raise graph_error(400, "Request_BadRequest", "The selection differs from the one that the token is for.")
        if place.journal != self._name or self._now - place.issued > _LIFE_SECONDS or not self._known(place):
            raise graph_error(400, "syncStateNotFound", "The sync state generation is not found; start a full sync.")
        return place if "$skiptoken" in query else msgspec.structs.replace(place, end=self._world.journal.end)

    @property
    def _now(self) -> int:
        return int(self._world.now.timestamp())

    def _known(self, place: _Place) -> bool:
        journal = self._world.journal
        return journal.began <= (place.end if place.begin < 0 else place.begin) <= journal.end

    # -- which objects --------------------------------------------------------------------------------------------

    def _initial_users(self, place: _Place) -> tuple[list[_Row], tuple[int, int] | None]:
        """Everybody; those in the bin too, as removed (facts §4.1: both can occur)."""
        people = self._world.people
        listing = self._listing("users", place.ids, ((p.seq, p.id) for p in people.values()))
        found, following = self._tenant.page(listing, place.at[0], OBJECTS)
        return [_Row(i, None) for i in found], None if following is None else (following, -1)

    def _initial_groups(self, place: _Place, tracked: bool) -> tuple[list[_Row], tuple[int, int] | None]:
        """Groups with their members, as many as a page holds."""
        listing = self._listing("groups", place.ids, ((g.seq, g.id) for g in self._world.groups.values()))
        number, member = place.at
        found, following = self._tenant.page(listing, number - 1 if member >= 0 else number, OBJECTS)
        rows: list[_Row] = []
        room = MEMBERS
        for group_id in found:
            seq = self._world.groups[group_id].seq
            told = member if seq == number else 0
            chunk, more = self._members(group_id).page(max(told, 0), room) if tracked else ([], None)
            rows.append(_Row(group_id, None, [(i, i in self._world.groups, True) for i in chunk]))
            room -= len(chunk)
            if more is not None:
                return rows, (seq, more)
            if room == 0 and group_id != found[-1]:
                return rows, (seq, -1)
        return rows, None if following is None else (following, -1)

    def _listing(self, holds: str, ids: tuple[str, ...] | None, pairs: Iterable[tuple[int, str]]) -> Listing:
        wanted = None if ids is None else frozenset(ids)
        return self._tenant.listings.get(
            ("delta", holds, wanted), lambda: (pair for pair in pairs if wanted is None or pair[1] in wanted)
        )

    def _members(self, group_id: str) -> Listing:
        group = self._world.groups[group_id]
        return self._tenant.listings.get(("delta", group_id), lambda: ((n, i) for i, n in group.members.items()))

    def _changed(self, place: _Place, selection: Selection, tracked: bool) -> tuple[list[_Row], tuple[int, int] | None]:
        """What the journal says, folded by object; large changes of members take several rows."""
        is_group = place.holds == "groups"
        changes = [
            change
            for change in self._world.journal.since(place.begin, place.end)
            if change.group == is_group and (place.ids is None or change.about in place.ids)
        ]
        rows = [row for row in _rows(changes) if self._triggers(row, selection, tracked, is_group)]
        at, limit, room, found = place.at[0], OBJECTS, MEMBERS, list[_Row]()
        if self._tenant.small_pages:
            limit = max(1, -(-len(rows) // 3))
        for row in rows[at : at + limit]:
            if found and len(row.members) > room:
                break
            room -= len(row.members)
            found.append(row if tracked else row._replace(members=()))
        reached = at + len(found)
        return found, (reached, 0) if reached < len(rows) else None

    def _triggers(self, row: _Row, selection: Selection, tracked: bool, is_group: bool) -> bool:
        changed = row.changed or frozenset()
        if EVERYTHING in changed or (row.members and tracked):
            return True
        kind = GROUP if is_group else USER
        return any(_shows(kind, name, changed) for name in selection.names)

    # -- how they look --------------------------------------------------------------------------------------------

    def _user(self, call: Call, row: _Row, selection: Selection) -> dict[str, Any]:
        person = self._world.people.get(row.id)
        if person is None or person.status == "deleted":
            return {"id": row.id, "@removed": {"reason": "deleted" if person is None else "changed"}}
        return _shown(call, USER, row, self._tenant.objects(call).user(person, selection), selection)

    def _group(self, call: Call, row: _Row, selection: Selection) -> dict[str, Any]:
        group = self._world.groups.get(row.id)
        if group is None:
            return {"id": row.id, "@removed": {"reason": "deleted"}}  # security groups have no bin
        found = _shown(call, GROUP, row, self._tenant.objects(call).group(group, selection), selection)
        if row.members:
            found["members@delta"] = [_member(*member) for member in row.members]
        return found

    def _answer(self, call: Call, place: _Place, items: list[dict[str, Any]],
                following: tuple[int, int] | None) -> Response:  # fmt: skip
        chosen = f"({place.select})" if place.select else ""
        body: dict[str, Any] = {"@odata.context": f"{call.base}/v1.0/$metadata#{place.holds}{chosen}"}
        if following is None:
            done = msgspec.structs.replace(place, begin=place.end, end=-1, at=(0, -1), issued=self._now)
            body["@odata.deltaLink"] = call.link({"$deltatoken": done.token()})
        else:
            more = msgspec.structs.replace(place, at=following, issued=self._now)
            body["@odata.nextLink"] = call.link({"$skiptoken": more.token()})
        headers = [("preference-applied", "return=minimal")] if _minimal(call) else []
        return self._tenant.with_units(answer({**body, "value": items}, headers=headers), call, 1)


def rewound(world: World, query: dict[str, str]) -> dict[str, str] | None:
    """The query with its delta token set back to where the journal begins; None when it has none."""
    name = next((name for name in query if name.lower() == "$deltatoken"), "")
    place = _decoded(query.get(name, ""))
    if place is None:
        return None
    return {**query, name: msgspec.structs.replace(place, begin=min(place.begin, world.journal.began)).token()}


def restart(query: dict[str, str]) -> dict[str, str]:
    """The query that begins again what a token belongs to: an empty `$deltatoken` (facts §4.1)."""
    place = _decoded(next((value for name, value in query.items() if name.lower() == "$deltatoken"), ""))
    selected = {"$select": place.select} if place is not None and place.select else {}
    return {**selected, "$deltatoken": ""}


def _latest(query: dict[str, str]) -> bool:
    return query.get("$deltatoken", "").lower() == "latest"


def _decoded(token: str) -> _Place | None:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=_Place)
    except (binascii.Error, ValueError):  # msgspec's errors are ValueErrors
        return None


def _unsupported(message: str) -> Exception:
    return graph_error(400, "Request_UnsupportedQuery", message)


def _ids(text: str) -> tuple[str, ...]:
    """`id eq 'a' or id eq 'b'`, 50 ids at most; delta has no other filter."""
    terms = [_FILTER.fullmatch(term.strip()) for term in re.split(r"\s+or\s+", text.strip())]
    found = tuple(term[1] for term in terms if term)
    if len(found) < len(terms):
        raise _unsupported("Delta query filters by id only: id eq '…' or id eq '…'.")
    if len(found) > _MOST_IDS:
        raise _unsupported(f"Too many ids in the filter: {len(found)}, at most {_MOST_IDS}.")
    return found


def _rows(changes: Iterable[Change]) -> list[_Row]:
    fields: dict[str, set[str]] = {}
    members: dict[str, dict[str, tuple[str, bool, bool]]] = {}
    for change in changes:
        fields.setdefault(change.about, set()).update(change.fields)
        if change.member:
            members.setdefault(change.about, {})[change.member] = (change.member, change.nested, change.joined)
    rows: list[_Row] = []
    for about, changed in fields.items():
        told = list(members.get(about, {}).values())
        rows += [_Row(about, frozenset(changed), told[at : at + MEMBERS]) for at in range(0, len(told) or 1, MEMBERS)]
    return rows


def _shows(kind: str, name: str, changed: frozenset[str]) -> bool:
    """Whether a property shows one of the changed fields."""
    if name == "onPremisesExtensionAttributes":
        return any(field.startswith("attributes.extensionAttribute") for field in changed)
    if name.startswith("extension_"):
        return f"attributes.{name.split('_', 2)[2]}" in changed
    return not changed.isdisjoint(_FIELDS[kind].get(name, ()))


def _shown(call: Call, kind: str, row: _Row, found: dict[str, Any], selection: Selection) -> dict[str, Any]:
    """What was never set is left out, what was cleared is null; `Prefer: return=minimal` leaves only what changed."""
    changed = row.changed or frozenset()
    touched = {name for name in selection.names if _shows(kind, name, changed)}
    if _minimal(call) and row.changed is not None and EVERYTHING not in changed:
        kept = {name: found.get(name) for name in selection.names if name in touched}
    else:
        kept = {n: found.get(n) for n in selection.names if n in touched or found.get(n) not in (None, [])}
    return {**kept, "id": row.id}


def _member(member: str, nested: bool, joined: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"@odata.type": f"#{GROUP if nested else USER}", "id": member}
    return shown if joined else {**shown, "@removed": {"reason": "deleted"}}


def _minimal(call: Call) -> bool:
    return "return=minimal" in call.headers.get("prefer", "").replace(" ", "")
