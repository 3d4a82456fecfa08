"""What one part of a configuration says about another: ids, references, axes and their values.

The rules read the decoded file, not the validated model, so that a file with one wrong type still hears about
everything else that is wrong with it. They pass over whatever has the wrong shape: pydantic reports that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from reconciler.model import FIELDS, key
from rosterd.settings.lines import Path

Table = Mapping[str, Any]

# What `members` says about everybody: no attribute stands for it.
RESERVED = frozenset(
    ("id", "active", "managed", "directory", "external_id", "roles", "teams", "team", "attributes",
     "sessions_valid_after")
)  # fmt: skip
ONLY_PULLED = ("every", "cron", "simulate")
ONLY_FEEDING = ("match", "role", "team")  # of no use to one that audits


@dataclass(frozen=True)
class Found:
    """A broken rule, before its place in the file is looked up."""

    code: str
    path: Path
    message: str
    fix: str


def tables(holder: Any, name: str) -> Iterator[tuple[int, Table]]:
    """The well-formed tables of an array of tables, with their indexes."""
    rows = holder.get(name) if isinstance(holder, Mapping) else None
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, Mapping):
            yield index, row


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str | None:
    """The known word that this one is probably meant to be."""
    folded = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def broken(raw: Table) -> Iterator[Found]:
    """Every broken rule of the file."""
    yield from _unique_ids(raw, "workspace")
    yield from _unique_ids(raw, "directory")
    for index, workspace in tables(raw, "workspace"):
        yield from _axes(("workspace", index), workspace)
        yield from _role_rules(("workspace", index), workspace)
    workspaces = {str(each.get("id")): each for _, each in tables(raw, "workspace")}
    for index, directory in tables(raw, "directory"):
        yield from _schedule(("directory", index), directory)
        yield from _fields(("directory", index), directory)
        yield from _feeds(("directory", index), directory, workspaces)
    yield from _audits(raw)
    yield from _unique_ids(raw, "notify")
    yield from _told_of(raw)


def _unique_ids(raw: Table, name: str) -> Iterator[Found]:
    first: dict[str, int] = {}
    for index, table in tables(raw, name):
        own = table.get("id")
        if isinstance(own, str) and first.setdefault(own, index) != index:
            message = f'two [[{name}]] have the id "{own}": {name}[{first[own]}] and this one'
            yield Found("duplicate_id", (name, index, "id"), message, "give each one its own id")


def _axes(path: Path, workspace: Table) -> Iterator[Found]:
    seen: set[str] = set()
    for index, role in tables(workspace, "role"):
        here = (*path, "role", index)
        axis = str(role.get("axis"))
        if axis in seen:
            yield Found("duplicate_axis", (*here, "axis"), f'two role axes are named "{axis}"', "declare each once")
        seen.add(axis)
        yield from _values(here, role)


def _values(here: Path, role: Table) -> Iterator[Found]:
    values = _strings(role.get("values"))
    folded = [key(value) for value in values]
    for index, value in enumerate(folded):
        if value in folded[:index]:
            message = f'"{values[index]}" is listed twice (case does not matter)'
            yield Found("duplicate_value", (*here, "values", index), message, "list each value once, lowest first")
    for name in ("default", "protect_last"):
        wanted = role.get(name)
        if isinstance(wanted, str):
            yield from _one_of(values, wanted, (*here, name))
    disabled = _strings(role.get("disabled_values"))
    for index, value in enumerate(disabled):
        yield from _one_of(values, value, (*here, "disabled_values", index))
    default = role.get("default", values[0] if values else None)  # the lowest, if nothing is written
    if default in disabled:
        message = f'the default "{default}" is among the disabled values'
        yield Found("disabled_default", (*here, "default"), message, "choose a default that the plan has")


def _role_rules(path: Path, workspace: Table) -> Iterator[Found]:
    for index, rule in tables(workspace, "role_rule"):
        for side in ("when", "force"):
            table = rule.get(side)
            for axis, value in table.items() if isinstance(table, Mapping) else ():
                here = (*path, "role_rule", index, side, axis)
                yield from _value_of(workspace, axis, value, here)
                if side == "force" and value in _disabled(workspace, axis):
                    message = f'"{value}" is among the disabled values of {axis}'
                    yield Found("disabled_value", here, message, "force a value that the plan has")


def _schedule(here: Path, directory: Table) -> Iterator[Found]:
    if directory.get("kind") == "scim":
        for name in ONLY_PULLED:
            if name in directory:
                message = f"{name} is for directories that are read; a SCIM client tells us by itself"
                yield Found("not_for_kind", (*here, name), message, "remove this line")
    elif "every" in directory and "cron" in directory:
        message = "every and cron are alternatives"
        yield Found("two_schedules", (*here, "cron"), message, "remove one of the two")


def _fields(here: Path, directory: Table) -> Iterator[Found]:
    first: dict[str, tuple[int, object]] = {}
    for index, mapping in tables(directory, "attribute"):
        field, source = mapping.get("to"), mapping.get("from")
        if not isinstance(field, str):
            continue
        place = (*here, "attribute", index, "to")
        if field in RESERVED:
            message = f'"{field}" is no field that a directory attribute can fill'
            yield Found("reserved_field", place, message, f"one of: {', '.join(FIELDS)}; or a name of your own")
        other, said = first.setdefault(field, (index, source))
        if other != index:
            message = f'two attributes fill {field}: "{said}" (attribute[{other}]) and "{source}" (attribute[{index}])'
            yield Found("duplicate_field", place, message, "keep one of the two")


def _feeds(here: Path, directory: Table, workspaces: Mapping[str, Table]) -> Iterator[Found]:
    own = directory.get("workspace")
    if not isinstance(own, str):
        return
    if own not in workspaces:
        yield Found("unknown_workspace", (*here, "workspace"), f'no [[workspace]] has the id "{own}"',
                    _choices(own, tuple(workspaces)))  # fmt: skip
        return
    for index, role in tables(directory, "role"):
        yield from _role_source((*here, "role", index), role, workspaces[own])


def _audits(raw: Table) -> Iterator[Found]:
    """A directory that audits is compared with a told one of its workspace, alone, and has no mappings."""
    known = {each["id"]: each for _, each in reversed([*tables(raw, "directory")]) if isinstance(each.get("id"), str)}
    first: dict[str, str] = {}
    for index, directory in tables(raw, "directory"):
        of = directory.get("audits")
        if not isinstance(of, str):
            continue
        here = ("directory", index)
        yield from _auditable((*here, "audits"), directory, of, known)
        other = first.setdefault(of, str(directory.get("id")))
        if other != str(directory.get("id")):
            message = f'two directories audit "{of}": "{other}" and this one'
            yield Found("two_auditors", (*here, "audits"), message, "let one of the two do it")
        for name in ONLY_FEEDING:
            if name in directory:
                message = f"{name} is for directories that feed a workspace; this one only audits"
                fix = f'remove it: what counts is written at "{of}"'
                yield Found("only_feeding", (*here, name), message, fix)


def _auditable(here: Path, directory: Table, of: str, known: Mapping[str, Table]) -> Iterator[Found]:
    told = tuple(name for name, each in known.items() if each.get("kind") == "scim")
    same = tuple(name for name in told if known[name].get("workspace") == directory.get("workspace"))
    if directory.get("kind") == "scim":
        message, fix = "a SCIM client tells us: it cannot be read to audit another", "remove this line"
        yield Found("not_for_kind", here, message, fix)
    elif of not in known:
        yield Found("unknown_directory", here, f'no [[directory]] has the id "{of}"', _choices(of, same))
    elif of == directory.get("id"):
        yield Found("audits_itself", here, "a directory cannot audit itself", _choices("", same) or "remove this line")
    elif of not in told:
        message = f'"{of}" is read, not told: there is nothing to audit'
        yield Found("not_told", here, message, _choices("", same) or "remove this line")
    elif of not in same:
        message = f'"{of}" feeds another workspace than "{directory.get("workspace")}"'
        yield Found("other_workspace", here, message, _choices("", same) or "give both the same workspace")


def _told_of(raw: Table) -> Iterator[Found]:
    """Nobody waits for news of a directory that is not there."""
    for name, listed in (("directory", "directories"), ("workspace", "workspaces")):
        known = tuple(each["id"] for _, each in tables(raw, name) if isinstance(each.get("id"), str))
        for index, target in tables(raw, "notify"):
            given = target.get(listed)
            for place, own in enumerate(given if isinstance(given, list) else ()):
                if isinstance(own, str) and own not in known:
                    message = f'no [[{name}]] has the id "{own}"'
                    yield Found(f"unknown_{name}", ("notify", index, listed, place), message, _choices(own, known))


def _role_source(here: Path, role: Table, workspace: Table) -> Iterator[Found]:
    axis = role.get("axis")
    if "attribute" not in role and not role.get("groups"):
        message = "this [[directory.role]] says nowhere to take the value from"
        yield Found("no_source", here, message, "give attribute = …, groups = { … }, or both")
    if not isinstance(axis, str):
        return
    if axis not in _axis_values(workspace):
        yield from _value_of(workspace, axis, "", (*here, "axis"))
        return
    groups = role.get("groups")
    for group, value in groups.items() if isinstance(groups, Mapping) else ():
        yield from _value_of(workspace, axis, value, (*here, "groups", group))


def _value_of(workspace: Table, axis: str, value: object, here: Path) -> Iterator[Found]:
    axes = _axis_values(workspace)
    if axis not in axes:
        message = f'the workspace "{workspace.get("id")}" declares no role axis "{axis}"'
        yield Found("unknown_axis", here, message, _choices(axis, tuple(axes)) or "add a [[workspace.role]]")
    elif isinstance(value, str):
        yield from _one_of(axes[axis], value, here)


def _one_of(values: tuple[str, ...], value: str, here: Path) -> Iterator[Found]:
    if values and value not in values:
        message = f'"{value}" is not among the values of its role axis'
        yield Found("unknown_value", here, message, _choices(value, values))


def _axis_values(workspace: Table) -> dict[str, tuple[str, ...]]:
    return {str(role.get("axis")): _strings(role.get("values")) for _, role in tables(workspace, "role")}


def _disabled(workspace: Table, axis: str) -> tuple[str, ...]:
    return tuple(
        value
        for _, role in tables(workspace, "role")
        if role.get("axis") == axis
        for value in _strings(role.get("disabled_values"))
    )


def _strings(given: object) -> tuple[str, ...]:
    return tuple(each for each in given if isinstance(each, str)) if isinstance(given, list) else ()


def _choices(word: str, known: tuple[str, ...]) -> str:
    if (near := nearest(word, known)) is not None:
        return f'did you mean "{near}"?'
    return f"one of: {', '.join(sorted(known))}" if known else ""
