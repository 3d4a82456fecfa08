"""Every alert of deploy/alerts.yml fires when it should and is silent otherwise, judged by promtool."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_deploy import DEPLOY, RULES, tool

HOUR, DAY = 60, 24 * 60  # minutes
ALWAYS = "0+0x4000"


@dataclass(frozen=True)
class Case:
    """What processes show, and after how many minutes which labels and sentence an alert has; `summary` "": none."""

    alert: str
    series: dict[str, str]
    at: int
    summary: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def steady(value: float) -> str:
    """A series that stays."""
    return f"{value}+0x4000"


def seconds(what: str, value: float, directory: str = "okta", instance: str = "a") -> dict[str, str]:
    """A series of one directory, as one process shows it."""
    return {f'rosterd_directory_{what}{{job="rosterd",instance="{instance}",directory="{directory}"}}': steady(value)}


def one(metric: str, values: str, instance: str = "a", **labels: str) -> dict[str, str]:
    """A series of one process."""
    shown = "".join(f',{name}="{value}"' for name, value in labels.items())
    return {f'{metric}{{job="rosterd",instance="{instance}"{shown}}}': values}


def states(**numbers: int) -> dict[str, str]:
    """How many directories are in which state, as two processes show it."""
    return {
        name: values for state, number in numbers.items() for instance in "ab"
        for name, values in one("rosterd_directories", steady(number), instance, state=state).items()
    }  # fmt: skip


def leavers(since: str, *, fast: str, slow: str) -> dict[str, str]:
    """Leavers who take less than a minute, and others who take four hours."""
    edges = {"60.0": fast, "3600.0": fast, "14400.0": slow, "+Inf": slow}
    return {
        name: values for edge, number in edges.items()
        for name, values in one("rosterd_leaver_latency_seconds_bucket", number, since=since, le=edge).items()
    }  # fmt: skip


def scim(status: str, values: str, instance: str = "a") -> dict[str, str]:
    return one("rosterd_scim_requests_total", values, instance, method="GET", status=status)


STALE = 3600 + 3 * 900
CASES = [
    Case("RosterdDown", one("up", steady(0)), 3, "rosterd on a does not answer", {"instance": "a", "job": "rosterd"}),
    Case("RosterdDown", one("up", steady(0)), 1),
    Case("RosterdDown", one("up", steady(1)), 3),
    Case("RosterdStoreDown", one("rosterd_store_up", steady(0)), 3, "rosterd on a cannot use its database",
         {"instance": "a", "job": "rosterd"}),
    Case("RosterdStoreDown", one("rosterd_store_up", "0 1+0x10"), 3),
    Case("RosterdHeld", {**seconds("held_actions", 12), **seconds("held_actions", 12, instance="b")}, 61,
         "12 changes of okta have been held for an hour", {"directory": "okta"}),
    Case("RosterdHeld", seconds("held_actions", 12), 59),
    Case("RosterdHeld", one("rosterd_directory_held_actions", "12x30 _x60", directory="okta"), 61),  # decided
    Case("RosterdDirectoryStale", {**seconds("complete_age_seconds", STALE + 1), **seconds("interval_seconds", 900)},
         11, "okta was not read whole for 1h 45m 1s", {"directory": "okta"}),
    Case("RosterdDirectoryStale", {**seconds("complete_age_seconds", STALE), **seconds("interval_seconds", 900)}, 11),
    Case("RosterdDirectoryFailing", seconds("failures", 3), 6, "3 reads of okta failed in a row",
         {"directory": "okta"}),
    Case("RosterdDirectoryFailing", seconds("failures", 2), 6),
    Case("RosterdManyDirectoriesFailing", states(healthy=7, failing=1, paused=2, short=0), 16,
         "3 directories cannot be read"),
    Case("RosterdManyDirectoriesFailing", states(healthy=8, failing=1, paused=1), 16),
    Case("RosterdManyDirectoriesFailing", states(healthy=1, paused=1), 16),  # half, and one customer's trouble
    Case("RosterdManyDirectoriesFailing", states(healthy=97, failing=3), 16),
    # The first failure there ever was: the series has to be there before it.
    Case("RosterdActionsFail", one("rosterd_actions_total", "0x30 2x30", kind="deactivate", state="failed"), 40,
         "changes fail: deactivate", {"kind": "deactivate"}),
    Case("RosterdActionsFail", one("rosterd_actions_total", steady(7), kind="deactivate", state="failed"), 40),
    Case("RosterdActionsFail", one("rosterd_actions_total", "0+1x100", kind="create", state="applied"), 40),
    # A process that started anew shows what others counted already.
    Case("RosterdActionsFail", one("rosterd_actions_total", "_x30 7x30", "b", kind="create", state="failed"), 40),
    Case("RosterdQueueWaits", one("rosterd_queue_oldest_wait_seconds", steady(960)), 11,
         "the first run in the queue has waited for 16m 0s"),
    Case("RosterdQueueWaits", one("rosterd_queue_oldest_wait_seconds", steady(900)), 11),
    Case("RosterdLeaversSlow", leavers("vendor", fast="0x30 4x800", slow="0x30 9x800"), HOUR,
         "one leaver in twenty keeps access for 3h 43m 47s or longer (since: vendor)", {"since": "vendor"}),
    Case("RosterdLeaversSlow", leavers("vendor", fast="0x30 9x800", slow="0x30 9x800"), HOUR),
    Case("RosterdLeaversSlow", leavers("vendor", fast="0x30 4x800", slow="0x30 9x800"), 10 * HOUR),  # long ago
    Case("RosterdLeaversSlow", leavers("first_read", fast="0x30 4x800", slow="0x30 9x800"), HOUR),
    Case("RosterdLostDeletes",
         one("rosterd_directory_audit_findings", steady(2), directory="audit", code="lost_delete"), 61,
         "2 people who left keep access: their client never told, says the audit audit", {"directory": "audit"}),
    Case("RosterdLostDeletes", one("rosterd_directory_audit_findings", steady(2), directory="audit", code="orphan"),
         61),
    Case("RosterdTokenEnds", seconds("token_expiry_seconds", 13 * 86400), 61,
         "the last SCIM token of okta ends in 13d 0h 0m 0s (negative: it ended)", {"directory": "okta"}),
    Case("RosterdTokenEnds", seconds("token_expiry_seconds", -86400), 61,
         "the last SCIM token of okta ends in -1d 0h 0m 0s (negative: it ended)", {"directory": "okta"}),
    Case("RosterdTokenEnds", seconds("token_expiry_seconds", 15 * 86400), 61),
    Case("RosterdScimErrors", {**scim("200", "0+54x100"), **scim("503", "0+6x100", "b")}, 30,
         "10% of SCIM requests are answered with an error of rosterd's"),
    Case("RosterdScimErrors", {**scim("200", steady(7)), **scim("503", steady(7))}, 30),  # nobody asks for anything
    Case("RosterdScimErrors", {**scim("200", "0+600x100"), **scim("503", "0+6x100", "b")}, 30),
    Case("RosterdScimErrors", {**scim("200", "0+600x100"), **scim("404", "0+600x100")}, 30),
]  # fmt: skip


def written(case: Case) -> dict[str, Any]:
    """A case as promtool reads it."""
    (rule,) = [each for each in RULES if each["alert"] == case.alert]
    fires = {
        "exp_labels": {**rule["labels"], **case.labels},
        "exp_annotations": {"summary": case.summary, "runbook": rule["annotations"]["runbook"]},
    }
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{case.at}m", "alertname": case.alert, "exp_alerts": [fires] if case.summary else []}
        ],
    }


def judged(folder: Path, *cases: Case) -> subprocess.CompletedProcess[str]:
    """What promtool says of these cases."""
    shutil.copy(DEPLOY / "alerts.yml", folder / "alerts.yml")
    file = folder / "cases.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [written(each) for each in cases]}))
    command = [tool("promtool"), "test", "rules", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_every_alert_fires_when_it_should_and_is_silent_otherwise(tmp_path: Path) -> None:
    done = judged(tmp_path, *CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_would_say_so(tmp_path: Path) -> None:
    """A case that is wrong is no success."""
    assert judged(tmp_path, Case("RosterdDown", one("up", steady(0)), 3)).returncode != 0
    assert judged(tmp_path, Case("RosterdDown", one("up", steady(1)), 3, "it is down")).returncode != 0


@pytest.mark.parametrize("fires", [True, False])
def test_every_alert_has_a_case_of_both_kinds(fires: bool) -> None:
    assert {case.alert for case in CASES if bool(case.summary) is fires} == {rule["alert"] for rule in RULES}
