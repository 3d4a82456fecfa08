"""The log: one line for each event, in either format, complete and without secrets."""

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from rosterd import logs

SECRET = "hunter2-of-the-configuration"


@pytest.fixture
def clean() -> Iterator[None]:
    """Leaves logging as it was."""
    root, ours = logging.getLogger(), logging.getLogger("rosterd")
    before = (root.handlers[:], root.level, ours.level, ours.handlers[:], ours.propagate)
    yield
    root.handlers, ours.handlers = before[0], before[3]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    ours.propagate = before[4]
    logs.redactor.learn(())


@pytest.fixture
def out(clean: None) -> io.StringIO:
    return io.StringIO()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


log = logs.logger("rosterd.daemon")


def test_an_event_as_json(out: io.StringIO) -> None:
    logs.begin("json", "info", out)
    log.info("run_ended", message="acme: succeeded", run="r1", directory="acme", changes=3)
    (line,) = lines(out)
    assert list(line) == ["time", "level", "event", "message", "run", "directory", "changes"]
    assert str(line.pop("time")).endswith("Z")
    assert line == {"level": "info", "event": "run_ended", "message": "acme: succeeded", "run": "r1",
                    "directory": "acme", "changes": 3}  # fmt: skip


def test_an_event_for_people(out: io.StringIO) -> None:
    logs.begin("console", "info", out)
    log.warning("token_expires", message="a token ends soon", directory="acme", by="Ada L.")
    _, rest = out.getvalue().split(" ", 1)
    assert rest == 'WARNING a token ends soon [token_expires directory=acme by="Ada L."]\n'


def test_what_is_known_of_a_run_is_in_every_line_of_its_thread_and_in_no_other(out: io.StringIO) -> None:
    logs.begin("json", "info", out)

    def run(directory: str) -> None:
        with logs.about(directory=directory, workspace="w"):
            logs.known(run=f"run of {directory}")
            log.info("one")
            logging.getLogger("a.library").warning("two")

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    log.info("three")
    found = lines(out)
    assert all(line["run"] == f"run of {line['directory']}" for line in found[:-1])
    assert [line["directory"] for line in found[:-1]].count("a") == 2
    assert "directory" not in found[-1]


def test_a_librarys_line_is_one_of_ours(out: io.StringIO) -> None:
    logs.begin("json", "debug", out)
    logging.getLogger("azure.identity").warning("it said %s", "no")
    logging.getLogger("azure.identity").info("chatter")
    (line,) = lines(out)
    assert (line["event"], line["message"], line["level"]) == ("azure.identity", "it said no", "warning")


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_librarys_traceback_is_its_kind_and_place(
    out: io.StringIO, format: logs.Format, monkeypatch: pytest.MonkeyPatch  # noqa: A002
) -> None:  # fmt: skip
    """SQLAlchemy wrote one for a connection that a restarted server had ended, and the text of an exception may hold
    what a client sent."""
    monkeypatch.setenv("ROSTERD_DEBUG", "0")
    logs.begin(format, "debug", out)
    try:
        raise ValueError("ada@acme.com")
    except ValueError:
        logging.getLogger("sqlalchemy.pool").error("Exception during reset or similar", exc_info=True)
    assert "Exception during reset or similar: ValueError at rosterd/test_logs.py:" in out.getvalue()
    assert out.getvalue().count("\n") == 1
    assert not [each for each in ("Traceback", "ada@acme.com") if each in out.getvalue()]


def test_what_a_library_warns_of_and_raises_is_one_line(out: io.StringIO) -> None:
    """Each run that a full disk of the server broke was told twice, the second time with a library's inner parts."""
    logs.begin("json", "debug", out)
    logging.getLogger("psycopg").warning("error ignored terminating <psycopg.Pipeline [INERROR]>: pipeline aborted")
    assert out.getvalue() == ""


def test_the_level_bounds_it(out: io.StringIO) -> None:
    logs.begin("json", "warning", out)
    log.info("quiet")
    log.error("loud")
    assert [line["event"] for line in lines(out)] == ["loud"]


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_line_break_in_a_text_makes_no_line(out: io.StringIO, format: logs.Format) -> None:  # noqa: A002
    logs.begin(format, "info", out)
    log.info("odd", message="one\n2026-01-01T00:00:00.000Z ERROR forged", user="x\ny")
    assert len(out.getvalue().splitlines()) == 1


def test_beginning_again_writes_each_line_once(out: io.StringIO) -> None:
    logs.begin("json", "info", io.StringIO())
    logs.begin("json", "info", out)
    log.info("once")
    assert len(lines(out)) == 1


@pytest.mark.parametrize("format", ["json", "console"])
def test_no_secret_gets_into_a_line(
    out: io.StringIO, format: logs.Format, monkeypatch: pytest.MonkeyPatch  # noqa: A002
) -> None:  # fmt: skip
    monkeypatch.setenv("ROSTERD_DEBUG", "1")  # with tracebacks
    logs.redactor.learn([SECRET])
    logs.begin(format, "info", out)
    with logs.about(directory=f"acme {SECRET}"):
        log.info("message", message=f"it is {SECRET}")
        log.info(f"event {SECRET}")
        log.info("value", headers={"Authorization": f"Bearer {SECRET}"}, listed=[SECRET], **{SECRET: 1})
        logging.getLogger("a.library").warning(
            "it is %s", SECRET, extra={"password": "other", "url": f"x://u:{SECRET}@h"}
        )
        try:
            raise ValueError(SECRET)
        except ValueError:
            log.exception("broke")
    said = out.getvalue()
    assert SECRET not in said
    assert "other" not in said
    assert "Traceback" in said
