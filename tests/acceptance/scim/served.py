"""One daemon for many conversations: each has a workspace and a directory of its own, as the page of its provider
configures them.

What is not here: how a daemon is started (tests/acceptance/daemon.py), and how a conversation is played.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.command import Rehearsal
from tests.acceptance.daemon import Daemon, serving
from tests.acceptance.scim.conversation import Conversation, Player, Wire
from tests.test_docs import ROOT, blocks

STORE = '[store]\nurl = "{url}"\n'


def configured(page: str, name: str) -> str:
    """The configuration that a page shows, with workspace and directory of this name."""
    (text, *_) = blocks((ROOT / "docs" / "providers" / f"{page}.md").read_text(encoding="utf-8"), "toml")
    text = text[text.index("[[workspace]]") :]
    text = re.sub(
        r'^id = "[\w-]+"\nworkspace = "acme"', f'id = "{name}"\nworkspace = "{name}"', text, flags=re.MULTILINE
    )
    return re.sub(r'^id = "acme"', f'id = "{name}"', text, flags=re.MULTILINE)


@dataclass
class Served:
    """A daemon, and the command beside it."""

    daemon: Daemon

    def play(
        self, conversation: Conversation, name: str, *, workspace: str = "", twice: bool = False, **names: str
    ) -> Player:
        """Plays a conversation with the directory of this name; `workspace`: if that is not of the same name."""
        wire = Wire(self.daemon.endpoints[name])
        player = Player(
            conversation, wire, self.daemon.token(name), lambda: self.roster(workspace or name), twice, dict(names)
        )
        try:
            player.play()
        finally:
            wire.close()
        return player

    def roster(self, workspace: str) -> dict[str, Any]:
        """Everybody by address."""
        return self.daemon.rehearsal.roster(workspace)

    def reports(self, directory: str) -> list[dict[str, Any]]:
        """Its runs, newest first."""
        result = self.daemon.rehearsal.here("reports", "--directory", directory, "--limit", "1000", "--json")
        assert result.code == 0, result.err
        found: list[dict[str, Any]] = result.json
        return found


@contextmanager
def served(folder: Path, configurations: Iterable[str], store: str = "") -> Iterator[Served]:
    """A daemon over these configurations in one file."""
    rehearsal = Rehearsal(folder)
    rehearsal.file.write_text("\n".join([STORE.format(url=store) if store else "", *configurations]), encoding="utf-8")
    with serving(rehearsal) as daemon:
        yield Served(daemon)
