"""Google's partial responses: `fields=nextPageToken,users(id,name/fullName)` (discovery document, "fields").

A mask is really applied: what it does not name is not in the answer, nextPageToken included. Names that the schema does
not have are refused, as Google refuses them.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from rosterd.simulators.names import words

Tree = tuple[tuple[str, "Tree | None"], ...]  # None: everything below

_ANY = frozenset({"*"})  # a schema position whose content is free
_USER = frozenset(
    words(
        "addresses agreedToTerms aliases archivalTime archived changePasswordAtNextLogin creationTime customSchemas "
        "customerId deletionTime emails etag externalIds gender guestAccountInfo hashFunction id ims "
        "includeInGlobalAddressList ipWhitelisted isAdmin isDelegatedAdmin isEnforcedIn2Sv isEnrolledIn2Sv isGuestUser "
        "isMailboxSetup keywords kind languages lastLoginTime locations name nonEditableAliases notes orgUnitPath "
        "organizations password phones posixAccounts primaryEmail recoveryEmail recoveryPhone relations sshPublicKeys "
        "suspended suspensionReason suspensionTime thumbnailPhotoEtag thumbnailPhotoUrl websites"
    )
)
_GROUP = frozenset(
    words("adminCreated aliases description directMembersCount email etag externalIds id kind name nonEditableAliases")
)
_MEMBER = frozenset(words("delivery_settings email etag id kind role status type"))
_PAGE = frozenset({"kind", "etag", "nextPageToken"})
NAMES: dict[str, frozenset[str]] = {
    "User": _USER,
    "Group": _GROUP,
    "Member": _MEMBER,
    "UserName": frozenset({"displayName", "familyName", "fullName", "givenName"}),
    "Users": _PAGE | {"users", "trigger_event"},
    "Groups": _PAGE | {"groups"},
    "Members": _PAGE | {"members"},
}
_BELOW = {
    ("Users", "users"): "User",
    ("Groups", "groups"): "Group",
    ("Members", "members"): "Member",
    ("User", "name"): "UserName",
}
_TOKEN = re.compile(r"\s*([^\s,()/]+|[,()/])")


@dataclass(frozen=True)
class Mask:
    """Which fields of an object are shown; hashable, so that answers can be kept per mask."""

    tree: Tree | None = None
    _inside: dict[str, "Mask | None"] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, text: str, schema: str) -> "Mask":
        """Raises ValueError with the offending name or sign."""
        if not text.strip():
            return cls()
        tokens = _TOKEN.findall(text)
        tree, at = _fields(tokens, 0, schema)
        if at < len(tokens):
            raise ValueError(tokens[at])
        return cls(tree)

    def has(self, name: str) -> bool:
        return self.inside(name) is not None

    def inside(self, name: str) -> "Mask | None":
        """The mask that applies below a field, None when the field is not shown."""
        if name not in self._inside:
            self._inside[name] = self._work_out(name)
        return self._inside[name]

    def of(self, value: Any) -> Any:
        """The part of a value that the mask shows."""
        if self.tree is None:
            return value
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if not isinstance(value, dict):
            return value
        shown = ((name, self.inside(name), below) for name, below in value.items())
        return {name: mask.of(below) for name, mask, below in shown if mask is not None}

    def _work_out(self, name: str) -> "Mask | None":
        if self.tree is None:
            return self
        parts = [below for asked, below in self.tree if asked in (name, "*")]
        if not parts:
            return None
        return Mask() if None in parts else Mask(tuple(row for part in parts if part is not None for row in part))


def _fields(tokens: list[str], at: int, schema: str) -> tuple[Tree, int]:
    """A comma-separated list of fields from `at` on; ends at ")" or at the end."""
    found: list[tuple[str, Tree | None]] = []
    while True:
        row, at = _field(tokens, at, schema)
        found.append(row)
        if at >= len(tokens) or tokens[at] != ",":
            return tuple(found), at
        at += 1


def _field(tokens: list[str], at: int, schema: str) -> tuple[tuple[str, Tree | None], int]:
    """`name`, `name/name` or `name(list)`."""
    name = tokens[at] if at < len(tokens) else "(end)"
    allowed = NAMES.get(schema, _ANY)
    if name in ("(", ")", ",", "/", "(end)") or not (allowed == _ANY or name == "*" or name in allowed):
        raise ValueError(name)
    below = _BELOW.get((schema, name), "*")
    at += 1
    if at < len(tokens) and tokens[at] == "/":
        inner, at = _field(tokens, at + 1, below)
        return (name, (inner,)), at
    if at < len(tokens) and tokens[at] == "(":
        tree, at = _fields(tokens, at + 1, below)
        if at >= len(tokens) or tokens[at] != ")":
            raise ValueError(name)
        return (name, tree), at + 1
    return (name, None), at
