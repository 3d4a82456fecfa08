"""A run that another process makes: asked for in the store, followed until its report is there. Prints nothing."""

import getpass
import os
import time
from collections.abc import Sequence

from reconciler.errors import RunError
from reconciler.ports import Progress
from reconciler.report import Report
from rosterd.daemon.queue import LOOK, Queue
from rosterd.policies import turn_of
from rosterd.ports import now
from rosterd.settings.model import DirectorySettings
from store.database import Store
from store.runs import report_of
from store.wishes import Ask, Ticket, Wish
from store.workers import Worker, living

LOOK_FOR_DAEMON = 2.0  # seconds between two looks at whether there still is one
WAITING = "wait"  # the phase of a wish whose turn it is not


class DaemonGone(RunError):
    """The process that would have run this is there no more."""

    code = "daemon_gone"


class OfDaemon(RunError):
    """What went wrong in the daemon, with its code."""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(error["message"], where=error.get("where", ""), fix=error.get("fix", ""))
        self.code = error["code"]


def daemons(store: Store) -> list[Worker]:
    """The living processes that run what is asked for."""
    return living(store, now())


def ask_for(store: Store, directories: Sequence[DirectorySettings], *, verify: bool) -> list[Ticket]:
    """Asks for runs of directories, in one go."""
    by = f"{_user()}@{os.uname().nodename}"
    return Queue(store).ask_all([Ask(turn_of(each), each.id, "manual", verify, by) for each in directories])


def follow(store: Store, ticket: Ticket, directory: str, progress: Progress) -> Report:
    """The report of what was asked for, once there is one.

    Raises:
        DaemonGone: nobody is there any more who would run it.
        OfDaemon: there is no report: the run could not begin, or broke.
    """
    queue, looked = Queue(store), time.monotonic()
    while not (wish := queue.look(ticket.id)).over:
        _tell(wish, progress)
        if time.monotonic() - looked > LOOK_FOR_DAEMON:
            looked = time.monotonic()
            _require_daemon(store, directory)
        time.sleep(LOOK)
    report = report_of(store, wish.run) if wish.run else None
    if wish.error is not None or report is None:
        raise OfDaemon(wish.error or {"code": "lost", "message": f"run {wish.run} of {directory} left no report"})
    return report


def _tell(wish: Wish, progress: Progress) -> None:
    if wish.state == "waiting":
        progress(WAITING, 0, None)
    elif wish.progress is not None:
        progress(wish.progress.phase, wish.progress.done, wish.progress.total)


def _require_daemon(store: Store, directory: str) -> None:
    if not daemons(store):
        raise DaemonGone(
            f"the daemon ended before it could run {directory}",
            where="the queue",
            fix=f"its next start does; or run it here: rosterd sync {directory} --here",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id that has no name here, as in containers
        return str(os.getuid())
