"""PATCH: what a resource is after its operations, all of them in order or none (RFC 7644 §3.5.2).

Pure. Changes to a group's members come out apart, as what is to be done: no group is ever loaded to change one member.
The values of multi-valued attributes are elements.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from connectors.scim import elements
from connectors.scim.errors import ScimError
from connectors.scim.filters import Path, parse_path
from connectors.scim.leniencies import Tolerance, unheard
from connectors.scim.lenient import check_required, text, value_of
from connectors.scim.names import Place, new, place_or_new, sub_attribute
from connectors.scim.schema import CORE, SCHEMAS, Attribute
from reconciler.model import Frozen
from reconciler.query import Compare, Filter, Kind, Or

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MOST_OPERATIONS = 10_000
MOST_LOOKED_AT = 250_000  # values of attributes, in all operations of a request: under a second

Op = Literal["add", "replace", "remove"]
_OPS: dict[str, Op] = {"add": "add", "replace": "replace", "remove": "remove"}


class Operation(Frozen, frozen=True):
    """One operation of a PATCH. `path` None: the resource itself; `value` None: there is none, or null."""

    op: Op
    path: str | None = None
    value: Any = None
    valued: bool = False  # a value was sent, if only null


class Membership(Frozen, frozen=True):
    """What is to be done about a group's members: add these, remove these, or let there be exactly these.

    `where`: remove those whose own sub-attributes meet it, instead of `ids`. `target`: somebody has to leave by it,
    else the request is refused (400 noTarget).
    """

    op: Literal["add", "remove", "set"]
    ids: tuple[str, ...] = ()
    where: Filter | None = None
    target: bool = False


class Patched(Frozen, frozen=True):
    """The body of the resource afterwards; whether it is another than before; what to do about members, in order."""

    body: dict[str, Any]
    changed: bool
    memberships: tuple[Membership, ...] = ()


def operations(body: object, *, strict: bool, note: Callable[[str], None] = unheard) -> tuple[Operation, ...]:
    """The operations of a PATCH request's body.

    Raises:
        ScimError: 400 invalidSyntax or invalidValue; 413 for more than `MOST_OPERATIONS`.
    """
    how = Tolerance(strict, note)
    message = _members(body, "The body")
    named = message.get("schemas")
    if not isinstance(named, list) or SCHEMA not in named:
        how.allow("missing-schemas", f"'schemas' has to name {SCHEMA}.", "invalidSyntax")
    listed = message.get("operations")
    if isinstance(listed, dict):
        how.allow("single-value", "'Operations' has to be a list.", "invalidSyntax")
        listed = [listed]
    if not isinstance(listed, list):
        raise ScimError(400, "'Operations' is missing, or no list.", "invalidSyntax")
    if not listed:
        how.allow("nothing-asked", "'Operations' is empty.")
    if len(listed) > MOST_OPERATIONS:
        raise ScimError(413, f"A PATCH has at most {MOST_OPERATIONS} operations, not {len(listed)}.")
    return tuple(_operation(each, how) for each in listed)


def _members(value: object, what: str) -> dict[str, Any]:
    """A message's object with its names in lower case: names of attributes have no case (RFC 7643 §2.1)."""
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ScimError(400, f"{what} has to be a JSON object.", "invalidSyntax")
    return {name.lower(): item for name, item in value.items()}


def _operation(value: object, how: Tolerance) -> Operation:
    said = _members(value, "An operation")
    name, path = said.get("op"), said.get("path")
    op = _OPS.get(name.lower()) if isinstance(name, str) else None
    if op is None:
        raise ScimError(400, "'op' has to be add, replace or remove.", "invalidSyntax")
    if name != op:
        how.allow("op-case", f"'op' has to be in lower case: {op}.", "invalidSyntax")
    if path is not None and not isinstance(path, str):
        raise ScimError(400, "'path' has to be text.", "invalidPath")
    if path is not None and not path.strip():
        how.allow("empty-unassigns", "'path' is empty: leave it out.", "invalidPath")
        path = None
    return Operation(op, path, said.get("value"), "value" in said)


