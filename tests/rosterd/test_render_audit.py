"""An audit as people read it."""

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from reconciler.audit import CODES, Difference, Finding
from reconciler.report import Audited, Cause, Complete, Counts, Report
from rosterd.render.audit import MENDS, audit_text

MORE = "rosterd audit acme-scim --json"


def shown(*found: Finding, more: int = 0, warnings: Sequence[str] = ()) -> str:
    """The text of these findings and so many more like the first."""
    causes: dict[tuple[str, str], int] = {}
    for each in [*found, *found[:1] * more]:
        causes[each.code, each.cause] = causes.get((each.code, each.cause), 0) + 1
    counts = {code: sum(n for (c, _), n in causes.items() if c == code) for code in CODES}
    report = Report(
        "r1", "acme", "acme-okta", "manual", "full", "succeeded", "2026-11-21T10:00:00.000Z",
        complete=Complete(True, True, True), counts=Counts(40, 39, 30), warnings=tuple(warnings),
        causes=tuple(Cause(cause, code, n, held=False) for (code, cause), n in causes.items()),
        audit=Audited("acme-scim", {code: n for code, n in counts.items() if n}),
    )  # fmt: skip
    first: dict[str, list[Finding]] = {code: [each for each in found if each.code == code] for code in CODES}
    console = Console(file=StringIO(), width=300, markup=False, highlight=False)
    for part in audit_text(report, first, more=MORE):
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


GONE = Finding("lost_delete", "ada@acme.com", "A", "1", "deleted in the directory")
SUSPENDED = Finding("lost_delete", "bob@acme.com", "B", "2", "suspended in the directory")


def test_numbers_causes_people_and_the_way_out() -> None:
    text = shown(GONE, SUSPENDED, more=10, warnings=["lost_delete: ada@acme.com", "not compared: title"])
    assert "audit of acme-scim: 12 differences" in text
    assert "Loaded 40 → Compared 39 → The same 30 / Lost deletes 12" in text
    assert "12 people left the directory and are still active here" in text
    assert "  11 × deleted in the directory\n  1 × suspended in the directory\n" in text
    assert "    ada@acme.com: deleted in the directory\n    bob@acme.com: suspended in the directory\n" in text
    assert f"    … and 10 more: {MORE}\n" in text
    assert "provision these people on demand" in text
    assert "--emergency" in text  # without it, a change by hand of somebody whom a directory owns is refused
    assert "Nothing was changed" in text
    assert "warning: not compared: title" in text
    assert "warning: lost_delete" not in text  # said above, whole


def test_what_differs_is_shown_from_told_to_the_directory() -> None:
    parts = (Difference("title", "", "Countess"), Difference("state", "suspended", "active"))
    text = shown(Finding("different", "ada@acme.com", "A", "1", "other", parts))
    assert "    ada@acme.com: title: – → Countess, state: suspended → active\n" in text


def test_one_cause_is_said_once() -> None:
    assert shown(GONE).count("deleted in the directory") == 1


def test_a_whole_group_is_about_everybody() -> None:
    found = Finding("membership", "", "", "", 'group "Eng" was deleted in the directory', (Difference("Eng", "x", ""),))
    other = Finding("membership", "ada@acme.com", "A", "1", 'in group "Ops" …', (Difference("Ops", "", "member"),))
    assert 'everybody: group "Eng" was deleted in the directory' in shown(found, other)


def test_the_same_is_said_in_a_line() -> None:
    text = shown()
    assert "audit of acme-scim: the same" in text
    assert "in the identity provider" not in text


def test_text_from_outside_does_not_steer_a_terminal() -> None:
    assert "\x1b" not in shown(Finding("orphan", "a\x1b[2J@acme.com", "A", "", "x\x1b"))


@pytest.mark.parametrize("code", CODES)
def test_every_kind_says_how_it_is_mended(code: str) -> None:
    assert "identity provider" in MENDS[code]
