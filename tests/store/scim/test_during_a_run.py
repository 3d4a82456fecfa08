"""What is told while a run plans is done by the next one, be it the directory's first run."""

import asyncio

import pytest

from reconciler.model import UsersSeen
from rosterd.ports import Told, run_once
from store import Store
from tests.builders import people, policy
from tests.store.scim.endpoints import observed, person, request


def tell(store: Store, name: str) -> None:
    """A person is told, as the listener would."""
    with request(store) as resources:
        resources.insert(person(name))
        resources.absorb(UsersSeen((observed(person(name), frozenset()),)))


@pytest.mark.parametrize("runs_before", [0, 1])
def test_who_is_told_while_a_run_plans_is_a_member_after_the_next(store: Store, runs_before: int) -> None:
    """The first run compares everybody of a view that it opened before: whoever came after that was for nobody."""

    def run(*late: str) -> None:
        def progress(phase: str, _done: int, _total: int | None) -> None:
            if phase == "plan":
                for name in late:
                    tell(store, name)

        asyncio.run(run_once(store, policy(), Told(), progress=progress))

    tell(store, "ada")
    for _ in range(runs_before):
        run()
        tell(store, "cyd")
    run("bob")
    run()
    assert {"ada@acme.com", "bob@acme.com"} <= set(people(store))
