"""Copies of what a plan of one directory reads, to be planned in under another policy without a trace in the store.

A copy holds the mirror of the directory and the members of its workspace as they are at one moment, in SQLite files of
a private folder that is removed at the end. Nothing of runs, leases or history is copied.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, text

from reconciler.policy import Policy
from store.database import Store, bulk, open_store

_CHUNK = 5000  # rows at a time
_OF_DIRECTORY = "directory = :d"
_OF_MEMBER = "member_no IN (SELECT no FROM member WHERE workspace = :w)"
# Each row that a snapshot, a promotion or a policy's history may ask for.
_COPIED = {
    "directory": "id = :d",
    "mirror_user": _OF_DIRECTORY,
    "mirror_group": _OF_DIRECTORY,
    "mirror_edge": _OF_DIRECTORY,
    "binding": _OF_DIRECTORY,
    "mapping": _OF_DIRECTORY,
    "policy": _OF_DIRECTORY,
    "scim_resource": _OF_DIRECTORY,
    "scim_member": "group_no IN (SELECT no FROM scim_resource WHERE directory = :d)",
    "member": "workspace = :w",
    "member_role": _OF_MEMBER,
    "team": "workspace = :w",
    "team_member": _OF_MEMBER,
}


@contextmanager
def copies(store: Store, policy: Policy) -> Iterator[tuple[Store, Store]]:
    """Two equal copies of what a plan under this policy reads; they and their folder are gone afterwards.

    Raises:
        StoreError: the store refused, or there is no room for the copies (TMPDIR says where they go).
    """
    with TemporaryDirectory(prefix="rosterd-") as folder:
        files = [Path(folder) / name for name in ("one.db", "other.db")]
        first = open_store(f"sqlite:///{files[0]}")
        try:
            _fill(store, first, {"d": policy.directory, "w": policy.workspace})
        finally:
            first.close()  # what is still in its log goes into the file
        shutil.copyfile(*files)
        one, other = (open_store(f"sqlite:///{file}") for file in files)
        try:
            yield one, other
        finally:
            one.close()
            other.close()


def _fill(store: Store, copy: Store, given: dict[str, str]) -> None:
    with store.read() as source, copy.write() as target:
        for table, where in _COPIED.items():
            _copy(source, target, table, where, given)


def _copy(source: Connection, target: Connection, table: str, where: str, given: dict[str, str]) -> None:
    used = {name: value for name, value in given.items() if f":{name}" in where}
    select = text(f"SELECT * FROM {table} WHERE {where}").execution_options(stream_results=True)
    found = source.execute(select, used)
    names = [*found.keys()]
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    for chunk in found.partitions(_CHUNK):
        bulk(target, insert, [tuple(row) for row in chunk])
