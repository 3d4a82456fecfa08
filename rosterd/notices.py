"""What there is to be told now, of the state of the store: not of what this process happened to see, so that a restart,
a second process and a killed one tell the same. Sending it is rosterd/notify.py.
"""

from collections.abc import Container, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection

from store.database import Store
from store.leases import stamp
from store.measured import Held, Reading, held_in, readings_in, token_ends_in
from store.notices import Notice
from store.runs import report_of
from store.totals import Totals, totals_in

SOON = timedelta(days=14)  # before a token ends


def notices(store: Store, known: Container[str], now: str) -> list[Notice]:
    """All that is so and is not `known` by its key."""
    with store.read() as connection:
        state = State(connection)
    found = [each for each in state.notices(now) if each.key not in known]
    # A recovery is news for whoever knew of the failure.
    heard = [each for each in found if each.event != "recovered" or _failure(each.key) in known]
    return [_explained(store, each) if each.event == "held" else each for each in heard]


def _failure(key: str) -> str:
    return f"failed:{key.partition(':')[2]}"


class State:
    """What notices are made of, at one moment."""

    def __init__(self, connection: Connection) -> None:
        self._totals = totals_in(connection)
        self._held = held_in(connection)
        self._readings = readings_in(connection)
        self._ends = token_ends_in(connection)

    def notices(self, now: str) -> Iterator[Notice]:
        """Everything, as if nobody knew of anything."""
        for directory, totals in sorted(self._totals.items()):
            yield from _of_runs(directory, totals, now)
        for held in self._held:
            yield _of_held(held, now)
        for directory, reading in sorted(self._readings.items()):
            yield from _of_reading(directory, self._workspace(directory), reading, now)
        for directory, ends in sorted(self._ends.items()):
            if directory and ends < stamp(datetime.fromisoformat(now) + SOON):
                yield _of_token(directory, self._workspace(directory), ends, now)

    def _workspace(self, directory: str) -> str:
        return self._totals[directory].workspace if directory in self._totals else ""


def _of_runs(directory: str, totals: Totals, now: str) -> Iterator[Notice]:
    command = f"rosterd report {totals.last}"
    if totals.wrong_since:
        said = f": {totals.last_error}" if totals.last_error else ""
        sentence = f"{directory}: run {totals.last} ended {totals.last_state}{said}"
        if totals.broke:  # there is no report
            sentence, command = f"{directory}: a run broke: {totals.broke}", f"rosterd check {directory}"
        yield Notice(
            f"failed:{directory}:{totals.wrong_since}", "failed", directory, totals.workspace, sentence, command, now
        )
    elif totals.was_wrong_since:
        since = totals.was_wrong_since
        sentence = f"{directory}: runs go well again; they did not since {_spoken(since)}"
        yield Notice(f"recovered:{directory}:{since}", "recovered", directory, totals.workspace, sentence, command, now)


def _of_held(held: Held, now: str) -> Notice:
    changes = "1 change is" if held.actions == 1 else f"{held.actions:,} changes are"
    sentence = f"{held.directory}: {changes} held until somebody decides"
    return Notice(
        f"held:{held.run}", "held", held.directory, held.workspace, sentence, f"rosterd report {held.run}", now
    )


def _explained(store: Store, notice: Notice) -> Notice:
    """With the guard's own sentence."""
    report = report_of(store, notice.key.partition(":")[2])
    said = [each.sentence for each in report.causes if each.held and each.sentence] if report is not None else []
    if not said:
        return notice
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    return Notice(
        notice.key, notice.event, notice.directory, notice.workspace, f"{notice.sentence}: {said[0]}{more}",
        notice.command, notice.at,
    )  # fmt: skip


def _of_reading(directory: str, workspace: str, reading: Reading, now: str) -> Iterator[Notice]:
    if reading.state not in ("quarantined", "paused"):
        return
    how = "is tried once a day" if reading.state == "quarantined" else "is not tried until a person corrects it"
    sentence = f"{directory} {how}, after {reading.failures:,} failed reads: {reading.message}"
    key = f"quarantined:{directory}:{reading.state}:{reading.since}"
    yield Notice(key, "quarantined", directory, workspace, sentence, f"rosterd check {directory}", now)


def _of_token(directory: str, workspace: str, ends: str, now: str) -> Notice:
    sentence = f"{directory}: its last token ends on {_spoken(ends)}; then its client is refused"
    command = f"rosterd token rotate {directory}"
    if ends <= now:
        sentence = f"{directory}: its last token ended on {_spoken(ends)}; its client is refused"
        command = f"rosterd token create {directory}"
    return Notice(f"token_expiring:{directory}:{ends}", "token_expiring", directory, workspace, sentence, command, now)


def _spoken(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]} UTC"
