"""Takes people out of SCIM traffic so that it can become a fixture: pure, the key is an argument.

The same value becomes the same made-up one wherever it stands (in a body, a filter, a path), in the case it was written
in, so that a recorded conversation still makes sense. What is kept is a list, not what is masked: an attribute nobody
thought of is masked.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from uuid import UUID

# Attributes whose values say nothing about who somebody is, by the last part of their name in lower case.
KEPT = frozenset(
    (
        "active", "primary", "type", "schemas", "version", "resourcetype", "location", "op", "method", "bulkid",
        "status", "scimtype", "count", "startindex", "itemsperpage", "totalresults", "failonerrors", "sortby",
        "sortorder", "attributes", "excludedattributes", "cursor", "nextcursor", "previouscursor", "created",
        "lastmodified", "usertype", "locale", "timezone", "preferredlanguage", "title", "department", "division",
        "organization", "costcenter", "roles", "entitlements",
    )
)  # fmt: skip
REPLACED = frozenset(("password", "x509certificates", "photos", "detail"))  # an error's detail may quote a value
SHOWN_NAMES = re.compile(r"/groups(/|$)", re.IGNORECASE)  # below which displayName is a group's, not a person's
REMOVED = "removed"
_COMPARED = re.compile(r'([\w.:$\-\]]+)(\s+(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+)"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_SEGMENT = re.compile(r"[.:]")


class Mask:
    """One key: the same values give the same made-up ones."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def body(self, value: Any, *, group: bool) -> Any:
        """A request's or a response's body; `group`: its displayName is that of a group."""
        return self._value(value, "displayname" if group else "", "")

    def query(self, query: tuple[tuple[str, str], ...]) -> list[list[str]]:
        """The parameters; in a filter what attributes are compared with is masked."""
        return [[name, self.filter(value) if name.lower() == "filter" else self._parameter(name, value)]
                for name, value in query]  # fmt: skip

    def filter(self, text: str) -> str:
        """A filter or a path with one in it."""

        def masked(found: re.Match[str]) -> str:
            name = _last(found[1])
            return f'{found[1]}{found[2]}"{found[3] if name in KEPT else self.text(found[3])}"'

        return _COMPARED.sub(masked, text)

    def path(self, path: str) -> str:
        """A request's path: an id that is none of ours may be anything."""
        return "/".join(self.text(part) if "@" in part else part for part in path.split("/"))

    def text(self, text: str) -> str:
        """A made-up value of the same sort: an address stays an address, digits stay digits, an id stays."""
        if not text or _is_id(text):
            return text
        number = self._number(text)
        if text.isdecimal():
            return str(int(number, 16))[: max(4, len(text))]
        made = f"m{number}@example.com" if "@" in text else f"m{number}"
        return made.upper() if text.isupper() else made

    def _number(self, text: str) -> str:
        return blake2b(text.casefold().encode("utf-8", "surrogatepass"), key=self._key, digest_size=6).hexdigest()

    def _parameter(self, name: str, value: str) -> str:
        return value if name.lower() in KEPT else self.text(value)

    def _value(self, value: Any, shown: str, name: str) -> Any:
        if isinstance(value, Mapping):
            return self._object(value, shown, name)
        if isinstance(value, list):
            return [self._value(each, shown, name) for each in value]
        if isinstance(value, bool) or value is None or name in KEPT or (shown and name == shown):
            return value
        if isinstance(value, str):
            return value if value.lower() in ("true", "false") else self.text(value)
        return int(self._number(str(value)), 16) % 1_000_000

    def _object(self, value: Mapping[str, Any], shown: str, name: str) -> dict[str, Any]:
        masked: dict[str, Any] = {}
        for key, inner in value.items():
            own = _last(key)
            if own in REPLACED:
                masked[key] = REMOVED
            elif own in ("path", "filter", "ref") and isinstance(inner, str):
                masked[key] = self.filter(inner)
            elif own == "value" and isinstance(value.get("path"), str):  # of a PATCH operation
                target = _last(value["path"])
                masked[key] = REMOVED if target in REPLACED else self._value(inner, shown, target)
            else:
                masked[key] = self._value(inner, shown, name if name in KEPT and own in ("value", "display") else own)
        return masked


def _last(name: str) -> str:
    """The last part of an attribute's path, in lower case: of `emails[type eq "work"].value` it is value, whose meaning
    is that of emails."""
    outer, bracket, inner = name.partition("[")
    last = _SEGMENT.split(outer)[-1].lower().lstrip("$")
    return last if bracket or not inner else _SEGMENT.split(inner)[-1].lower()


def _is_id(text: str) -> bool:
    """Whether it is an id of ours, which says nothing."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
