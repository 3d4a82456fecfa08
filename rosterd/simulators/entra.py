"""A simulated Entra tenant: Microsoft Graph v1.0 for users, groups, members, deleted users, and the organisation.

After facts/directory-apis.md §2, §3, §5, §6, §8 and the Graph metadata. Tokens are in entra_access.py, how an object
looks in entra_objects.py, delta queries in entra_delta.py. Query options that this tenant does not simulate ($search,
$orderby) are refused as unsupported, never ignored. `/organization` is answered whatever the permissions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from rosterd.simulators import filters
from rosterd.simulators.entra_access import EntraAccess, graph_error
from rosterd.simulators.entra_delta import Delta
from rosterd.simulators.entra_objects import GROUP, USER, Objects, Selection
from rosterd.simulators.ids import guid
from rosterd.simulators.web import Call, Endpoint, Listing, answer, cursor, encode, http_date, position
from rosterd.simulators.world import Group, UnknownError

_OPTIONS = ("$select", "$top", "$skiptoken", "$filter", "$expand", "$count")
_EQ = frozenset({"eq", "in"})
_TEXT = frozenset({"eq", "in", "sw"})
_USER_FILTER = filters.Dialect(
    "'",
    dict.fromkeys(("id", "accountEnabled", "userType"), _EQ)
    | dict.fromkeys(
        ("userPrincipalName", "mail", "displayName", "givenName", "surname", "department", "jobTitle"), _TEXT
    ),
    words=frozenset({"true", "false"}),
    fold=True,
)
_GROUP_FILTER = filters.Dialect("'", {"id": _EQ, "displayName": _TEXT, "mail": _TEXT}, fold=True)
_MEMBER_FILTER = filters.Dialect("'", {"id": _EQ}, fold=True)
_MAX_TOP, _DEFAULT_TOP = 999, 100
_EXPANDED_TOP, _EXPANDED_MEMBERS = 100, 20  # facts §3.3
_MEDIA = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


@dataclass(frozen=True)
class _List:
    """A collection: its name in `@odata.context`, what is in it, how an element is drawn, what reading it costs."""

    context: str
    listing: Listing
    render: Callable[[str], object]
    shape: tuple[object, ...]
    selection: Selection
    units: int = 1


class Entra(EntraAccess):
    """The tenant's Graph over a world."""

    def endpoints(self) -> Sequence[Endpoint]:
        group, bin_ = "/v1.0/groups/{id}", "/v1.0/directory/deletedItems"
        return (
            *self.token_endpoints(),
            *Delta(self).endpoints(),  # before /users/{id}
            Endpoint("GET", "/v1.0/users", self.list_users, holds="users"),
            Endpoint("GET", "/v1.0/users/$count", self.count_users),
            Endpoint("GET", "/v1.0/users/{id}", self.get_user, holds="user"),
            Endpoint("GET", "/v1.0/groups", self.list_groups, holds="groups"),
            Endpoint("GET", "/v1.0/groups/$count", self.count_groups),
            Endpoint("GET", "/v1.0/groups/{id}", self.get_group, holds="group"),
            *(
                Endpoint("GET", path + cast, partial(self.list_members, cast=of, deep=deep), holds="members")
                for path, deep in ((f"{group}/members", False), (f"{group}/transitiveMembers", True))
                for cast, of in (("", ""), (f"/{USER}", USER), (f"/{GROUP}", GROUP))
            ),
            Endpoint("GET", f"{bin_}/{USER}", self.list_deleted, holds="deleted"),
            Endpoint("GET", f"{bin_}/{{id}}", self.get_deleted, holds="user"),
            Endpoint("GET", "/v1.0/organization", self.organization),
            Endpoint("GET", "/v1.0/applications(appId='{id}')/extensionProperties", self.extension_properties),
        )

    # -- users ----------------------------------------------------------------------------------------------------

    def list_users(self, call: Call) -> Response:
        query = self.options(call)
        self.require("User.Read.All")
        listing = self.listings.get(
            ("users", query.get("$filter")), lambda: self._matching(query.get("$filter"), False)
        )
        return self._user_list(call, "users", listing, units=2)

    def list_deleted(self, call: Call) -> Response:
        """The bin: 30 days; in this world, until purged."""
        query = self.options(call)
        self.require("User.Read.All")
        listing = self.listings.get(("bin", query.get("$filter")), lambda: self._matching(query.get("$filter"), True))
        return self._user_list(call, "directory/deletedItems/microsoft.graph.user", listing, units=1)

    def get_user(self, call: Call) -> Response:
        self.only(call, "$select", "$expand")
        self.require("User.Read.All")
        person = self.world.person(call.route["id"])
        if person.status == "deleted" or call.route["id"].casefold() not in (person.id, person.user_name.casefold()):
            raise UnknownError("user", call.route["id"])
        selection = Selection.read(call, self.objects(call), USER, "manager")
        body = {"@odata.context": self._context(call, "users", selection) + "/$entity"}
        return self.with_units(answer({**body, **self.objects(call).user(person, selection)}), call, 1)

    def get_deleted(self, call: Call) -> Response:
        """One account of the bin, by id."""
        self.only(call, "$select")
        self.require("User.Read.All")
        person = self.world.people.get(call.route["id"])
        if person is None or person.status != "deleted":
            raise UnknownError("deleted item", call.route["id"])
        selection = Selection.read(call, self.objects(call), USER)
        head = {
            "@odata.context": self._context(call, "directoryObjects", selection) + "/$entity",
            "@odata.type": f"#{USER}",
        }
        return self.with_units(answer({**head, **self.objects(call).user(person, selection)}), call, 1)

    def count_users(self, call: Call) -> Response:
        self.require("User.Read.All")
        return self._count(call, sum(person.status != "deleted" for person in self.world.people.values()))

    def _user_list(self, call: Call, context: str, listing: Listing, units: int) -> Response:
        objects = self.objects(call)
        selection = Selection.read(call, objects, USER, "manager")

        def render(person_id: str) -> object:
            return objects.user(self.world.people[person_id], selection)

        return self._answer_list(call, _List(context, listing, render, ("user",), selection, units))

    def _matching(self, text: str | None, deleted: bool) -> list[tuple[int, str]]:
        people = [p for p in self.world.people.values() if (p.status == "deleted") == deleted]
        if text is not None:
            predicate, objects = self._predicate(text, _USER_FILTER), Objects(self.world, self.client_id, "")
            people = [p for p in people if predicate(objects.user_getter(p))]
        return [(p.seq, p.id) for p in people]

    # -- groups ---------------------------------------------------------------------------------------------------

    def list_groups(self, call: Call) -> Response:
        query = self.options(call)
        self.require("GroupMember.Read.All", "Group.Read.All")
        text = query.get("$filter")
        listing = self.listings.get(("groups", text), lambda: self._matching_groups(text))
        objects = self.objects(call)
        selection = Selection.read(call, objects, GROUP, "members")

        def render(group_id: str) -> object:
            return self._group(self.world.groups[group_id], objects, selection)

        shape = ("group", self.world.revision if selection.expand else 0)
        return self._answer_list(call, _List("groups", listing, render, shape, selection))

    def get_group(self, call: Call) -> Response:
        self.only(call, "$select", "$expand")
        self.require("GroupMember.Read.All", "Group.Read.All")
        objects = self.objects(call)
        selection = Selection.read(call, objects, GROUP, "members")
        body = {"@odata.context": self._context(call, "groups", selection) + "/$entity"}
        return self.with_units(answer({**body, **self._group(self._one(call), objects, selection)}), call, 1)

    def count_groups(self, call: Call) -> Response:
        self.require("GroupMember.Read.All", "Group.Read.All")
        return self._count(call, len(self.world.groups))

    def list_members(self, call: Call, *, cast: str = "", deep: bool = False) -> Response:
        """Members of every type, or of one (`cast`), or by id. Without User.Read.All, people show their id only (facts
        §1.2)."""
        text = self.options(call).get("$filter")
        self.require("GroupMember.Read.All", "Group.Read.All")
        group, objects = self._one(call), self.objects(call)
        listing = self.listings.get(
            ("members", group.id, cast, deep, text), lambda: self._named(self._members(group, cast, deep), text)
        )
        limited = "User.Read.All" not in self.allowed
        selection = Selection.read(call, objects, cast)

        def render(member_id: str) -> object:
            return objects.member(member_id, selection, limited=limited)

        shape = ("member", limited)
        return self._answer_list(
            call, _List("directoryObjects", listing, render, shape, selection, units=5 if deep else 3)
        )

    def _one(self, call: Call) -> Group:
        group = self.world.groups.get(call.route["id"])
        if group is None:
            raise UnknownError("group", call.route["id"])
        return group

    def _group(self, group: Group, objects: Objects, selection: Selection) -> dict[str, object]:
        """$expand=members shows 20 members at most, without a link to the others (facts §3.3)."""
        found = objects.group(group, selection)
        if selection.expand:
            first = list(group.members)[:_EXPANDED_MEMBERS]
            found["members"] = [objects.member(member, Selection.default(USER), limited=False) for member in first]
        return found

    def _members(self, group: Group, cast: str, deep: bool) -> list[tuple[int, str]]:
        members = self._transitive(group) if deep else dict(group.members)
        wanted = {"": None, USER: self.world.people, GROUP: self.world.groups}[cast]
        return [(number, i) for i, number in members.items() if wanted is None or i in wanted]

    def _named(self, members: list[tuple[int, str]], text: str | None) -> list[tuple[int, str]]:
        if text is None:
            return members
        predicate = self._predicate(text, _MEMBER_FILTER)
        return [(number, i) for number, i in members if predicate({"id": i}.get)]

    def _transitive(self, group: Group) -> dict[str, int]:
        """Everybody below, each once; the numbers are positions in this walk."""
        found: dict[str, int] = {}
        queue = list(group.members)
        for member in queue:
            if member not in found and member != group.id:
                found[member] = len(found) + 1
                queue.extend(self.world.groups[member].members if member in self.world.groups else ())
        return found

    def _matching_groups(self, text: str | None) -> list[tuple[int, str]]:
        groups = list(self.world.groups.values())
        if text is not None:
            predicate = self._predicate(text, _GROUP_FILTER)
            groups = [g for g in groups if predicate({"id": g.id, "displayName": g.name, "mail": None}.get)]
        return [(g.seq, g.id) for g in groups]

    # -- the rest -------------------------------------------------------------------------------------------------

    def organization(self, call: Call) -> Response:
        self.only(call, "$select")
        domain = self.world.domain
        verified = {"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": True, "isInitial": False,
                    "name": domain, "type": "Managed"}  # fmt: skip
        body = {"id": self.world.tenant, "displayName": domain.partition(".")[0].title(), "tenantType": "AAD",
                "createdDateTime": "2020-03-02T08:00:00Z", "verifiedDomains": [verified]}  # fmt: skip
        return answer({"@odata.context": f"{call.base}/v1.0/$metadata#organization", "value": [body]})

    def extension_properties(self, call: Call) -> Response:
        """The directory extensions of the client itself, which is the only app here."""
        self.only(call, "$select")
        self.require("Application.Read.All")
        if call.route["id"] != self.client_id:
            raise UnknownError("application", call.route["id"])
        names = [f"extension_{self.client_id.replace('-', '')}_{name}" for name in self.world.schema]
        return answer({"@odata.context": f"{call.base}/v1.0/$metadata#extensionProperties",
                       "value": [{"name": name} for name in names if "." not in name]})  # fmt: skip

    def objects(self, call: Call) -> Objects:
        return Objects(self.world, self.client_id, call.base)

    def options(self, call: Call) -> dict[str, str]:
        """The query options of a list; those that Graph has and this tenant does not are refused as unsupported."""
        if "$skip" in call.query:
            raise graph_error(400, "Request_BadRequest", "'$skip' is not supported by the service.")
        for name in ("$search", "$orderby", "$deltatoken"):
            if name in call.query:
                raise graph_error(400, "Request_UnsupportedQuery", f"Unsupported query option '{name}'.")
        if call.query.get("$count", "false") != "false" and call.headers.get("consistencylevel") != "eventual":
            raise graph_error(400, "Request_UnsupportedQuery", "$count needs the header ConsistencyLevel: eventual.")
        return self.only(call, *_OPTIONS)

    def _predicate(self, text: str, dialect: filters.Dialect) -> filters.Predicate:
        try:
            return filters.parse(text, dialect)
        except ValueError as exc:
            raise graph_error(
                400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter clause: {exc}"
            ) from exc

    def _answer_list(self, call: Call, asked: _List) -> Response:
        top = self._top(call)
        after = position(call.query["$skiptoken"]) if "$skiptoken" in call.query else 0
        if after is None:
            raise graph_error(400, "Request_BadRequest", "The $skiptoken is not one of this list.")
        ids, following = self.page(asked.listing, after, top)
        shape = self.shapes.get((*asked.shape, call.base, asked.selection), asked.render)
        head: dict[str, object] = {"@odata.context": self._context(call, asked.context, asked.selection)}
        if call.query.get("$count") == "true":
            head["@odata.count"] = len(asked.listing.ids)
        if following is not None:
            head["@odata.nextLink"] = call.link({**call.query, "$skiptoken": cursor(following)}, safe=",()=")
        return self.with_units(answer(_with_value(head, shape.join(ids))), call, asked.units)

    def _top(self, call: Call) -> int:
        text = call.query.get("$top", str(_DEFAULT_TOP))
        if not text.isdecimal() or int(text) < 1:
            raise graph_error(400, "Request_BadRequest", f"Invalid value '{text}' for $top query option found.")
        if int(text) > _MAX_TOP:
            limit = f"Invalid page size specified: '{text}'. Must be between 1 and {_MAX_TOP} inclusive."
            raise graph_error(400, "Request_BadRequest", limit)
        return min(int(text), _EXPANDED_TOP) if "$expand" in call.query else int(text)

    def _context(self, call: Call, name: str, selection: Selection) -> str:
        chosen = f"({','.join(selection.names)})" if selection.explicit else ""
        return f"{call.base}/v1.0/$metadata#{name}{chosen}"

    def _count(self, call: Call, number: int) -> Response:
        if call.headers.get("consistencylevel") != "eventual":
            raise graph_error(400, "Request_UnsupportedQuery", "$count needs the header ConsistencyLevel: eventual.")
        return answer(str(number).encode(), media="text/plain")

    def with_units(self, response: Response, call: Call, units: int) -> Response:
        """x-ms-resource-unit: $select −1, $expand +1, $top<20 −1, never below 1 (facts §5)."""
        units += ("$expand" in call.query) - ("$select" in call.query) - (int(call.query.get("$top", 100)) < 20)
        response.headers["content-type"] = _MEDIA
        response.headers["x-ms-resource-unit"] = str(max(1, units))
        return response

    def finish(self, response: Response) -> None:
        response.headers["request-id"] = guid("request", sum(self.requests.values()))
        response.headers["date"] = http_date(self.now)


def _with_value(head: dict[str, object], joined: bytes) -> bytes:
    return encode(head)[:-1] + b',"value":[' + joined + b"]}"
