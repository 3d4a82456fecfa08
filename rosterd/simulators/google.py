"""A simulated Google Workspace account: the Admin SDK Directory API for users, groups and members.

After facts/directory-apis.md §2, §3, §5, §6, §8 and the discovery document admin.directory_v1. Tokens are in
google_access.py, how an object looks in google_objects.py, `fields` masks in google_fields.py. Parameters that are not
simulated (orderBy, viewType, event) are refused like unknown ones, never ignored.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from starlette.responses import Response

from rosterd.simulators import google_objects as objects
from rosterd.simulators.google_access import GoogleAccess, api_error, invalid
from rosterd.simulators.google_fields import Mask
from rosterd.simulators.web import Call, Endpoint, Listing, Shape, answer, cursor, encode, http_date, position
from rosterd.simulators.world import Group, Person, UnknownError

# Parameters that every method of the API takes (discovery document, "parameters").
_STANDARD = ("alt", "fields", "prettyPrint", "quotaUser", "key", "$.xgafv", "uploadType", "upload_protocol")
_LIST = ("maxResults", "pageToken", *_STANDARD)
_USER_LIST = ("customer", "domain", "projection", "customFieldMask", "query", "showDeleted")
_CLAUSE = re.compile(r"""(\w+)\s*([=:])\s*(?:'([^']*)'|"([^"]*)"|([^\s'"]+))\s*""")
T = TypeVar("T")
_ROLES = frozenset({"OWNER", "MANAGER", "MEMBER"})


@dataclass(frozen=True)
class _List:
    """A collection: its key and kind in the answer, its mask schema, what is in it, and the page sizes."""

    key: str
    schema: str
    listing: Listing
    join: Callable[[list[str], Mask], bytes]
    default: int
    maximum: int


class _View(NamedTuple):
    """What `projection` and `customFieldMask` show of custom schemas: None is all of them."""

    schemas: frozenset[str] | None


