"""`plan --against`: one read of a directory, planned under two policies in copies of what the store knows.

The read is what both policies want together. It goes into the copies and nowhere else: mirror, cursor, names that
were resolved and everything that is pending stay as they are, and no lease is needed.
"""

from collections.abc import Iterator

from connectors.base import Connector
from connectors.scim.observe import observed
from reconciler.against import Comparison, Differences
from reconciler.context import Context
from reconciler.guard import judge
from reconciler.holders import with_stays
from reconciler.match import Subject
from reconciler.model import Wanted
from reconciler.outcome import outcome
from reconciler.policy import Policy
from reconciler.ports import Progress
from reconciler.report import Complete
from rosterd.ports import Told, as_followed, now
from store.database import Store
from store.gauges import gauges
from store.mirror import bound
from store.scim.rederive import Rederivation
from store.scratch import copies
from store.snapshot import View
from store.staging import Staging


async def compare(
    store: Store, policies: tuple[Policy, Policy], connector: Connector | Told, *, progress: Progress,
    identity: str, against: str,
) -> Comparison:  # fmt: skip
    """What the second policy would make of everybody that the first does not; `against` is how people call it. Either
    is followed as a sync would: with the team mappings that earlier ones followed and it has no longer.

    Raises:
        DirectoryError: the directory cannot be read.
        StoreError: the store refused, or there is no room for the copies.
    """
    policies = (as_followed(store, policies[0]), as_followed(store, policies[1]))
    with copies(store, policies[0]) as stores:
        complete = await _read(stores, policies, connector, progress=progress, identity=identity)
        views = [View(each, policy) for each, policy in zip(stores, policies, strict=True)]
        try:
            found = _compared(policies, views, progress)
            warnings = tuple(dict.fromkeys(warning for view in views for warning in view.warnings))
        finally:
            for view in views:
                view.close()
    one, other = (
        judge(policy, tally, gauges(store, policy, tally.lost, now(), lowered=tally.lowered)).holds
        for policy, tally in zip(policies, found.tallies, strict=True)
    )
    return Comparison(
        policies[0].directory, against, found.all((one, other)), found.changed, found.unchanged,
        complete.whole,
        (*complete.reasons, *warnings),
    )  # fmt: skip


def wanted(policies: tuple[Policy, Policy], known: dict[str, str]) -> Wanted:
    """Everything that either policy needs of the directory."""
    one, other = (policy.wanted(known) for policy in policies)
    return Wanted(one.groups | other.groups, known, one.attributes | other.attributes, one.nested or other.nested)


async def _read(
    stores: tuple[Store, Store], policies: tuple[Policy, Policy], connector: Connector | Told, *, progress: Progress,
    identity: str,
) -> Complete:  # fmt: skip
    pairs = [*zip(stores, policies, strict=True)]
    if isinstance(connector, Told):
        complete, _ = (Rederivation(each, policy, now, observe=observed).promote() for each, policy in pairs)
        return complete
    with stores[0].read() as connection:
        asked = wanted(policies, bound(connection, policies[0].directory))
    staged = [Staging(each, policy, now, identity=identity) for each, policy in pairs]
    try:
        async for observation in connector.pull(asked):
            progress("pull", max(each.take(observation) for each in staged), None)
        # Equal copies, fed alike, ask alike.
        for questions, _ in zip(*(each.questions(thorough=True) for each in staged), strict=True):
            async for observation in connector.confirm(questions, asked):
                progress("pull", max(each.take(observation) for each in staged), None)
        complete, _ = (each.promote() for each in staged)
        return complete
    finally:
        for each in staged:
            each.discard()


def _compared(policies: tuple[Policy, Policy], views: list[View], progress: Progress) -> Differences:
    """Everybody, a chunk at a time: both copies hold the same people in the same order."""
    one, other = (_context(policy, view) for policy, view in zip(policies, views, strict=True))
    found, done = Differences(), 0
    for chunk in zip(views[0].everyone(), views[1].everyone(), strict=True):
        for first, second in zip(*chunk, strict=True):
            found.add(outcome(one, first), outcome(other, second))
        done += len(chunk[0])
        progress("plan", done, None)
    return found


def _context(policy: Policy, view: View) -> Context:
    def everyone() -> Iterator[Subject]:
        return (subject for chunk in view.everyone() for subject in chunk)

    return with_stays(Context(policy, view.view), view.holders, everyone)
