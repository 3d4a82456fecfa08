"""In which order the operations of a Bulk request are done, and which ids stand for the `bulkId`s they name (RFC 7644
§3.7.1, §3.7.2).

An operation waits for those that make what it names; otherwise the order is the request's. Where operations wait for
each other in a circle, one of them goes ahead: the ids are given beforehand. What the operations mean is bulk.py.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.scim.errors import ScimError
from reconciler.model import JSON
from reconciler.query import Kind

MARK = "bulkId:"


@dataclass
class Step:
    """One operation: what it says and names, and what became of it.

    `loose` are the names whose makers had not been there when it went ahead; `later` the members that it still lacks.
    """

    place: int
    method: str
    path: str
    bulk_id: str
    version: str
    sent: Any
    names: frozenset[str] = frozenset()
    id: str = ""
    kind: Kind = "User"
    loose: frozenset[str] = frozenset()
    later: list[str] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    done: bool = False
    failed: bool = False
    changed: bool = False


class Sequence:
    """The operations of one request."""

    def __init__(self, steps: list[Step]) -> None:
        self._steps = steps
        self.makers: dict[str, Step] = {}
        for step in steps:
            if step.method == "POST" and step.bulk_id:
                self.makers.setdefault(step.bulk_id, step)

    def in_order(self) -> Iterator[Step]:
        """Each once. Who asks for the next has dealt with the one before."""
        waits = {step.place: self._waits(step) for step in self._steps}
        waiting: dict[str, list[Step]] = {}
        for step in self._steps:
            for name in waits[step.place]:
                waiting.setdefault(name, []).append(step)
        ready = [place for place, names in waits.items() if not names]
        heapq.heapify(ready)
        while waits:
            if not ready:
                ready = [self._in_a_circle(waits)]
            step = self._steps[heapq.heappop(ready)]
            step.loose = frozenset(waits.pop(step.place))
            yield step
            for other in waiting.get(step.bulk_id, ()) if self.makers.get(step.bulk_id) is step else ():
                if (names := waits.get(other.place)) is not None:
                    names.discard(step.bulk_id)
                    if not names:
                        heapq.heappush(ready, other.place)

    def _in_a_circle(self, waits: Mapping[int, set[str]]) -> int:
        """Who waits for whom, followed until somebody comes a second time."""
        place, seen = min(waits), set[int]()
        while place not in seen:
            seen.add(place)
            place = self.makers[min(waits[place])].place
        return place

    def _waits(self, step: Step) -> set[str]:
        return {name for name in step.names if name in self.makers and self.makers[name] is not step}

    def ids_for(self, step: Step) -> Mapping[str, str]:
        """The ids of what a step names.

        Raises:
            ScimError: 400 invalidValue: nothing makes it, or what should have was refused.
        """
        if step.bulk_id and self.makers.get(step.bulk_id, step) is not step:
            raise ScimError(400, f"the bulkId {step.bulk_id!r} is that of another operation", "invalidValue")
        for name in sorted(step.names):
            maker = self.makers.get(name)
            if maker is None:
                raise ScimError(400, f"no POST of this request has the bulkId {name!r}", "invalidValue")
            if maker.failed:
                raise ScimError(400, f"{MARK}{name} was not made: see its own operation", "invalidValue")
        return {name: self.makers[name].id for name in step.names}


def names_in(value: Any) -> frozenset[str]:
    """The bulkIds that a value names: texts that are "bulkId:" and one, or a path with one at its end."""
    found: set[str] = set()
    left: list[JSON] = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            _, mark, name = each.partition(MARK)
            if mark and _stands(each):
                found.add(name)
        elif isinstance(each, dict):
            left += each.values()
        elif isinstance(each, (list, tuple)):
            left += each
    return frozenset(found)


def resolved(value: JSON, ids: Mapping[str, str]) -> JSON:
    """The value with ids in place of bulkIds."""
    if not ids:
        return value
    if isinstance(value, str):
        before, mark, name = value.partition(MARK)
        return f"{before}{ids[name]}" if mark and _stands(value) and name in ids else value
    if isinstance(value, dict):
        return {key: resolved(each, ids) for key, each in value.items()}
    return [resolved(each, ids) for each in value] if isinstance(value, list) else value


def _stands(text: str) -> bool:
    """In a value alone, in a path behind the endpoint."""
    return text.startswith((MARK, f"/Users/{MARK}", f"/Groups/{MARK}"))