class Google(GoogleAccess):
    """The account's Directory API over a world."""

    def endpoints(self) -> Sequence[Endpoint]:
        api = "/admin/directory/v1"
        return (
            Endpoint("POST", "/token", self.token, token=True),
            Endpoint("GET", f"{api}/users", self.list_users, holds="users"),
            Endpoint("GET", f"{api}/users/{{userKey}}", self.get_user, holds="user"),
            Endpoint("GET", f"{api}/groups", self.list_groups, holds="groups"),
            Endpoint("GET", f"{api}/groups/{{groupKey}}", self.get_group, holds="group"),
            Endpoint("GET", f"{api}/groups/{{groupKey}}/members", self.list_members, holds="members"),
            Endpoint("GET", f"{api}/groups/{{groupKey}}/members/{{memberKey}}", self.get_member, holds="membership"),
            Endpoint("GET", f"{api}/customer/{{customerId}}/schemas", self.list_schemas),
        )

    # -- users ----------------------------------------------------------------------------------------------------

    def list_users(self, call: Call) -> Response:
        """All users, or with `showDeleted=true` only the deleted ones (facts §2)."""
        query = self.only(call, *_USER_LIST, *_LIST)
        self.require(call, "admin.directory.user.readonly")
        self._account(call, "customer", "domain")
        deleted = query.get("showDeleted", "false") == "true"
        text, view, domain = query.get("query", ""), self._view(call), query.get("domain", "")
        listing = self.listings.get(("users", deleted, text, domain), lambda: self._users(deleted, text, domain))

        def join(found: list[str], mask: Mask) -> bytes:
            shape = self.shapes.get(("user", view, mask), lambda i: mask.of(self._user(i, view)))
            return shape.join(found)

        return self._list(call, _List("users", "User", listing, join, 100, 500))

    def get_user(self, call: Call) -> Response:
        self.only(call, "projection", "customFieldMask", *_STANDARD)
        self.require(call, "admin.directory.user.readonly")
        person = self.world.person(call.route["userKey"])
        if person.status == "deleted":
            raise UnknownError("user", person.id)
        return answer(self._mask(call, "User").of(self._user(person.id, self._view(call))))

    def _user(self, person_id: str, view: _View) -> dict[str, object]:
        return objects.user(self.world, self.world.people[person_id], view.schemas, admin=self._is_admin(person_id))

    def _is_admin(self, person_id: str) -> bool:
        return self._admin_id == person_id

    def _view(self, call: Call) -> _View:
        projection = call.query.get("projection", "basic").lower()
        mask = call.query.get("customFieldMask")
        if projection not in ("basic", "custom", "full"):
            raise invalid("projection", f"Invalid value '{projection}'.")
        if (projection == "custom") != (mask is not None):
            raise invalid("customFieldMask", "Invalid Input: custom_field_mask goes with projection=custom")
        wanted = frozenset(mask.split(",")) if mask else frozenset[str]()
        if unknown := sorted(wanted - objects.schema_names(self.world)):
            raise invalid("customFieldMask", f"Invalid Input: Schema {unknown[0]}")
        return _View(None if projection == "full" else wanted)

    def _users(self, deleted: bool, text: str, domain: str) -> Iterable[tuple[int, str]]:
        tests = [self._user_test(*clause) for clause in _clauses(text)]
        if domain:
            tests.append(lambda person: person.email.casefold().endswith(f"@{domain.casefold()}"))
        for person in self.world.people.values():
            if (person.status == "deleted") == deleted and all(test(person) for test in tests):
                yield person.seq, person.id

    def _user_test(self, field: str, mark: str, value: str) -> Callable[[Person], bool]:
        getter = objects.USER_QUERY.get(field)
        if getter is None:
            raise invalid("query", f"Invalid Input: query, field {field}")
        return _matcher(getter, mark, value)

    # -- groups ---------------------------------------------------------------------------------------------------

    def list_groups(self, call: Call) -> Response:
        query = self.only(call, "customer", "domain", "userKey", "query", *_LIST)
        self.require(call, "admin.directory.group.readonly")
        self._account(call, "customer", "domain", "userKey")
        text, member = query.get("query", ""), query.get("userKey", "")
        listing = self.listings.get(("groups", text, member), lambda: self._groups(text, member))

        def join(found: list[str], mask: Mask) -> bytes:
            return self.shapes.get(("group", mask), lambda i: mask.of(objects.group(self.world.groups[i]))).join(found)

        return self._list(call, _List("groups", "Group", listing, join, 200, 200))

    def get_group(self, call: Call) -> Response:
        self.only(call, *_STANDARD)
        self.require(call, "admin.directory.group.readonly")
        return answer(self._mask(call, "Group").of(objects.group(self._group(call))))

    def list_members(self, call: Call) -> Response:
        """Direct members; with includeDerivedMembership also those of nested groups."""
        query = self.only(call, "roles", "includeDerivedMembership", *_LIST)
        self.require(call, "admin.directory.group.member.readonly", "admin.directory.group.readonly")
        group = self._group(call)
        roles = frozenset(query["roles"].upper().split(",")) if "roles" in query else _ROLES
        if not roles <= _ROLES:
            raise invalid("roles", "Invalid Input: roles")
        deep = query.get("includeDerivedMembership", "false") == "true"
        listing = self.listings.get(("members", group.id, roles, deep), lambda: self._members(group, roles, deep))

        def join(found: list[str], mask: Mask) -> bytes:
            return self._join_members(group, found, mask)

        return self._list(call, _List("members", "Member", listing, join, 200, 200))

    def get_member(self, call: Call) -> Response:
        """One direct member, by id or address; `notFound` names the parameter that means nobody."""
        self.only(call, *_STANDARD)
        self.require(call, "admin.directory.group.member.readonly", "admin.directory.group.readonly")
        group, key = self._group(call), call.route["memberKey"]
        try:
            member = key if key in group.members else self.world.person(key).id
        except UnknownError:
            member = ""
        if member not in group.members:
            raise UnknownError("member", "memberKey")
        role = "OWNER" if member in group.owners else "MEMBER"
        return answer(self._mask(call, "Member").of(objects.member(self.world, member, role)))

    def _join_members(self, group: Group, found: list[str], mask: Mask) -> bytes:
        def shape(role: str) -> Shape:
            return self.shapes.get(("member", role, mask), lambda i: mask.of(objects.member(self.world, i, role)))

        owners = set(group.owners).intersection(found)
        if not owners:
            return shape("MEMBER").join(found)
        owner, member = shape("OWNER"), shape("MEMBER")
        return b",".join([(owner if i in owners else member).join([i]) for i in found])

    def _group(self, call: Call) -> Group:
        key = call.route["groupKey"]
        group = self.world.groups.get(key) or (self.world.group(key) if "@" in key else None)
        if group is None:
            raise UnknownError("group", "groupKey")
        return group

    def _groups(self, text: str, member: str) -> Iterable[tuple[int, str]]:
        tests = [self._group_test(*clause) for clause in _clauses(text)]
        who = self.world.person(member).id if member else ""
        for group in self.world.groups.values():
            if (not who or who in group.members) and all(test(group) for test in tests):
                yield group.seq, group.id

    def _group_test(self, field: str, mark: str, value: str) -> Callable[[Group], bool]:
        if field == "memberKey" and mark == "=":
            who = self.world.person(value).id
            return lambda group: who in group.members
        getter = objects.GROUP_QUERY.get(field)
        if getter is None:
            raise invalid("query", f"Invalid Input: query, field {field}")
        return _matcher(getter, mark, value)

    def _members(self, group: Group, roles: frozenset[str], deep: bool) -> list[tuple[int, str]]:
        members = list(group.members)
        owners = set(group.owners)
        chosen = [i for i in members if ("OWNER" if i in owners else "MEMBER") in roles]
        if not deep:
            return [(group.members[i], i) for i in chosen]
        found = dict.fromkeys(chosen)
        queue = [i for i in members if i in self.world.groups]
        for nested in queue:  # a cycle ends because a group enters the queue once
            for i in self.world.groups[nested].members:
                if i in self.world.groups and i not in queue:
                    queue.append(i)
                if i != group.id and "MEMBER" in roles:
                    found.setdefault(i)
        return list(enumerate(found, start=1))

    def finish(self, response: Response) -> None:
        if response.headers["content-type"] == "application/json":
            response.headers["content-type"] = "application/json; charset=UTF-8"
        response.headers["date"] = http_date(self.now)

    # -- the rest -------------------------------------------------------------------------------------------------

    def list_schemas(self, call: Call) -> Response:
        self.only(call, *_STANDARD)
        self.require(call, "admin.directory.userschema.readonly")
        self._check_customer(call.route["customerId"])
        return answer(objects.schemas(self.world))

    def _account(self, call: Call, *names: str) -> None:
        """One of these parameters must say whose objects are listed."""
        if not any(name in call.query for name in names):
            raise api_error(400, "badRequest", "Bad Request")
        if "customer" in call.query:
            self._check_customer(call.query["customer"])
        domain = call.query.get("domain")
        if domain is not None and domain.casefold() != self.world.domain:
            raise api_error(404, "notFound", "Domain not found.")

    def _check_customer(self, customer: str) -> None:
        if customer not in ("my_customer", self.world.tenant):
            raise api_error(403, "forbidden", "Not Authorized to access this resource/api")

    def _mask(self, call: Call, schema: str) -> Mask:
        try:
            return Mask.read(call.query.get("fields", ""), schema)
        except ValueError as exc:
            raise invalid("fields", f"Invalid field selection {exc}") from exc

    def _list(self, call: Call, asked: _List) -> Response:
        """A page: empty lists have no key, and a mask without nextPageToken loses it."""
        limit = self._limit(call, asked)
        after = position(call.query["pageToken"]) if "pageToken" in call.query else 0
        if after is None:
            raise api_error(400, "invalid", "Invalid Input: pageToken")
        mask = self._mask(call, f"{asked.schema}s")
        ids, following = self.page(asked.listing, after, limit)
        kind = f"admin#directory#{asked.key}"
        head = {"kind": kind, "etag": objects.etag(asked.key, self.world.revision, after), "nextPageToken": ""}
        if following is None:
            del head["nextPageToken"]
        else:
            head["nextPageToken"] = cursor(following)
        shown = encode({name: value for name, value in head.items() if mask.has(name)})
        below = mask.inside(asked.key)
        if not ids or below is None:
            return answer(shown)
        comma = b"," if len(shown) > len(b"{}") else b""
        return answer(shown[:-1] + comma + f'"{asked.key}":['.encode() + asked.join(ids, below) + b"]}")

    def _limit(self, call: Call, asked: _List) -> int:
        text = call.query.get("maxResults", str(asked.default))
        if not text.isdecimal() or not 1 <= int(text) <= asked.maximum:
            raise invalid(
                "maxResults", f"Invalid value '{text}'. Values must be within the range: [1, {asked.maximum}]"
            )
        return int(text)


def _clauses(text: str) -> list[tuple[str, str, str]]:
    """`email:ada* isSuspended=false` → (field, "=" or ":", value); a space means "and"."""
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _CLAUSE.match(text, at)
        if match is None:
            raise invalid("query", "Invalid Input: query")
        field, mark, *values = match.groups()
        found.append((str(field), str(mark), next(str(value) for value in values if value is not None)))
        at = match.end()
    return found


def _matcher(getter: Callable[[T], str], mark: str, value: str) -> Callable[[T], bool]:
    wanted = value.casefold()
    if mark == "=":
        return lambda found: getter(found).casefold() == wanted
    if wanted.endswith("*"):
        return lambda found: getter(found).casefold().startswith(wanted[:-1])
    return lambda found: wanted in getter(found).casefold()