def patched(
    body: Mapping[str, Any],
    operations: Sequence[Operation],
    *,
    kind: Kind,
    id: str = "",  # noqa: A002 - SCIM's word
    strict: bool,
    note: Callable[[str], None] = unheard,
) -> Patched:
    """The resource of this body and id after the operations; `body` itself stays as it is.

    Raises:
        ScimError: 400; nothing is to be done then.
    """
    patch = _Patch(copied(body), kind, id, Tolerance(strict, note))
    for operation in operations:
        patch.apply(operation)
    return Patched(patch.body, patch.body != body, patch.memberships())


def copied(value: Any) -> Any:
    """A copy of JSON that shares nothing that can change."""
    if isinstance(value, dict):
        return {name: copied(item) if isinstance(item, dict | list) else item for name, item in value.items()}
    return [copied(item) if isinstance(item, dict | list) else item for item in value]


class _Patch:
    """A resource while operations are applied."""

    def __init__(self, body: dict[str, Any], kind: Kind, own_id: str, how: Tolerance) -> None:
        self.body = body
        self._kind = kind
        self._id = own_id
        self._how = how
        self._changes: list[tuple[Membership, dict[str, None]]] = []
        self._looked_at = 0

    def memberships(self) -> tuple[Membership, ...]:
        return tuple(Membership(each.op, tuple(ids), each.where, each.target) for each, ids in self._changes)

    def apply(self, operation: Operation) -> None:
        op, value = operation.op, operation.value
        if op != "remove" and not operation.valued:
            raise ScimError(400, f"An operation that is to {op} needs a value.", "invalidValue")
        if operation.path is not None:
            path = parse_path(operation.path, self._kind, strict=self._how.strict, note=self._how.note)
            self._at(op, path, value, named=True)
        elif op == "remove":
            raise ScimError(400, "An operation that removes needs a path.", "noTarget")
        elif not isinstance(value, dict):
            raise ScimError(400, "Without a path, the value has to be an object of attributes.", "invalidValue")
        else:
            for name, item in value.items():
                self._named(op, name, item)

    def _named(self, op: Op, name: object, value: object) -> None:
        """One attribute of a value without a path. Leniently its name may be any path (facts: Entra E3)."""
        if not isinstance(name, str):
            raise ScimError(400, "The names in a JSON object have to be text.", "invalidSyntax")
        if "[" in name:
            self._how.allow("key-path", f"{name[:60]!r} is no attribute.", "invalidSyntax")
            path = parse_path(name, self._kind, strict=False, note=self._how.note)
        else:
            path = Path(place_or_new(name, self._kind, self._how))
            if path.place.sub is not None:
                self._how.allow("key-path", f"{name[:60]!r} is no attribute: write it as an object.", "invalidSyntax")
        self._at(op, path, value, named=False)

    def _at(self, op: Op, path: Path, value: object, *, named: bool) -> None:
        """Does it to one place; `named`: the operation is about nothing else."""
        if path.place.attribute is None or not path.place.attribute.known:
            path = Path(self._spelt(path.place))
        place = path.place
        attribute = place.attribute
        if attribute is None:
            self._schema(op, place.urn, value)
        elif attribute.name == "schemas" or attribute.mutability == "writeOnly":
            return  # what it holds says which schemas it has; a password is never kept
        elif attribute.mutability == "readOnly":
            self._read_only(op, attribute, value, named=named)
        elif attribute.name == "members":
            self._membership(op, path, value)
        elif op == "remove":
            self._remove(path, value)
        elif attribute.multi:
            self._set_values(op, path, attribute, value)
        else:
            self._set(op, place, attribute, value)

    def _spelt(self, place: Place) -> Place:
        """What no schema knows is spelt as it was when it came first."""
        urn, attribute = place.urn, place.attribute
        if urn not in SCHEMAS and urn not in self.body:
            urn = next((name for name in self.body if name.lower() == urn.lower()), urn)
        holder = self.body.get(urn) if urn else self.body
        if attribute is not None and isinstance(holder, dict) and attribute.name not in holder:
            folded = attribute.name.lower()
            attribute = next((new(name) for name in holder if name.lower() == folded), attribute)
        return Place(urn, attribute, place.sub)

    def _read_only(self, op: Op, attribute: Attribute, value: object, *, named: bool) -> None:
        if attribute.name == "id":
            if op == "remove" or value != self._id:
                raise ScimError(400, "The id of a resource never changes.", "mutability")
            return  # Okta and authentik repeat it with every change (facts: O7)
        refusal = f"Only the server sets {attribute.name}."
        if named:
            raise ScimError(400, refusal, "mutability")
        self._how.allow("read-only", refusal, "mutability")

    def _schema(self, op: Op, urn: str, value: object) -> None:
        """An extension, or the resource itself by its URN."""
        if op == "remove" or (value is None and op == "replace"):
            if not urn:
                raise ScimError(400, f"A {self._kind} cannot be removed from itself.", "noTarget")
            self.body.pop(urn, None)
            return
        if not isinstance(value, dict):
            raise ScimError(400, f"{urn or CORE[self._kind]!r} has to be an object.", "invalidValue")
        for name, item in value.items():
            if urn and urn not in SCHEMAS and isinstance(name, str):
                self._at(op, Path(Place(urn, new(text(name, "A name")))), item, named=False)
            elif str(name).lower() != "schemas":  # an extension that names its own schema says nothing
                self._named(op, f"{urn or CORE[self._kind]}:{name}", item)

    # -- attributes with one value ------------------------------------------------------------------------------------

    def _holder(self, place: Place, *, make: bool) -> dict[str, Any]:
        """The object that holds the attribute: an empty one that nothing holds when there is none to be made."""
        if not place.urn:
            return self.body
        holder: dict[str, Any] = self.body.setdefault(place.urn, {}) if make else self.body.get(place.urn, {})
        return holder

    def _set(self, op: Op, place: Place, attribute: Attribute, value: object) -> None:
        if value is None and op == "add":
            self._how.allow("null-added", f"Adding {attribute.name} needs a value.")
            return
        if place.sub is not None:
            if place.sub.mutability == "readOnly" and self._how.strict:
                raise ScimError(400, f"Only the server sets {attribute.name}.{place.sub.name}.", "mutability")
            said = elements.sub_value(attribute, place.sub, value, self._how)
            if said is None:
                self._merge(place, attribute, {}, (place.sub.name,))
            else:
                self._merge(place, attribute, {place.sub.name: said}, ())
            return
        said = value_of(attribute, value, self._how, attribute.name)
        if said is None and not (isinstance(value, dict) and (value or self._how.strict)):
            self._unassign(place, attribute)
        elif attribute.type == "complex":
            self._merge(place, attribute, said or {}, self._emptied(attribute, value))
        elif said is not None:
            check_required(attribute, said)
            self._holder(place, make=True)[attribute.name] = said
        else:
            self._unassign(place, attribute)

    def _emptied(self, attribute: Attribute, value: object) -> tuple[str, ...]:
        """The sub-attributes that an object unassigns with null (facts: Entra E19)."""
        if not isinstance(value, dict):
            return ()
        empty = (None,) if self._how.strict else (None, "")
        return tuple(
            found.name if (found := sub_attribute(attribute, name)[0]) is not None else name
            for name, item in value.items()
            if item is None or (item in empty and name.lower() == "value")
        )

    def _merge(self, place: Place, attribute: Attribute, said: dict[str, Any], emptied: Sequence[str]) -> None:
        """A complex attribute keeps the sub-attributes that are not mentioned (RFC 7644 §3.5.2.3)."""
        holder = self._holder(place, make=True)
        held = holder.get(attribute.name)
        merged: dict[str, Any] = dict(held) if isinstance(held, dict) else {}
        for name in emptied:
            merged.pop(name, None)
        if "value" in attribute.sub and merged.get("value") != said.get("value", merged.get("value")):
            merged = {}  # the name and the address of a manager do not outlive the manager
        merged.update(said)
        if "value" in emptied and "value" not in merged:
            merged = {}
        holder[attribute.name] = merged
        if not merged:
            self._unassign(place, attribute)

    def _unassign(self, place: Place, attribute: Attribute) -> None:
        if attribute.required:
            raise ScimError(400, f"{attribute.name} is required: it can be replaced, not removed.", "mutability")
        holder = self._holder(place, make=False)
        holder.pop(attribute.name, None)
        if place.urn and not holder:
            self.body.pop(place.urn, None)

    # -- attributes with several values -------------------------------------------------------------------------------

    def _set_values(self, op: Op, path: Path, attribute: Attribute, value: object) -> None:
        place, how = path.place, self._how
        holder = self._holder(place, make=True)
        found: elements.Elements = holder.setdefault(attribute.name, [])
        self._look_at(found, value)
        if path.where is not None:
            elements.set_where(found, attribute, path.where, sub=place.sub, value=value, op=op, how=how)
        elif place.sub is not None:
            elements.set_everywhere(found, attribute, place.sub, value, how)
        elif op == "add":
            elements.add(found, attribute, value, how)
        else:
            found[:] = value_of(attribute, value, how, attribute.name) or []
        if not found:
            self._unassign(place, attribute)

    def _remove(self, path: Path, value: object) -> None:
        place, attribute = path.place, path.place.attribute
        if attribute is None:
            return
        if value is not None and not (attribute.multi and path.where is None and place.sub is None):
            self._how.allow("removal-value", "An operation that removes has no value.")
        if place.sub is None and path.where is None and (not attribute.multi or value is None):
            self._unassign(place, attribute)
            return
        found = self._holder(place, make=False).get(attribute.name)
        self._look_at(found, value)
        if isinstance(found, dict) and place.sub is not None:
            self._merge(place, attribute, {}, (place.sub.name,))
        elif not isinstance(found, list):
            if path.where is not None:
                self._how.allow("nothing-removed", f"There is no {attribute.name}.", "noTarget")
        elif path.where is None and place.sub is None:
            elements.remove(found, attribute, value, self._how)
        else:
            elements.remove_where(found, attribute, path.where, place.sub, self._how)
        if found == []:
            self._unassign(place, attribute)

    def _look_at(self, found: object, value: object) -> None:
        """Bounds the work of a request: operations times values."""
        self._looked_at += len(found) * (len(value) if isinstance(value, list) else 1) if isinstance(found, list) else 0
        if self._looked_at > MOST_LOOKED_AT:
            raise ScimError(413, "The operations are about too many values: send them in several requests.")

    # -- members ------------------------------------------------------------------------------------------------------

    def _membership(self, op: Op, path: Path, value: object) -> None:
        if path.place.sub is not None or path.place.attribute is None:
            raise ScimError(400, "A member is added or removed, not changed.", "mutability")
        if path.where is not None:
            self._selected_members(op, path.where)
        elif op == "remove" and value is None:
            self._change("set", ())
        else:
            if op == "remove":
                self._how.allow("removal-value", 'A removal has no value: write members[value eq "…"].')
            said = value_of(path.place.attribute, value, self._how, "members") or ()
            self._change("set" if op == "replace" else op, [member["value"] for member in said])

    def _selected_members(self, op: Op, where: Filter) -> None:
        ids = _ids(where)
        if op != "remove":
            if not ids:
                raise ScimError(400, "A member is added or removed, not changed.", "mutability")
            self._how.allow("value-made", "A member is added or removed, not changed.", "mutability")
            self._change("add", ids)
        elif ids is not None:
            self._change("remove", ids, target=self._how.strict)
        else:
            self._changes.append((Membership("remove", (), where, target=self._how.strict), {}))

    def _change(self, op: Literal["add", "remove", "set"], ids: Sequence[str], *, target: bool = False) -> None:
        """As one change with the last where it is the same: authentik sends an operation for each member."""
        last = self._changes[-1] if self._changes else None
        if last is None or op == "set" or target or last[0].op != op or last[0].where is not None or last[0].target:
            last = (Membership(op, target=target), {})
            self._changes.append(last)
        last[1].update(dict.fromkeys(ids))


def _ids(where: Filter) -> tuple[str, ...] | None:
    """The ids that members[value eq "x" or value eq "y"] selects; None when it selects by anything else."""
    found = []
    for term in where.terms if isinstance(where, Or) else (where,):
        if not isinstance(term, Compare) or term.op != "eq" or term.attr.keys != ("value",):
            return None
        if not isinstance(term.value, str):
            return None
        found.append(term.value)
    return tuple(found)
