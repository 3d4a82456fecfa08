"""What is heard is added up, and kept when the store takes it."""

import asyncio
from collections import Counter

import pytest

from connectors.scim.listener import Response
from reconciler.errors import StoreError
from rosterd.http.hearing import Ear, Heard
from rosterd.http.ports import Grant

ACME, OTHER = Grant("a", "acme-scim"), Grant("o", "other-scim")


class Memory:
    """Keeps what it is given; refuses while it is closed."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Heard]] = []
        self.closed = False

    async def keep(self, heard: dict[str, Heard]) -> None:
        if self.closed:
            raise StoreError("the store refused: database is locked")
        self.kept.append(heard)


def test_it_adds_up_by_directory() -> None:
    memory = Memory()
    times = iter("123")
    ear = Ear(memory.keep, lambda: next(times))
    for grant, codes in ((ACME, ("op-case", "json-text")), (ACME, ("op-case",)), (OTHER, ())):
        ear.heard(grant, Response(200, leniencies=codes))
    asyncio.run(ear.flush())
    assert memory.kept == [
        {
            "acme-scim": Heard({"a"}, Counter({"op-case": 2, "json-text": 1}), "2"),
            "other-scim": Heard({"o"}, Counter(), "3"),
        }
    ]


def test_nothing_heard_is_nothing_kept() -> None:
    memory = Memory()
    asyncio.run(Ear(memory.keep, lambda: "now").flush())
    assert memory.kept == []


def test_what_the_store_refuses_is_kept_the_next_time() -> None:
    memory = Memory()
    ear = Ear(memory.keep, lambda: "now")
    memory.closed = True
    ear.heard(ACME, Response(200, leniencies=("op-case",)))
    asyncio.run(ear.flush())
    memory.closed = False
    ear.heard(ACME, Response(200, leniencies=("op-case",)))
    asyncio.run(ear.flush())
    assert memory.kept == [{"acme-scim": Heard({"a"}, Counter({"op-case": 2}), "now")}]


def test_that_the_store_refuses_is_said_once_until_it_takes_something(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory()
    ear = Ear(memory.keep, lambda: "now")
    for closed in (True, True, False, True):
        memory.closed = closed
        ear.heard(ACME, Response(200))
        asyncio.run(ear.flush())
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
