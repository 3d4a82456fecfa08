"""State machines of hypothesis over a store of their own: a copy of a migrated SQLite file, gone when one ends."""

import shutil
import tempfile
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine

from store import Store, open_store
from tests.builders import by_hand
from tests.store.workspaces import add


class StoreMachine(RuleBasedStateMachine):
    """`store` holds one member, an owner who was added by hand, once `open` was called."""

    template: Path
    store: Store

    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "s.db")
        self.store = open_store(f"sqlite:///{self.folder}/s.db")
        add(self.store, by_hand("owner", "admin"))

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)
