"""Many processes over one PostgreSQL: started, told what to run, killed, stopped, and what they left in the store.

with fleet(tmp_path, postgres, okta) as acme:
    acme.start("worker", "worker")
    acme.ask("a1")
"""

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rosterd.daemon.queue import Queue
from rosterd.simulators import Simulator
from store import Store, open_store
from store.database import rows
from store.wishes import Ask, Ticket, Wish
from tests.acceptance.command import MAPPED, WORKSPACE, Rehearsal
from tests.acceptance.daemon import SECONDS, eventually
from tests.databases import Postgres

LEASE = 3  # seconds
DAEMON = '[daemon]\nlease = "{lease}s"\nworkers = {workers}\nstop_within = "1s"\n[http]\nlisten = "127.0.0.1:0"\n'


@dataclass
class Process:
    """One `rosterd serve` or `rosterd worker`; what it logs is kept."""

    popen: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)  # once it is there: where it listens

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.lines.append(line)

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self.popen.send_signal(number)

    def end(self) -> int:
        """Waits for its end; the exit code."""
        code = self.popen.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self.popen.stdout.close()
        self.popen.stderr.close()
        return code

    @property
    def log(self) -> str:
        """What it said so far."""
        return "".join(self.lines)


@dataclass
class Fleet:
    """A configuration of many directories, and the processes over it. A directory "acme-1" is of workspace "acme"."""

    rehearsal: Rehearsal
    store: Store
    processes: list[Process] = field(default_factory=list)

    def start(self, *commands: str) -> list[Process]:
        """Starts these, and waits until all of them are there."""
        made = [Process(self.rehearsal.start(*command.split(), "--json")) for command in commands]
        self.processes += made
        for each in made:
            assert each.popen.stdout is not None
            line = each.popen.stdout.readline()
            assert line, each.log
            each.said = json.loads(line)
        return made

    def ask(self, directory: str) -> Ticket:
        """Has a directory run, as somebody who types `rosterd sync` does."""
        return Queue(self.store).ask(Ask(_workspace(directory), directory, "manual"))

    def wish(self, ticket: Ticket) -> Wish:
        """As it is now."""
        return Queue(self.store).look(ticket.id)

    def done(self, *tickets: Ticket, seconds: float = SECONDS) -> None:
        """Until these are over."""
        eventually(lambda: all(self.wish(ticket).over for ticket in tickets), seconds)

    def running(self, ticket: Ticket) -> Process:
        """The process that runs it, once one does. On a busy machine one that says nothing for as long as a lease, and
        does again, is not known for a moment."""
        sql = "SELECT w.pid FROM wish h JOIN worker w ON w.id = h.worker WHERE h.id = :id AND h.state = 'running'"
        found: set[int] = set()

        def there() -> bool:
            found.update(row.pid for row in self.rows(sql, id=self.wish(ticket).id))
            return bool(found)

        eventually(there)
        return next(each for each in self.processes if each.popen.pid in found)

    def rows(self, sql: str, **given: Any) -> Any:
        """What the store holds."""
        with self.store.read() as connection:
            return rows(connection, sql, **given)

    def runs(self, directory: str) -> list[tuple[str, str]]:
        """Ids and states of its runs, the oldest first."""
        sql = "SELECT id, state FROM run WHERE directory = :d ORDER BY began, id"
        return [(row.id, row.state) for row in self.rows(sql, d=directory)]

    def succeeded(self, directory: str) -> int:
        """How many of its runs went well."""
        return len([state for _, state in self.runs(directory) if state == "succeeded"])

    def overlapping(self, since: str = "") -> Any:
        """Runs of one workspace that were under way at the same time, of those that began since then. One that was
        killed has no end of its own: its successor ended it."""
        return self.rows(
            "WITH whole AS (SELECT id, workspace, began, ended FROM run WHERE (report::json ->> 'ended') IS NOT NULL"
            " AND began >= :since) SELECT a.id, b.id FROM whole a JOIN whole b ON a.workspace = b.workspace"
            " AND a.id < b.id WHERE a.began < b.ended AND b.began < a.ended",
            since=since,
        )

    def end(self) -> None:
        """kill -9 for whatever is left, and every pipe closed."""
        for each in self.processes:
            if each.popen.poll() is None:
                with suppress(ProcessLookupError):
                    each.send(signal.SIGKILL)
                each.end()


def _workspace(directory: str) -> str:
    return re.sub(r"-\d+$", "", directory)


@contextmanager
def fleet(
    folder: Path, server: Postgres, directories: dict[str, Simulator], *, every: str = "24h", workers: int = 2,
    lease: int = LEASE, more: str = "",
) -> Iterator[Fleet]:  # fmt: skip
    """A configuration with these directories, each reached at its simulator, over a database of its own; `more` are
    further sections."""
    name = server.create()
    made = Rehearsal(folder)
    blocks = [f'[store]\nurl = "{server.url(name)}"\n', DAEMON.format(lease=lease, workers=workers) + more]
    blocks += [
        WORKSPACE.format(id=workspace, limits="")
        for workspace in dict.fromkeys(_workspace(directory) for directory in directories)
    ]
    for directory, simulator in directories.items():
        secret = f"SECRET_{directory.upper().replace('-', '_')}"
        made.environment[secret] = simulator.secret
        block = simulator.configuration(directory, _workspace(directory), env=secret)
        blocks.append(block + f'every = "{every}"\n' + MAPPED)
    made.file.write_text("\n".join(blocks), encoding="utf-8")
    store = open_store(server.url(name))
    found = Fleet(made, store)
    try:
        yield found
    finally:
        found.end()
        store.close()
        server.drop(name)
