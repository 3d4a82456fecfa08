"""Notifications: each thing once, to real servers on loopback; a target that fails stops nothing."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import event

from connectors.base import Refused, Unavailable
from reconciler.policy import Limit
from rosterd import settings
from rosterd.daemon.queue import new_id
from rosterd.notify import LISTED, Notifier, body, service_of, title
from rosterd.ports import new_run, now
from store import Store, open_store
from store.leases import stamp
from store.notices import FIRST_AGAIN, LONGEST_AGAIN, Notice, again, enter, take
from store.tokens import Token, keep_token
from store.wishes import Ask, ask, claim, finish
from tests.builders import DIRECTORY, WORKSPACE, Directory, policy, sync
from tests.listening import Webhook

# apprise looks at images with a module that Python 3.13 has no more, and does without it there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOON = "2026-11-28T12:00:00.000Z"
HELD = policy(limits={"deactivate": Limit(count=2)})


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with Webhook() as made:
        monkeypatch.setenv("NOTIFY_URL", made.url)
        monkeypatch.setenv("OKTA_TOKEN", "none")
        yield made


class Clock:
    """A time that is moved."""

    def __init__(self) -> None:
        self.moment = datetime.fromisoformat(NOON)

    def __call__(self) -> str:
        return stamp(self.moment)

    def pass_(self, **time: float) -> None:
        self.moment += timedelta(**time)


def configured(folder: Path, more: str = "") -> settings.Settings:
    file = folder / "rosterd.toml"
    file.write_text(
        f'[[notify]]\nid = "on-call"\nurl = {{ env = "NOTIFY_URL" }}\n{more}\n'
        f'[[workspace]]\nid = "{WORKSPACE}"\n'
        f'[[directory]]\nid = "{DIRECTORY}"\nworkspace = "{WORKSPACE}"\nkind = "okta"\n'
        'url = "https://acme.okta.com"\ntoken = { env = "OKTA_TOKEN" }\n'
        '[[workspace]]\nid = "other"\n[[directory]]\nid = "other"\nworkspace = "other"\nkind = "scim"\n',
        encoding="utf-8",
    )
    return settings.load(file)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def telling(store: Store, folder: Path, clock: Clock, more: str = "") -> Iterator[Notifier]:
    given = configured(folder, more)
    yield Notifier(lambda: given, store, clock)


def hold(store: Store) -> str:
    """A run that holds two departures; its id."""
    directory = Directory("ada", "bob", "cyd")
    sync(store, directory, HELD)
    directory.suspend("bob", "cyd")
    return sync(store, directory, HELD).run


def test_what_is_held_is_told_once_with_its_sentence_and_command(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock
) -> None:
    run = hold(store)
    for _ in range(2):  # a restart
        with telling(store, tmp_path, clock) as notifier:
            for _ in range(3):
                notifier.look()
                clock.pass_(minutes=5)
    (text,) = webhook.texts
    assert text.startswith("rosterd: 1 held")
    assert "2 changes are held until somebody decides: " in text
    assert f"rosterd report {run}" in text


def test_a_failing_directory_is_told_when_it_begins_and_when_it_is_over(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock
) -> None:
    directory = Directory("ada")
    with telling(store, tmp_path, clock) as notifier:
        sync(store, directory)
        notifier.look()
        assert webhook.texts == []
        directory.error = Unavailable("Okta answered 503")
        for _ in range(3):
            sync(store, directory)
            notifier.look()
            clock.pass_(minutes=5)
        directory.error = None
        sync(store, directory)
        notifier.look()
    failed, recovered = webhook.texts
    assert "Okta answered 503" in failed
    assert "runs go well again" in recovered


def test_a_run_that_breaks_before_it_has_a_report_is_told_as_failed(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock
) -> None:
    missing = Refused("secret missing: OKTA_TOKEN is not set", fix="provide OKTA_TOKEN").as_dict()
    full = {"code": "disk_full", "message": "the disk is full", "where": "", "fix": ""}  # an alert is about the store
    with telling(store, tmp_path, clock) as notifier:
        for error in (full, missing, missing):
            broken(store, error)
            notifier.look()
            clock.pass_(minutes=5)
        sync(store, Directory("ada"))
        notifier.look()
    failed, recovered = webhook.texts
    assert failed.startswith("rosterd: 1 failed")
    assert "a run broke: secret missing: OKTA_TOKEN is not set" in failed
    assert f"rosterd check {DIRECTORY}" in failed
    assert "runs go well again" in recovered


def broken(store: Store, error: dict[str, str]) -> None:
    """A run that a worker began and that has no report."""
    with store.write() as connection:
        ask(connection, Ask(WORKSPACE, DIRECTORY, "schedule"), new_id(now()), now())
    wish = claim(store, "w1", new_run(now()), now())
    assert wish is not None
    assert finish(store, wish, now(), error)


def test_a_quarantined_directory_and_a_token_that_ends(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock
) -> None:
    directory = Directory("ada")
    directory.error = Unavailable("Okta answered 503")
    for _ in range(10):
        sync(store, directory)
    with store.write() as connection:
        keep_token(connection, Token("t1", DIRECTORY, "", NOON, expires=stamp(clock.moment + timedelta(days=13))))
    with telling(store, tmp_path, clock, 'on = ["quarantined", "token_expiring"]') as notifier:
        notifier.look()
    (text,) = webhook.texts
    assert text.startswith("rosterd: 1 quarantined, 1 token expiring")
    assert f"rosterd check {DIRECTORY}" in text
    assert f"rosterd token rotate {DIRECTORY}" in text


def test_of_two_processes_that_look_at_once_one_tells(postgres_url: str) -> None:
    """Both had read what is due before either of them had put it off; on SQLite one waits for the other anyway."""
    store = open_store(postgres_url)
    notice = Notice("k1", "held", DIRECTORY, WORKSPACE, "something is held", "rosterd reports", NOON)
    with store.write() as connection:
        enter(connection, "on-call", [notice], wanted=frozenset({"held"}))
    others: list[list[Notice]] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def before(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE notice") and not others:
            others.append([])
            others.append(take(store, "on-call", NOON, timedelta(0)))

    mine = take(store, "on-call", NOON, timedelta(0))
    store.close()
    assert (mine, [each.key for each in others[1]]) == ([], ["k1"])


def test_no_secret_leaves_in_a_notification(store: Store, tmp_path: Path, webhook: Webhook, clock: Clock) -> None:
    """No error should hold one; a message goes further than the log, which takes them out, too."""
    directory = Directory("ada")
    directory.error = Unavailable("GET https://acme:hunter2@acme.okta.com answered 503 to SSWS 00abcdefghij")
    sync(store, directory)
    with telling(store, tmp_path, clock) as notifier:
        notifier.look()
    (text,) = webhook.texts
    assert "answered 503" in text
    assert not [each for each in ("hunter2", "00abcdefghij") if each in text]


def test_an_address_that_is_none_stops_nobody(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended the notifications of the whole process."""
    hold(store)
    monkeypatch.setenv("BROKEN", "http://[s3cret-path")
    other = '[[notify]]\nid = "second"\nurl = { env = "NOTIFY_URL" }'
    configured(tmp_path, other)
    file = tmp_path / "rosterd.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("NOTIFY_URL", "BROKEN", 1), encoding="utf-8")
    given = settings.load(file)
    Notifier(lambda: given, store, clock).look()
    assert len(webhook.texts) == 1


