"""A simulated Okta org: `/api/v1/users`, `/api/v1/groups`, their members, the user schema.

After facts/directory-apis.md §2, §3, §5, §8 and Okta's OpenAPI document. Authentication and limits are in
okta_access.py, how an object looks in okta_objects.py. Stricter than Okta in one thing: query parameters that
are unknown, or not simulated (sortBy, sortOrder, expand=classification), are refused.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from rosterd.simulators import filters, okta_objects
from rosterd.simulators.okta_access import OktaAccess, api_error, invalid
from rosterd.simulators.web import Call, Endpoint, Listing, answer, cursor, position
from rosterd.simulators.world import Group, Person, UnknownError

_EQ = frozenset({"eq"})
_ORDER = frozenset({"eq", "gt", "ge", "lt", "le"})
_SEARCH = frozenset({"eq", "sw", "co", "gt", "ge", "lt", "le", "pr"})
_USER_TIMES = frozenset({"lastUpdated", "created", "activated", "statusChanged"})
_GROUP_TIMES = frozenset({"lastUpdated", "lastMembershipUpdated", "created"})
_USER_FILTER = filters.Dialect(
    '"',
    {"lastUpdated": _ORDER}
    | dict.fromkeys(("status", "id", "profile.login", "profile.email", "profile.firstName", "profile.lastName"), _EQ),
    _USER_TIMES,
)
_USER_SEARCH = filters.Dialect(
    '"', {"profile.": _SEARCH} | dict.fromkeys(("id", "status", *_USER_TIMES), _SEARCH), _USER_TIMES, fold=True
)
_GROUP_FILTER = filters.Dialect(
    '"', {"id": _EQ, "type": _EQ, "lastUpdated": _ORDER, "lastMembershipUpdated": _ORDER}, _GROUP_TIMES
)
_GROUP_SEARCH = filters.Dialect(
    '"', {"profile.": _SEARCH} | dict.fromkeys(("id", "type", *_GROUP_TIMES), _SEARCH), _GROUP_TIMES, fold=True
)


@dataclass(frozen=True)
class _Page:
    """What a list asks for."""

    listing: Listing
    default: int
    maximum: int


class Okta(OktaAccess):
    """The org's API over a world."""

    def endpoints(self) -> Sequence[Endpoint]:
        return (
            Endpoint("POST", "/oauth2/v1/token", self.token, token=True),
            Endpoint("GET", "/api/v1/users", self.list_users, holds="users"),
            Endpoint("GET", "/api/v1/users/{id}", self.get_user, holds="user"),
            Endpoint("GET", "/api/v1/users/{id}/groups", self.list_user_groups, holds="membership"),
            Endpoint("GET", "/api/v1/groups", self.list_groups, holds="groups"),
            Endpoint("GET", "/api/v1/groups/{groupId}", self.get_group, holds="group"),
            Endpoint("GET", "/api/v1/groups/{groupId}/users", self.list_group_users, holds="members"),
            Endpoint("GET", "/api/v1/meta/schemas/user/{schemaId}", self.user_schema),
        )

    # -- users ----------------------------------------------------------------------------------------------------

    def list_users(self, call: Call) -> Response:
        """The bare list and `q` leave out DEPROVISIONED people; `filter` and `search` do not."""
        query = self.only(call, "limit", "after", "filter", "search", "q", "fields")
        render = self._user_renderer(call)
        page = _Page(self._users(call), default=10 if "q" in query else 200, maximum=200)
        key = ("user", call.base, query.get("fields"), call.headers.get("content-type"))
        return self._list(call, page, lambda found: self.shapes.get(key, render).join(found), "q" in query)

    def get_user(self, call: Call) -> Response:
        self.only(call)
        person = self._person(call)
        return answer(okta_objects.user(self.world, person, call.base, okta_objects.Omissions.read(call.headers)))

    def list_user_groups(self, call: Call) -> Response:
        """All groups of one person, on one page (the package's `UserResourcesApi.list_user_groups`)."""
        self.only(call)
        person = self._person(call)
        found = [group for group in self.world.groups.values() if person.id in group.members]
        return answer([okta_objects.group(group, call.base) for group in found])

    def _person(self, call: Call) -> Person:
        return self.world.people.get(call.route["id"]) or self._by_login(call.route["id"])

    def _by_login(self, key: str) -> Person:
        """By login, or by its part before the @ while that is unambiguous."""
        if "@" in key:
            person = self.world.person(key)
            if person.user_name.casefold() != key.casefold():  # found by an email address that is no login
                raise UnknownError("User", key)
            return person
        found = [p for p in self.world.people.values() if p.user_name.partition("@")[0].casefold() == key.casefold()]
        if len(found) != 1:
            raise UnknownError("User", key)
        return found[0]

    def _user_renderer(self, call: Call) -> Callable[[str], object]:
        omit = okta_objects.Omissions.read(call.headers)
        try:
            fields = okta_objects.Fields.read(call.query["fields"]) if "fields" in call.query else None
        except ValueError as exc:
            raise invalid("fields", str(exc)) from exc

        def render(person_id: str) -> object:
            user = okta_objects.user(self.world, self.world.people[person_id], call.base, omit)
            return fields.of(user) if fields else user

        return render

    def _users(self, call: Call) -> Listing:
        asked = [name for name in ("filter", "search", "q") if name in call.query]
        if len(asked) > 1:
            raise invalid(asked[1], f"cannot be combined with {asked[0]}")
        word = asked[0] if asked else ""
        text = call.query.get(word, "")
        return self.listings.get(("users", word, text), lambda: self._matching(self._user_test(word, text)))

    def _user_test(self, word: str, text: str) -> Callable[[Person], bool]:
        if word in ("filter", "search"):
            predicate = self._predicate(text, _USER_FILTER if word == "filter" else _USER_SEARCH)
            return lambda person: predicate(okta_objects.user_getter(self.world, person))
        start = text.casefold()
        if word == "q":
            return lambda person: (
                person.status != "deprovisioned"
                and any(
                    name.casefold().startswith(start) for name in (person.given_name, person.family_name, person.email)
                )
            )
        return lambda person: person.status != "deprovisioned"

    def _matching(self, test: Callable[[Person], bool]) -> Iterable[tuple[int, str]]:
        return ((person.seq, person.id) for person in self.world.people.values() if test(person))

    # -- groups ---------------------------------------------------------------------------------------------------

    def list_groups(self, call: Call) -> Response:
        query = self.only(call, "limit", "after", "filter", "search", "q", "expand")
        stats = query.get("expand") == "stats"
        if query.get("expand", "stats") != "stats":
            raise invalid("expand", "only stats is simulated")
        page = _Page(self._groups(call), default=300 if "q" in query else 10_000, maximum=10_000)
        shape = self.shapes.get(
            ("group", call.base, stats), lambda i: okta_objects.group(self.world.groups[i], call.base, stats=stats)
        )
        return self._list(call, page, shape.join, "q" in query)

    def get_group(self, call: Call) -> Response:
        self.only(call)
        return answer(okta_objects.group(self._group(call), call.base))

    def list_group_users(self, call: Call) -> Response:
        """Whole users, whatever their status: a deactivated user stays in their groups."""
        self.only(call, "limit", "after")
        group = self._group(call)
        listing = self.listings.get(("members", group.id), lambda: [(n, i) for i, n in group.members.items()])
        shape = self.shapes.get(("user", call.base, None, call.headers.get("content-type")), self._user_renderer(call))
        return self._list(call, _Page(listing, default=1000, maximum=1000), shape.join)

    def _group(self, call: Call) -> Group:
        group = self.world.groups.get(call.route["groupId"])
        if group is None:
            raise UnknownError("UserGroup", call.route["groupId"])
        return group

    def _groups(self, call: Call) -> Listing:
        asked = [name for name in ("filter", "search", "q") if name in call.query]
        if "q" in asked and len(asked) > 1:
            raise invalid("q", "cannot be combined with filter or search")
        tests = [self._group_test(word, call.query[word]) for word in asked]
        key = ("groups", *(call.query.get(word) for word in ("filter", "search", "q")))
        groups = self.world.groups.values()
        return self.listings.get(key, lambda: [(g.seq, g.id) for g in groups if all(test(g) for test in tests)])

    def _group_test(self, word: str, text: str) -> Callable[[Group], bool]:
        if word == "q":
            return lambda group: group.name.casefold().startswith(text.casefold())
        predicate = self._predicate(text, _GROUP_FILTER if word == "filter" else _GROUP_SEARCH)
        return lambda group: predicate(okta_objects.group_getter(group))

    # -- the rest -------------------------------------------------------------------------------------------------

    def user_schema(self, call: Call) -> Response:
        self.only(call)
        if call.route["schemaId"] != "default":
            raise UnknownError("UserSchema", call.route["schemaId"])
        return answer(okta_objects.user_schema(self.world, call.base))

    def _predicate(self, text: str, dialect: filters.Dialect) -> filters.Predicate:
        try:
            return filters.parse(text, dialect)
        except ValueError as exc:
            raise api_error(400, "E0000031", f"Invalid search criteria. {exc}") from exc

    def _list(self, call: Call, page: _Page, join: Callable[[list[str]], bytes], single: bool = False) -> Response:
        """One page with its `link` headers, self first; `single` lists (`q`) cannot be paged."""
        limit = self._limit(call, page)
        after = 0
        if "after" in call.query:
            found = position(call.query["after"])
            if found is None or single:
                raise invalid("after", "is not a cursor of this list")
            after = found
        ids, following = self.page(page.listing, after, limit)
        links = [("link", f'<{call.link(call.query)}>; rel="self"')]
        if following is not None and not single:
            query = {**call.query, "after": cursor(following), "limit": str(limit)}
            links.append(("link", f'<{call.link(query)}>; rel="next"'))
        return answer(b"[" + join(ids) + b"]", headers=links)

    def _limit(self, call: Call, page: _Page) -> int:
        text = call.query.get("limit", str(page.default))
        if not text.isdecimal() or not 1 <= int(text) <= page.maximum:
            raise invalid("limit", f"must be between 1 and {page.maximum}")
        return int(text)
