"""The endpoint's transactions over a real store: reads that share one, and one of them that breaks."""

import asyncio
from collections.abc import Iterator

import pytest

from connectors.scim.listener import Response
from connectors.scim.ports import Resources
from reconciler.errors import StoreError
from rosterd.http.database import Kept, StoreTransactions
from rosterd.http.ports import Work
from rosterd.trouble import Trouble
from store import Store
from store.scim.resources import DirectoryResources
from store.scim.writer import Writer
from tests.builders import policy
from tests.store.scim.endpoints import NOW, person, request

DIRECTORY = policy().directory


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
def transactions(store: Store, trouble: Trouble) -> Iterator[StoreTransactions]:
    with Writer(store) as writer:
        made = StoreTransactions(store, writer, {DIRECTORY: Kept(policy())}, lambda: NOW, trouble)
        yield made
        made.close()


def reading(name: str) -> Work:
    return lambda resources: Response(200 if resources.get("User", name) else 404)


def broken(resources: Resources) -> Response:
    assert isinstance(resources, DirectoryResources)
    resources._run.all("SELECT nothing FROM nowhere")
    raise AssertionError


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_read_that_breaks_leaves_those_alone_that_came_with_it(
    store: Store, transactions: StoreTransactions, place: int
) -> None:
    with request(store) as resources:
        resources.insert(person("ada"))
    works = [reading("ada"), reading("nobody")]
    works.insert(place, broken)

    async def asking() -> list[object]:
        reads = (transactions.read(DIRECTORY, work, quick=True) for work in works)
        return [*await asyncio.gather(*reads, return_exceptions=True)]

    outcomes = asyncio.run(asking())
    error = outcomes.pop(place)
    assert isinstance(error, StoreError)
    assert outcomes == [Response(200), Response(404)]


def test_a_write_that_a_full_disk_refuses_is_in_the_way_until_one_is_taken(
    transactions: StoreTransactions, trouble: Trouble
) -> None:
    """/readyz said that all was well, while clients were told to come back later."""

    def full(_resources: Resources) -> Response:
        raise StoreError("the store refused: database or disk is full", code="disk_full")

    with pytest.raises(StoreError):
        asyncio.run(transactions.write(DIRECTORY, full))
    assert trouble.why() == "disk_full"
    asyncio.run(transactions.write(DIRECTORY, lambda _: Response(200)))
    assert trouble.why() == ""


def test_what_was_written_is_read_by_the_next(transactions: StoreTransactions) -> None:
    def writing(name: str) -> Work:
        def work(resources: Resources) -> Response:
            resources.insert(person(name))
            return Response(201 if name != "refused" else 400, changed=True)

        return work

    async def asking() -> list[int]:
        names = ("ada", "refused", "bob")
        written = await asyncio.gather(*(transactions.write(DIRECTORY, writing(name)) for name in names))
        read = await asyncio.gather(*(transactions.read(DIRECTORY, reading(name), quick=True) for name in names))
        return [each.status for each in (*written, *read)]

    assert asyncio.run(asking()) == [201, 400, 201, 200, 404, 200]
