"""The report as JSON and CSV, in the shape of the contract."""

import csv
import io
import json

import msgspec
import pytest

from reconciler.report import ActionRow, Complete, Counts, Report, to_csv, to_json

REPORT = Report("r1", "acme", "okta", "manual", "full", "succeeded", "2026-11-21T10:00:00.000Z")
ROW = ActionRow(1, "update", "ada@acme.com", "ada", "m1", {"title": ""}, {"title": "x"}, None, "changed", "applied",
                "applied", 1, None)  # fmt: skip


def document(*rows: ActionRow) -> dict[str, object]:
    found = json.loads("".join(to_json(REPORT, rows)))
    assert isinstance(found, dict)
    return found


def test_a_report_has_every_key_of_the_contract() -> None:
    found = document(ROW, msgspec.structs.replace(ROW, seq=2))
    assert set(found) >= {
        "run", "workspace", "directory", "trigger", "mode", "state", "began", "ended", "phases", "complete", "counts",
        "transport", "digest", "causes", "actions", "error",
    }  # fmt: skip
    assert set(msgspec.to_builtins(Counts())) == {
        "seen", "in_scope", "unchanged", "create", "adopt", "update", "deactivate", "reactivate", "set_role",
        "join_team", "leave_team", "held", "failed", "skipped",
    }  # fmt: skip
    assert set(msgspec.to_builtins(Complete())) >= {"users", "groups", "memberships", "incomplete_groups"}
    rows = found["actions"]
    assert isinstance(rows, list)
    assert [row["seq"] for row in rows] == [1, 2]
    assert set(rows[0]) == {
        "seq", "kind", "email", "external_id", "member", "before", "after", "evidence", "cause", "state", "code",
        "attempts", "error",
    }  # fmt: skip


def test_no_actions_is_an_empty_list_and_none_is_no_key() -> None:
    assert document()["actions"] == []
    assert "actions" not in json.loads("".join(to_json(REPORT, None)))


def test_changes_counts_what_would_be_written() -> None:
    written = ("create", "adopt", "update", "deactivate", "reactivate", "set_role", "join_team", "leave_team")
    for kind in written:
        assert msgspec.structs.replace(REPORT, counts=Counts(**{kind: 3})).changes == 3
    counts = Counts(seen=9, skipped=4, held=5, failed=6, **dict.fromkeys(written, 2))
    assert msgspec.structs.replace(REPORT, counts=counts).changes == 16


def lines(*rows: ActionRow) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(to_csv(rows)))))


def test_csv_has_a_header_and_a_line_for_each_action() -> None:
    assert lines() == []
    (line,) = lines(ROW)
    assert (line["kind"], line["before"], line["evidence"], line["error"]) == ("update", '{"title":""}', "", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    (line,) = lines(msgspec.structs.replace(ROW, email=text))
    assert line["email"] == f"'{text}"


@pytest.mark.parametrize("text", ['a "quoted" name', "two\nlines", "comma, comma", "ünïcode", "'=kept"])
def test_csv_survives_any_text(text: str) -> None:
    (line,) = lines(msgspec.structs.replace(ROW, cause=text))
    assert line["cause"] == text


def test_a_large_csv_comes_in_pieces_with_one_header() -> None:
    pieces = list(to_csv(msgspec.structs.replace(ROW, seq=number) for number in range(3000)))
    assert len(pieces) > 1
    found = list(csv.DictReader(io.StringIO("".join(pieces))))
    assert [line["seq"] for line in found] == [str(number) for number in range(3000)]


def test_values_of_a_csv_line_do_not_depend_on_the_order_of_keys() -> None:
    one, other = ({"title": "x", "department": "y"}, {"department": "y", "title": "x"})
    texts = ["".join(to_csv([msgspec.structs.replace(ROW, after=after)])) for after in (one, other)]
    assert texts[0] == texts[1]
