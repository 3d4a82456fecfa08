"""Writers of one directory on PostgreSQL, as several processes would be: they wait for each other."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from sqlalchemy import Connection

from reconciler.model import UsersSeen
from store import Store, open_store
from store.database import scalar
from store.scim.resources import DirectoryResources
from store.scim.writer import Writer
from tests.builders import policy, user
from tests.store.scim.endpoints import NOW, person


@pytest.fixture
def other(store_url: str) -> Store:
    return open_store(store_url)


def creating(name: str, directory: str) -> Callable[[Connection], None]:
    def job(connection: Connection) -> None:
        told = DirectoryResources(connection, policy(directory=directory), NOW)
        told.insert(person(name))
        told.absorb(UsersSeen((user(name),)))

    return job


def test_two_processes_write_to_the_same_directories_in_any_order(store: Store, other: Store) -> None:
    directories = ("a", "b", "c")
    with Writer(store) as one, Writer(other) as two:
        jobs: list[Future[None]] = []
        for number in range(40):
            for writer, order in ((one, directories), (two, directories[::-1])):
                jobs += [writer.submit(creating(f"{number}-{writer is one}", each), directory=each) for each in order]
        for job in jobs:
            job.result(30)
    with store.read() as connection:
        assert scalar(connection, "SELECT count(*) FROM mirror_user") == 240
        assert scalar(connection, "SELECT max(generation) FROM directory") == 80
    other.close()


def test_one_user_name_is_given_once_whoever_asks_first(store: Store, other: Store) -> None:
    begin = threading.Barrier(2)
    outcomes: list[str] = []

    def job(connection: Connection) -> str:
        DirectoryResources(connection, policy(), NOW).insert(person(f"{id(connection)}", userName="ada"))
        return "made"

    def asking(opened: Store) -> None:
        with Writer(opened) as writer:
            begin.wait(10)
            error = writer.submit(job, directory="okta").exception(30)
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=asking, args=(opened,)) for opened in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["NoneType", "Taken"]
    other.close()
