"""What a cursor remembers between two reads: the vendor's marks, and whose members have been read whole.

A cursor is JSON and opaque to everybody else. It is only good for the selection that it was made for: another one needs
a read of everything. What does not live here: what a vendor's marks mean.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from itertools import chain

import msgspec

from connectors.base import Resync
from reconciler.groups import resolve
from reconciler.model import CollectionEnd, Completeness, Cursor, DirectoryGroup, Wanted

_VERSION = "1"


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where an incremental read begins.

    `marks` are the vendor's own; `read` are groups whose members are known and followed, `again` those that could not
    be read whole, `gone` deleted ones; `stamps` is what recently changed groups looked like when they were read.
    """

    digest: str
    marks: dict[str, str]
    read: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    stamps: dict[str, str] = {}


def digest(wanted: Wanted, *parts: str) -> str:
    """Of everything that decides what a read reports, besides time and groups: those that are newly wanted are read
    whole (`to_read`), those that are no longer are followed until everything is read again."""
    selected = [_VERSION, *parts, sorted(wanted.attributes), wanted.nested]
    return sha256(msgspec.json.encode(selected)).hexdigest()[:32]


def opened(text: str, expected: str) -> Place:
    """The place that a cursor names.

    Raises:
        Resync: it is not readable, or was made for another selection.
    """
    try:
        place = msgspec.json.decode(text, type=Place)
    except msgspec.DecodeError as exc:
        raise Resync("the cursor of the last read is not readable; everything is read again") from exc
    if place.digest != expected:
        raise Resync("attributes or the address changed since the last read; everything is read again")
    return place


def written(place: Place) -> Cursor:
    """The observation that ends a read: where the next one begins."""
    return Cursor(msgspec.json.encode(place, order="deterministic").decode())


def to_read(wanted: Wanted, groups: Iterable[DirectoryGroup], place: Place, gone: Collection[str] = ()) -> set[str]:
    """Groups whose members have to be read whole: wanted, and not followed yet.

    Args:
        wanted: with what its names mean among the groups that the mirror knows.
        groups: those that changed; a new or renamed one may now be one that is mentioned.
        place: where the read began.
        gone: groups that are deleted now.
    """
    named = resolve(wanted.groups, groups, {})
    bound = {group for ref, group in wanted.bound.items() if ref in wanted.groups}
    ids = {*bound, *named.ids.values(), *chain.from_iterable(named.ambiguous.values()), *place.again}
    return ids - place.read - frozenset(gone)


def after(
    place: Place, marks: Mapping[str, str], ends: Iterable[CollectionEnd], *, gone: Iterable[str] = (),
    stamps: Mapping[str, str] | None = None,
) -> Cursor:  # fmt: skip
    """The cursor behind a read that began at `place` and closed groups as `ends` say."""
    members = [end for end in ends if end.collection == "members"]
    again = frozenset(end.group for end in members if end.completeness is Completeness.PARTIAL)
    whole = frozenset(end.group for end in members if end.completeness is Completeness.COMPLETE)
    missing = frozenset(gone)
    read = (place.read | whole) - again - missing
    kept = {group: stamp for group, stamp in (stamps or {}).items() if group in read}
    return written(Place(place.digest, dict(marks), read, again - missing, missing, kept))
