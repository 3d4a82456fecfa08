"""What /metrics shows: what the store knows, once for all processes, and what this process answered."""

from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from reconciler.audit import CODES
from reconciler.errors import StoreError
from reconciler.plan import KINDS
from reconciler.policy import Limit
from reconciler.report import Audited, Complete, Counts, Report
from rosterd import metrics as module
from rosterd.metrics import FRESH, Answered, Metrics, Stored, of_directories, of_runs
from store import Store
from store.measured import Measured, Reading, measured
from store.totals import BUCKETS, SINCE, Latencies, Totals, add_up
from tests.builders import DIRECTORY, Directory, policy, sync

NOON = "2026-11-28T12:00:00.000Z"


def shown(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_a_store_with_a_history(store: Store) -> None:
    directory = Directory("ada", "bob", "cyd", "dan")
    held = policy(limits={"deactivate": Limit(count=2)})
    sync(store, directory, held)
    directory.suspend("bob")
    sync(store, directory, held)
    directory.suspend("cyd", "dan")
    sync(store, directory, held)
    found = shown(Metrics(store, lambda: {DIRECTORY: 900.0, "new": 60.0}))
    assert found["rosterd_store_up",] == 1
    assert found["rosterd_runs_total", "succeeded"] == 2
    assert found["rosterd_runs_total", "held"] == 1
    assert found["rosterd_actions_total", "deactivate", "applied"] == 1
    assert found["rosterd_actions_total", "deactivate", "held"] == 2
    assert found["rosterd_directory_held_actions", DIRECTORY] == 2
    assert found["rosterd_directory_held_groups", DIRECTORY] == 1
    assert found["rosterd_leaver_latency_seconds_count", "last_read"] == 1
    assert found["rosterd_leaver_latency_seconds_bucket", "+Inf", "last_read"] == 1
    assert found["rosterd_leaver_latency_seconds_count", "vendor"] == 0
    assert found["rosterd_directories", "healthy"] == 1
    assert found["rosterd_directories", "never"] == 1
    assert found["rosterd_directory_interval_seconds", DIRECTORY] == 900
    assert 0 <= found["rosterd_directory_complete_age_seconds", DIRECTORY] < 600
    assert found["rosterd_database_bytes",] > 0


def test_a_restart_and_a_second_process_show_the_same(store: Store) -> None:
    sync(store, Directory("ada"))
    one, other = (shown(Metrics(store, lambda: {DIRECTORY: 900.0})) for _ in range(2))
    counted = {name: value for name, value in one.items() if name[0].startswith(("rosterd_runs", "rosterd_actions"))}
    assert counted
    assert counted.items() <= other.items()


def test_what_has_not_happened_yet_is_a_zero(store: Store) -> None:
    """Of a counter that begins with 1 Prometheus sees no increase: the first failure there ever was would be none."""
    found = shown(Metrics(store, dict))
    assert {kind: found["rosterd_actions_total", kind, "failed"] for kind in KINDS} == dict.fromkeys(KINDS, 0)
    assert found["rosterd_runs_total", "killed"] == found["rosterd_runs_total", "failed"] == 0


WRONG = Totals(wrong_since="2026-11-28T09:00:00.000Z")
NEW = Totals()


@pytest.mark.parametrize(
    ("reading", "totals", "hours"),
    [
        (Reading("healthy", 0, "2026-11-28T11:00:00.000Z"), NEW, 1),
        (Reading("failing", 3, "2026-11-28T11:00:00.000Z", "2026-11-28T11:30:00.000Z"), WRONG, 1),
        (Reading("short", 0, None, "2026-11-28T10:00:00.000Z"), NEW, 2), (None, WRONG, 3), (None, NEW, None),
    ],
)  # fmt: skip
def test_a_directory_that_was_never_read_whole_is_as_old_as_what_is_wrong_with_it(
    reading: Reading | None, totals: Totals, hours: int | None
) -> None:
    """It had no age, and so no alert."""
    found = measured_with({"acme": reading} if reading else {}, {"acme": totals})
    ages = [sample.value for family in of_directories(found, {"acme": 60.0}, NOON) for sample in family.samples
            if sample.name == "rosterd_directory_complete_age_seconds"]  # fmt: skip
    assert ages == ([] if hours is None else [hours * 3600])


def test_what_is_not_configured_any_more_is_no_series_that_alerts() -> None:
    found = measured_with({"old": Reading("failing", 7, NOON), "acme": Reading("healthy", 0, NOON)})
    samples = [sample for family in of_directories(found, {"acme": 60.0}, NOON) for sample in family.samples]
    assert not any(sample.labels.get("directory") == "old" for sample in samples)
    assert sum(s.value for s in samples if s.name == "rosterd_directories") == 1


def audited(state: str = "succeeded", **fields: Any) -> Report:
    """The report of an audit of everybody."""
    made = Report("r", "acme", "audit", "schedule", "full", "succeeded", NOON, NOON, audit=Audited("scim"))
    return msgspec.structs.replace(made, state=state, **{"complete": Complete(True, True, True), **fields})


BLOCKED = audited("blocked", complete=Complete(), error={"code": "unavailable", "message": "no answer"})
NOBODY = audited("blocked", complete=Complete(), warnings=("nobody was compared",))
SHORT = audited("blocked", complete=Complete(), counts=Counts(seen=9), audit=Audited("scim", {"missing": 1}))
FED = audited(audit=None)


@pytest.mark.parametrize(
    ("then", "found"),
    [
        ([], {"lost_delete": 2, "orphan": 1}), ([BLOCKED], {"lost_delete": 2, "orphan": 1}),
        ([NOBODY], {"lost_delete": 2, "orphan": 1}), ([SHORT], {"missing": 1}), ([audited()], {}),
        ([audited(), FED], None),
    ],
)  # fmt: skip
def test_what_the_last_audit_found_is_a_number_of_each_kind(
    store: Store, then: list[Report], found: dict[str, int] | None
) -> None:
    """One that could not read says nothing; a directory that does not audit any more has no number."""
    with store.write() as connection:
        for report in (audited(audit=Audited("scim", {"lost_delete": 2, "orphan": 1})), *then):
            add_up(connection, report)
    series = shown(Metrics(store, lambda: {"audit": 900.0})).items()
    counted = {name[1]: value for name, value in series if name[0] == "rosterd_directory_audit_findings"}
    expected = {} if found is None else {code: found.get(code, 0) for code in CODES}
    assert counted == expected


def measured_with(readings: dict[str, Reading], totals: dict[str, Totals] | None = None) -> Measured:
    return Measured(totals or {}, (), readings, {}, 0.0, {}, (), {}, 0)


def test_the_store_is_asked_once_in_a_while_however_many_scrape(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    clock = [100.0]

    def counting(store: Store, now: str) -> Measured:
        asked.append(now)
        return measured_with({})

    monkeypatch.setattr(module, "measured", counting)
    from store import open_store

    store = open_store(sqlite_url)
    stored = Stored(store, dict, clock=lambda: clock[0], moment=lambda: NOON)
    for seconds in (0.0, FRESH / 2, FRESH / 4, FRESH / 2):
        clock[0] += seconds
        list(stored.collect())
    store.close()
    assert len(asked) == 2


def test_a_store_that_refuses_is_a_metric_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_store: Store, _now: str) -> Measured:
        raise StoreError("the store refused: disk I/O error")

    monkeypatch.setattr(module, "measured", refusing)
    found = shown(Metrics(store, dict))
    assert found["rosterd_store_up",] == 0
    assert not any(name[0].startswith("rosterd_runs") for name in found)


def test_latencies_add_up_over_directories_and_not_over_what_they_begin_with() -> None:
    one, other = Totals(left={"vendor": Latencies(), "last_read": Latencies()}), Totals(left={"vendor": Latencies()})
    one.left["vendor"].add(0.5)
    one.left["last_read"].add(10.0)
    other.left["vendor"].add(10.0)
    other.left["vendor"].add(1e9)
    (family,) = [family for family in of_runs([one, other]) if family.type == "histogram"]
    buckets = {
        since: [s.value for s in family.samples if s.name.endswith("_bucket") and s.labels["since"] == since]
        for since in SINCE
    }
    assert buckets == {
        "vendor": [1, 1, *[2] * (len(BUCKETS) - 2), 3], "last_read": [0, 0, *[1] * (len(BUCKETS) - 1)],
        "request": [0] * (len(BUCKETS) + 1), "first_read": [0] * (len(BUCKETS) + 1),
    }  # fmt: skip


def test_the_help_says_from_when_a_leaver_is_timed(store: Store) -> None:
    (said,) = [line for line in Metrics(store, dict).text().decode().splitlines()
               if line.startswith("# HELP rosterd_leaver_latency_seconds ")]  # fmt: skip
    assert all(f"{since}, " in said for since in SINCE)


def test_scim_requests_are_counted_and_timed_by_method() -> None:
    registry = CollectorRegistry()
    answered = Answered(registry, "scim", "SCIM requests")
    for _ in range(2):
        answered.note("/scim/v2", "GET", 200, 0.003)
    assert registry.get_sample_value("rosterd_scim_requests_total", {"method": "GET", "status": "200"}) == 2
    assert registry.get_sample_value("rosterd_scim_request_seconds_bucket", {"method": "GET", "le": "0.005"}) == 2


def test_requests_of_the_rest_api_are_counted_and_timed_by_route() -> None:
    registry = CollectorRegistry()
    answered = Answered(registry, "rest", "REST API requests", routes=True)
    for status in (200, 404):
        answered.note("/api/v1/runs/{run}", "GET", status, 0.003)
    by = {"route": "/api/v1/runs/{run}", "method": "GET"}
    assert registry.get_sample_value("rosterd_rest_requests_total", {**by, "status": "404"}) == 1
    assert registry.get_sample_value("rosterd_rest_request_seconds_count", by) == 2


def test_a_thousand_directories_are_a_bounded_number_of_series() -> None:
    names = [f"directory-{number}" for number in range(1000)]
    found = measured_with({name: Reading("failing", 3, NOON) for name in names})
    samples = [s for family in of_directories(found, dict.fromkeys(names, 900.0), NOON) for s in family.samples]
    assert len(samples) <= 1000 * 6 + 10
    totals = [msgspec.convert({"failures": {"unavailable": 1}, "runs": {"blocked": 1}}, Totals) for _ in names]
    assert len([s for family in of_runs(totals) for s in family.samples]) < 120


def test_measuring_is_what_the_collector_asks(store: Store) -> None:
    assert measured(store, NOON).totals == {}
