"""`rosterd sync` on a terminal: what somebody sees while it runs, on wide and narrow ones, and after Ctrl-C."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.command import Rehearsal, people, rehearsal
from tests.acceptance.daemon import SECONDS, eventually, serving
from tests.acceptance.test_queue import runs, settled, standing_still

pytestmark = pytest.mark.acceptance
LEADER = (  # the terminal becomes the session's, so that Ctrl-C is a signal
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.executable, [sys.executable, '-m', 'rosterd', *sys.argv[1:]])"
)
ESCAPE, CTRL_C = "\x1b", b"\x03"


class Watched:
    """The command on a terminal of its own, and all that it wrote there."""

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self._process, self._terminal = process, terminal
        self.text = ""

    def until(self, true: Callable[[str], bool]) -> None:
        """Reads on until what was written is so."""
        ends = time.monotonic() + SECONDS
        while not true(self.text):
            assert time.monotonic() < ends, self.text
            assert self._read(), self.text

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def end(self) -> int:
        """Reads to the end; the exit code."""
        while self._read():
            pass
        return self._process.wait(SECONDS)

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], SECONDS)[0]:
            return False
        try:
            found = os.read(self._terminal, 65536)
        except OSError:  # Linux says that the other side is closed with EIO
            return False
        self.text += found.decode(errors="replace")
        return bool(found)


@contextmanager
def on_a_terminal(acme: Rehearsal, *arguments: str, width: int = 80, **environment: str) -> Iterator[Watched]:
    """Starts it as the leader of a session on a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "LINES")}
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER, *arguments],
        cwd=acme.folder,
        env={**kept, "PYTHONPATH": root, "TERM": "xterm-256color", **acme.environment, **environment},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Watched(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(SECONDS)
        os.close(ours)


def test_ctrl_c_ends_the_watching_and_not_the_run_and_says_so(tmp_path: Path) -> None:
    """Regression: it said that the run was interrupted."""
    with rehearsal(tmp_path, "okta") as acme, serving(acme):
        eventually(lambda: settled(acme))
        with standing_still(acme, "okta") as go, on_a_terminal(acme, "sync", "okta") as seen:
            seen.until(lambda text: "okta: " in text)
            seen.press(CTRL_C)
            assert seen.end() == 130
            assert "the daemon goes on; its report: rosterd reports" in seen.text
            assert "interrupted" not in seen.text
            assert "\x1b[?25h" in seen.text, "the cursor is shown again"
            go.set()
        eventually(lambda: [run["trigger"] for run in runs(acme)] == ["schedule", "manual"] and settled(acme))


def test_ctrl_c_without_a_daemon_interrupts_the_run_which_the_next_one_finishes(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        with standing_still(acme, "okta") as go, on_a_terminal(acme, "sync", "okta") as seen:
            seen.until(lambda text: "okta: " in text)
            eventually(lambda: bool(runs(acme)))
            seen.press(CTRL_C)
            go.set()
            assert seen.end() == 130
            assert "interrupted: what was applied is recorded" in seen.text
        assert acme.run("sync", "okta").code == 0


@pytest.mark.parametrize(("width", "bar"), [(80, True), (40, False)])
def test_progress_fits_the_terminal(tmp_path: Path, width: int, bar: bool) -> None:
    """Regression: on 40 columns the numbers were cut off, and so was how it went."""
    with rehearsal(tmp_path, "okta", world=people(3000)) as acme:
        before = acme.file.read_text(encoding="utf-8")
        name = "a-directory-with-a-long-name"
        acme.file.write_text(before.replace('id = "okta"', f'id = "{name}"'), encoding="utf-8")
        with on_a_terminal(acme, "sync", name, width=width) as seen:
            assert seen.end() == 0
    assert "3,000 people" in seen.text
    assert "…" not in seen.text.split("run 2")[0]
    assert ("━" in seen.text) == bar
    assert "done" in seen.text


def test_no_colour_and_a_dumb_terminal_are_obeyed(tmp_path: Path) -> None:
    with rehearsal(tmp_path, "okta") as acme:
        with on_a_terminal(acme, "sync", "okta", NO_COLOR="1") as plain:
            assert plain.end() == 0
        with on_a_terminal(acme, "sync", "okta", TERM="dumb") as dumb:
            assert dumb.end() == 0
    assert "\x1b[3" not in plain.text
    assert "\x1b[1;3" not in plain.text
    assert ESCAPE not in dumb.text
