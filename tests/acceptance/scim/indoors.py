"""Conversations without HTTP: the listener over resources in memory, to see which leniencies a client needs."""

import json
from collections.abc import Mapping
from urllib.parse import unquote

from tests.acceptance.scim.conversation import FOLDER, Answer, Conversation, Player, Wire
from tests.connectors.scim.client import Client


class Indoors(Wire):
    """A client that calls the listener itself."""

    def __init__(self, dialect: str) -> None:
        self.client = Client(dialect)
        self.leniencies: set[str] = set()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        target, mark, query = path.partition("?")
        named = {name.lower(): text for name, text in headers.items() if name in ("Accept", "Content-Type")}
        answer = self.client.ask(method, unquote(target) + mark + query, body, **named)
        self.leniencies.update(answer.leniencies)
        return Answer(answer.status, answer.headers.get("Content-Type", ""), json.loads(answer.text or "null"))


def leniencies(page: str) -> set[str]:
    """What the conversations of a page's client need, but for what only the door sees: tokens."""
    needed: set[str] = set()
    for file in FOLDER.glob("*.json"):
        conversation = Conversation.read(file.stem)
        if conversation.page == page:
            wire = Indoors(page.removeprefix("scim-"))
            steps = tuple(each for each in conversation.requests if each["status"] != 401)
            heard = Conversation(conversation.name, conversation.client, page, conversation.headers, steps)
            Player(heard, wire, "", dict).play()
            needed |= wire.leniencies
    return needed
