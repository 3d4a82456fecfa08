"""Reports as text."""

import io
from collections.abc import Iterable
from typing import Any

import pytest
from rich.console import Console, RenderableType

from reconciler.health import Health
from reconciler.report import Cause, Complete, Report
from rosterd.render.text import report_text, summary_table
from tests.rosterd.reports import counts, report, row


def printed(parts: Iterable[RenderableType], width: int = 120, **options: Any) -> str:
    """The text as a terminal of this width shows it."""
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, highlight=False, **options)
    for part in parts:
        console.print(part, soft_wrap=not console.is_terminal)
    return out.getvalue()


def test_a_report_reads_from_the_headline_to_the_actions() -> None:
    found = report(
        counts=counts(seen=3, in_scope=3, unchanged=2, create=1),
        causes=(Cause("new in the directory", "create", 1, held=False),),
        warnings=('the directory lists no group "Dezign"',),
    )
    text = printed(report_text(found, [row(after={"given_name": "Ada", "roles": {"role": "member"}})]))
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[0].startswith("acme-okta → workspace acme: done ──")
    assert lines[1].startswith("run 20261121T100000-1a2b3c · full · manual · began 2026-11-21 10:00:00 UTC")
    assert lines[2] == "Loaded 3 → Processed 3 → Created 1 / Updated 0 / Deactivated 0 / Unchanged 2"
    assert lines[3] == "12 requests, 1 retry, throttled for 0.5 s; pull 1.25 s · plan 0.10 s · apply 0.30 s"
    assert 'warning: the directory lists no group "Dezign"' in lines
    assert "    1  create  new in the directory" in lines
    assert lines[-1] == f"create     {'ada@acme.com':<36} Ada · role: member  (new in the directory)"


def test_only_the_first_actions_are_shown_and_where_the_rest_is() -> None:
    found = report(counts=counts(seen=50, in_scope=50, create=50))
    rows = (row(seq=number) for number in range(1, 51))
    text = printed(report_text(found, rows, more="rosterd report 2026"))
    assert text.count("create     ada@acme.com") == 20
    assert text.endswith("… and 30 more: rosterd report 2026\n")
    everything = printed(report_text(found, [row()] * 50, most=None))
    assert everything.count("create     ada@acme.com") == 50
    assert "more" not in everything


def test_rows_are_read_only_as_far_as_they_are_shown() -> None:
    rows = (row(seq=number) for number in range(1, 10_000))
    printed(report_text(report(counts=counts(create=9_999)), rows))
    assert next(rows).seq <= 22


def test_held_clusters_print_their_sentence() -> None:
    cause = Cause("suspended in the directory", "deactivate", 7, held=True, sentence="7 deactivations, 1 cause: …")
    text = printed(report_text(report(state="held", counts=counts(held=7), causes=(cause,)), ()))
    assert "held: 7 deactivations, 1 cause: …" in text
    assert "suspended in the directory (held)" in text


def test_a_blocked_run_says_why_and_the_way_out() -> None:
    error = {"code": "directory_refused", "message": "401", "where": "GET /users", "fix": "make a new token"}
    text = printed(report_text(report(state="blocked", error=error), ()))
    assert "error: 401 (GET /users)\n  make a new token\n" in text
    short = Complete(users=True, groups=True, memberships=False, reasons=("group Design: 403",))
    text = printed(report_text(report(state="blocked", complete=short), ()))
    assert "memberships not read whole: nothing was removed on that account\n  group Design: 403\n" in text


def test_what_comes_from_outside_cannot_steer_the_terminal() -> None:
    evil = row("update", email="\x1b]0;x\x07@acme.com", before={"title": "[red]"}, after={"title": "\x1b[2J"})
    text = printed(report_text(report(counts=counts(update=1)), [evil]), force_terminal=True, color_system=None)
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "[red]" in text


def test_a_terminal_wraps_a_line_under_itself_and_a_file_keeps_it_whole() -> None:
    found, rows = report(counts=counts(create=1)), [row(cause="a reason " * 20)]
    wrapped = printed(report_text(found, rows), 80, force_terminal=True, color_system=None).splitlines()
    assert all(len(line) <= 80 for line in wrapped)
    assert wrapped[-1].startswith(" " * 11)
    assert printed(report_text(found, rows), 80).splitlines()[-1].endswith("a reason )")


def test_the_list_of_runs_has_a_line_for_each() -> None:
    text = printed([summary_table([report(counts=counts(create=1234)), report(planned_only=True)])])
    assert "1,234" in text
    assert [word in text for word in ("succeeded", "planned", "1.65")] == [True] * 3


FAILING = Health(
    "quarantined", 12, "2026-11-20T10:00:00.000Z", "2026-11-22T10:00:02.000Z", "directory_unavailable", "503 from Okta",
    "2026-11-20T09:00:00.000Z",
)  # fmt: skip


QUARANTINED = (
    "acme-okta is quarantined until 2026-11-22 10:00:02 UTC; 12 reads in a row failed since 2026-11-20 10:00:00 UTC:"
    " 503 from Okta"
)


@pytest.mark.parametrize(
    ("health", "lines"),
    [
        (Health(), ["everything was never read whole"]),
        (Health(last_complete="2026-11-21T10:00:01.000Z"),
         ["everything was last read whole just now (2026-11-21 10:00:01 UTC)"]),
        (FAILING, [
            QUARANTINED,
            "everything was last read whole 1 day before (2026-11-20 09:00:00 UTC)",
        ]),
    ],
)  # fmt: skip
def test_every_report_says_how_old_the_last_whole_read_is(health: Health, lines: list[str]) -> None:
    text = printed(report_text(report(health=health), []), width=200)
    assert [line for line in text.splitlines() if line in lines] == lines


def test_what_is_held_says_how_it_is_released_or_dropped() -> None:
    one = Cause("gone", "deactivate", 7, held=True, sentence="7 deactivations", cluster="deactivate-1")
    two = Cause("left", "leave_team", 3, held=True, sentence="3 departures", cluster="leave_team-2")
    run = report().run
    assert ways(report(causes=(one,))) == [f"  right: rosterd approve {run} · wrong: rosterd reject {run}"]
    assert ways(report(causes=(one, two))) == [
        f"  right: rosterd approve {run} --only {name} · wrong: rosterd reject {run} --only {name}"
        for name in ("deactivate-1", "leave_team-2")
    ]
    assert ways(report(causes=(one,), planned_only=True)) == [], "a plan holds nothing"
    assert ways(report()) == []


def ways(found: Report) -> list[str]:
    return [line for line in printed(report_text(found, []), width=200).splitlines() if line.startswith("  right: ")]


def test_an_approval_read_no_directory() -> None:
    text = printed(report_text(report(of="20261121T090000-1a2b3c"), []))
    assert "the directory was not read: this run is about run 20261121T090000-1a2b3c\n" in text
    assert "read whole" not in text