def test_a_token_that_has_ended_is_told_as_one(store: Store, tmp_path: Path, webhook: Webhook, clock: Clock) -> None:
    """It was not looked at any more once it had ended: nobody who began to listen later was told."""
    with store.write() as connection:
        keep_token(connection, Token("t1", DIRECTORY, "", NOON, expires=stamp(clock.moment - timedelta(days=1))))
    with telling(store, tmp_path, clock) as notifier:
        notifier.look()
        notifier.look()
    (text,) = webhook.texts
    assert "its last token ended on" in text
    assert f"rosterd token create {DIRECTORY}" in text


@pytest.mark.parametrize(
    "more",
    ['on = ["recovered"]', 'directories = ["other"]', 'workspaces = ["other"]'],
    ids=["on", "directory", "workspace"],
)
def test_who_does_not_want_it_is_not_told(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock, more: str
) -> None:
    hold(store)
    with telling(store, tmp_path, clock, more) as notifier:
        notifier.look()
    assert webhook.texts == []


def test_a_webhook_that_refuses_is_tried_again_later_and_later(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hold(store)
    webhook.status = 500
    with telling(store, tmp_path, clock) as notifier:
        notifier.look()
        webhook.status = 200
        notifier.look()
        assert webhook.texts == []  # not yet
        clock.pass_(seconds=31)
        notifier.look()
        notifier.look()
    assert len(webhook.texts) == 1
    assert "s3cret-path" not in caplog.text
    assert "after try 1" in caplog.text


def test_a_target_that_is_not_there_stops_nobody(
    store: Store, tmp_path: Path, webhook: Webhook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(store)
    monkeypatch.setenv("NOWHERE", "http://127.0.0.1:9/hook")
    second = '[[notify]]\nid = "gone"\nurl = { env = "NOWHERE" }\n[[notify]]\nid = "unset"\nurl = { env = "NOT_SET" }'
    with telling(store, tmp_path, clock, second) as notifier:
        notifier.look()
        clock.pass_(days=4)
        notifier.look()  # given up
    assert len(webhook.texts) == 1


def test_messages_are_at_least_so_far_apart(store: Store, tmp_path: Path, webhook: Webhook, clock: Clock) -> None:
    with telling(store, tmp_path, clock, 'every = "10m"') as notifier:
        hold(store)
        notifier.look()
        with store.write() as connection:
            keep_token(connection, Token("t1", DIRECTORY, "", NOON, expires=stamp(clock.moment + timedelta(days=2))))
        clock.pass_(minutes=5)
        notifier.look()
        assert len(webhook.texts) == 1
        clock.pass_(minutes=6)
        notifier.look()
    assert len(webhook.texts) == 2


def test_mail_arrives(store: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[Any] = []

    class Box:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name
            received.append(envelope)
            return "250 OK"

    run = hold(store)
    with socket.socket() as free:  # the controller wants to know its port before it has one
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{port}?smtp=127.0.0.1&mode=insecure&from=rosterd@acme.com&to=ops@acme.com"
        monkeypatch.setenv("NOTIFY_URL", address)
        with telling(store, tmp_path, clock) as notifier:
            notifier.look()
    finally:
        controller.stop()
    (envelope,) = received
    assert envelope.rcpt_tos == ["ops@acme.com"]
    assert "Subject: rosterd: 1 held" in envelope.content.decode()
    assert run in envelope.content.decode()


def notice(number: int) -> Notice:
    return Notice(f"held:{number}", "held", "acme", "acme", f"sentence {number}", "rosterd reports", NOON)


def test_a_thousand_things_are_one_message_that_can_be_read() -> None:
    found = [notice(number) for number in range(1000)]
    assert title(found) == "rosterd: 1000 held"
    assert body(found).endswith(f"and {1000 - LISTED} more: rosterd reports")
    assert len(body(found).splitlines()) == 2 + 2 * LISTED


@pytest.mark.parametrize(("tries", "wait"), [(0, FIRST_AGAIN), (1, FIRST_AGAIN * 2), (50, LONGEST_AGAIN)])
def test_how_long_until_the_next_try(tries: int, wait: timedelta) -> None:
    assert again(tries) == wait


def test_an_address_of_a_known_service_stays_and_any_other_is_a_webhook_like_slacks() -> None:
    slack = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert service_of(slack) == slack
    assert service_of("mailto://h?to=a@b.c") == "mailto://h?to=a@b.c"
    assert service_of("https://chat.example.com/hooks/x").startswith("jsons://chat.example.com/hooks/x?:message=text")


def test_apprise_is_not_imported_before_there_is_something_to_send() -> None:
    code = "import sys, rosterd.serving; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
