"""The people whom a run did something to, read once more after it was done (the `Aftermath` port).

What that tells is reconciler/lasting.py. The cost follows what was applied: one walk over the run's actions, and one
look at each person.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, text

from reconciler.lasting import CODE, Lost, Numbered
from reconciler.match import Subject
from reconciler.model import Member
from reconciler.plan import Step
from reconciler.policy import Policy
from store.database import Store, bulk, rows
from store.decisions import ACTION, action_of
from store.leases import Held
from store.snapshot import View

PEOPLE = 500  # looked at together
PAGE = 1000  # actions of a step read at a time
_APPLIED = (
    f"SELECT n, {ACTION} FROM action WHERE run = :run AND step = :step AND n > :last AND state = 'applied'"
    " ORDER BY n LIMIT :most"
)
_BY_HAND = text(
    "SELECT external_id FROM pending WHERE directory = :d AND mark > :mark AND external_id IN :ids"
).bindparams(bindparam("ids", expanding=True))


class Aftermath:
    """A look at what a run left behind; `mark` is the generation of the mirror that it planned from."""

    def __init__(
        self, store: Store, policy: Policy, held: Held, *, mark: int, now: Callable[[], str],
        renew: Callable[[], None],
    ) -> None:  # fmt: skip
        self._store, self._directory, self._held = store, policy.directory, held
        self._mark, self._now, self._renew = mark, now, renew
        self._view = View(store, policy)
        self.view = self._view.view

    @property
    def news(self) -> bool:
        """Whether the directory said something since the plan was made."""
        return self._view.mark != self._mark

    def done(self) -> Iterator[Sequence[tuple[str, Sequence[Numbered]]]]:
        """People with what was applied to them, in chunks of rising external id."""
        # Within a step, actions are numbered in the order of people.
        found = heapq.merge(*(self._applied(step) for step in Step), key=lambda each: each[1].external_id)
        people: list[tuple[str, Sequence[Numbered]]] = []
        for external_id, actions in groupby(found, key=lambda each: each[1].external_id):
            people.append((external_id, list(actions)))
            if len(people) == PEOPLE:
                self._renew()
                yield people
                people = []
        if people:
            yield people

    def _applied(self, step: Step) -> Iterator[Numbered]:
        last = 0
        while True:
            with self._store.read() as connection:
                given: dict[str, Any] = {"run": self._held.run, "step": int(step), "last": last, "most": PAGE}
                found = rows(connection, _APPLIED, **given)
            yield from ((row[0], action_of(row[1:])) for row in found)
            if len(found) < PAGE:
                return
            last = found[-1][0]

    def these(self, external_ids: Sequence[str]) -> Sequence[Subject]:
        """These people, as far as mirror or workspace know them."""
        return self._view.these(external_ids)

    def members(self, ids: Sequence[str]) -> Mapping[str, Member]:
        """Members by id."""
        return self._view.members(ids)

    def by_hand(self, external_ids: Collection[str]) -> set[str]:
        """Those whose member a person changed since the plan was made (`manual.ByHand` leaves them pending)."""
        if self.news:
            return set()  # or the directory did: nothing tells the two apart
        with self._store.read() as connection:
            given = {"d": self._directory, "mark": self._mark, "ids": sorted(external_ids)}
            return {row[0] for row in connection.execute(_BY_HAND, given)}

    def lost(self, found: Iterable[Lost]) -> None:
        """These actions failed after all: their people stay pending."""
        sql = "UPDATE action SET state = 'failed', code = ?, error = ? WHERE run = ? AND step = ? AND n = ?"
        with self._store.write() as connection:
            self._held.check(connection, self._now())
            bulk(
                connection,
                sql,
                [(CODE, each.said, self._held.run, int(each.action.step), each.number) for each in found],
            )

    def close(self) -> None:
        """Ends the look."""
        self._view.close()
