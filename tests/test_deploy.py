"""What is in deploy/, judged by its own linters, and held against the program and its documents."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rosterd import settings
from rosterd.metrics import Metrics
from rosterd.settings.model import DaemonSettings
from store import open_store
from store.measured import measured
from tests.builders import DIRECTORY, Directory, sync

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
OPERATIONS = ROOT / "docs" / "operations.md"
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
KUBERNETES: list[dict[str, Any]] = [
    *yaml.safe_load_all((DEPLOY / "kubernetes" / "rosterd.yaml").read_text(encoding="utf-8"))
]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text(encoding="utf-8"))
UNITS = ("rosterd.service", "rosterd-worker.service")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def tool(name: str) -> str:
    """The path of a linter; skips where there is none."""
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], str(ROOT / ".tools/usr/bin")))
    found = shutil.which(name, path=search)
    if found is None:
        pytest.skip(f"{name} is not on this machine; .ci/run fetches it")
    return found


def passes(*command: str) -> str:
    done = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# -- linters ------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing() -> None:
    assert passes(tool("hadolint"), "Dockerfile").strip() == ""


def test_the_rules_are_prometheus_rules() -> None:
    assert f"{len(RULES)} rules found" in passes(tool("promtool"), "check", "rules", "alerts.yml")


def test_the_manifest_is_kubernetes() -> None:
    said = passes(tool("kubernetes-validate"), "--strict", "kubernetes/rosterd.yaml")
    assert said.count("passed") == len(KUBERNETES)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_reads_the_unit_and_finds_it_closed(tmp_path: Path, name: str) -> None:
    command = tool("systemd-analyze")
    unit = tmp_path / name
    text = (DEPLOY / name).read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/rosterd/bin/rosterd", sys.executable), encoding="utf-8")
    assert passes(command, "verify", "--man=no", str(unit)).strip() == ""
    # "1.2 OK" at the time of writing; 10 is a service without any of it.
    passes(command, "security", "--offline=true", "--threshold=15", "--no-pager", str(unit))


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_nothing_that_a_small_system_lacks(name: str) -> None:
    """/bin/kill is of procps, which Debian's smallest system does not have: a reload failed there."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert set(re.findall(r"^Exec\w+=(\S+)", text, re.MULTILINE)) == {"/opt/rosterd/bin/rosterd", "/bin/sh"}


def test_the_command_beside_the_service_is_the_service_in_all_that_counts() -> None:
    """`deploy/rosterd` is for /bin/sh; what it says of the user, the database and the secrets is the unit's."""
    passes("/bin/sh", "-n", "rosterd")
    text, unit = (DEPLOY / "rosterd").read_text(encoding="utf-8"), (DEPLOY / UNITS[0]).read_text(encoding="utf-8")
    said = re.findall(r"--property=(\w+=\S+)", text)
    assert [each for each in said if f"\n{each}\n" not in unit] == ["User=rosterd"]  # the name of the unit, there
    (store,) = re.findall(r"--setenv=(ROSTERD_STORE__URL=\S+)", text)
    assert f"Environment={store} " in unit
    assert re.findall(r"/opt/rosterd/bin/rosterd --config \S+", text) == [
        each.removesuffix(" serve") for each in re.findall(r"ExecStart=(.+)", unit)
    ]


# -- metrics that are named are there -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every series of /metrics with the labels that it has."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/rosterd.db")
    sync(store, Directory("ada"))
    assert measured(store, "2026-11-28T12:00:00.000Z").totals
    metrics = Metrics(store, lambda: {DIRECTORY: 900.0})
    metrics.scim.note("/scim/v2", "GET", 200, 0.001)
    metrics.api.note("/api/v1/runs", "GET", 200, 0.001)
    found: dict[str, set[str]] = {}
    text = metrics.text().decode()
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    # A family without samples yet: a counter's samples end in _total.
    for name in re.findall(r"^# TYPE (\w+_total) counter$", text, re.MULTILINE):
        found.setdefault(name, set())
    store.close()
    return found


def queries() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [*(rule["expr"] for rule in RULES), *panels]


def named(query: str) -> set[str]:
    return set(re.findall(r"\b(?:rosterd|process)_\w+", query))


@pytest.mark.parametrize("query", queries())
def test_every_metric_that_a_dashboard_or_an_alert_names_is_there(query: str, shown: dict[str, set[str]]) -> None:
    names = named(query)
    assert names or query == 'up{job="rosterd"} == 0'
    assert names <= shown.keys()


def test_every_label_that_a_query_goes_by_is_there(shown: dict[str, set[str]]) -> None:
    known = {label for labels in shown.values() for label in labels} | {"job", "instance", "le", "code", "kind"}
    for query in queries():
        grouped = {part.strip() for group in re.findall(r"\bby \(([^)]*)\)", query) for part in group.split(",")}
        matched = set(re.findall(r"(\w+)=~?\"", query))
        assert grouped | matched <= known, query


def test_every_metric_of_the_program_is_on_the_dashboard_or_in_an_alert(shown: dict[str, set[str]]) -> None:
    used = {name for query in queries() for name in named(query)}
    ours = {name for name in shown if name.startswith("rosterd_") and not name.endswith(("_created", "_sum", "_count"))}
    bases = {re.sub(r"_(total|bucket)$", "", name) for name in used}
    assert {re.sub(r"_(total|bucket)$", "", name) for name in ours} - bases <= {"rosterd_directory_held_groups"}


# -- alerts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (page, anchor) == ("docs/operations.md", rule["alert"].lower())
    headings = re.findall(r"^### (\w+)$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    assert rule["alert"] in headings


def test_every_alert_that_is_explained_is_there() -> None:
    explained = re.findall(r"^### (Rosterd\w+)$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    assert explained == [rule["alert"] for rule in RULES]


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= own
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


# -- what must not be lost ----------------------------------------------------------------------------------------


DEPLOYMENTS = {each["metadata"]["name"]: each["spec"] for each in KUBERNETES if each["kind"] == "Deployment"}
SERVE, WORKER = DEPLOYMENTS["rosterd"], DEPLOYMENTS["rosterd-worker"]


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = deployment["template"]["spec"]
    return spec


@pytest.mark.parametrize("deployment", [SERVE, WORKER], ids=["serve", "worker"])
def test_the_pod_may_do_nothing(deployment: dict[str, Any]) -> None:
    (container,) = pod(deployment)["containers"]
    assert pod(deployment)["securityContext"]["runAsNonRoot"] is True
    assert pod(deployment)["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip


def test_who_serves_is_asked_how_it_is_and_a_worker_is_not() -> None:
    (serving,), (working,) = pod(SERVE)["containers"], pod(WORKER)["containers"]
    assert serving["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert serving["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert not [name for name in working if name.endswith("Probe") or name == "ports"]
    assert COMPOSE["services"]["worker"]["healthcheck"] == {"disable": True}


def test_requests_go_to_those_that_serve() -> None:
    labels = {name: spec["template"]["metadata"]["labels"] for name, spec in DEPLOYMENTS.items()}
    for name, spec in DEPLOYMENTS.items():
        assert spec["selector"]["matchLabels"] == labels[name]
    (service,) = [each["spec"] for each in KUBERNETES if each["kind"] == "Service"]
    (budget,) = [each["spec"] for each in KUBERNETES if each["kind"] == "PodDisruptionBudget"]
    assert service["selector"] == budget["selector"]["matchLabels"] == labels["rosterd"] != labels["rosterd-worker"]


def test_a_worker_is_what_serves_but_for_what_it_listens_on() -> None:
    (serving,), (working,) = pod(SERVE)["containers"], pod(WORKER)["containers"]
    assert (serving["args"], working["args"]) == (["serve"], ["worker"])
    same = ("image", "envFrom", "securityContext", "resources", "volumeMounts")
    assert [serving[name] for name in same] == [working[name] for name in same]
    services = COMPOSE["services"]
    assert services["worker"]["command"] == ["worker"]
    own = {"build", "ports", "command", "healthcheck"}
    assert {k: v for k, v in services["serve"].items() if k not in own} == {
        k: v for k, v in services["worker"].items() if k not in own
    }
    closed = [re.findall(r"^(?:NoNew|Cap|Amb|Pro|Priv|Restrict|Lock|Mem|Rem|System|Tasks|UMask).*$", text, re.MULTILINE)
              for text in ((DEPLOY / name).read_text(encoding="utf-8") for name in UNITS)]  # fmt: skip
    assert closed[0] == closed[1]
    assert len(closed[0]) > 25


def test_whoever_stops_it_waits_longer_than_runs_may_take_to_end() -> None:
    within = DaemonSettings().stop_within.total_seconds()
    for deployment in DEPLOYMENTS.values():
        assert pod(deployment)["terminationGracePeriodSeconds"] > within + 10
    for name in ("serve", "worker"):
        assert int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) > within + 10
    for name in UNITS:
        unit = (DEPLOY / name).read_text(encoding="utf-8")
        assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > within + 10


def test_the_configuration_in_the_manifest_loads(tmp_path: Path) -> None:
    (configuration,) = [each for each in KUBERNETES if each["kind"] == "ConfigMap"]
    file = tmp_path / "rosterd.toml"
    file.write_text(configuration["data"]["rosterd.toml"], encoding="utf-8")
    assert settings.load(file).directory


def test_the_services_are_closed() -> None:
    for name in ("serve", "worker"):
        assert COMPOSE["services"][name]["read_only"] is True
        assert COMPOSE["services"][name]["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["serve"]["ports"])
    assert "ports" not in COMPOSE["services"]["worker"]
    assert "USER 10001:10001" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


def test_the_image_has_what_is_tested_and_nothing_of_development() -> None:
    def pinned(file: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9.-]+==[^\s\\;]+)", file.read_text(encoding="utf-8"), re.MULTILINE))

    image, tested = pinned(DEPLOY / "requirements.lock"), pinned(ROOT / "requirements.lock")
    assert len(image) > 50
    assert image <= tested
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[\[<>=;~! ]", each)[0] for each in project["dependencies"]}
    assert needed <= {each.split("==")[0] for each in image}, "run: make lock"
    assert not {each for each in image if each.startswith(("pytest", "mypy", "hypothesis", "pixeltable"))}


def test_the_image_copies_every_package() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert copied == {"connectors", "reconciler", "store", "rosterd"}
    assert "scheduler.py" in DOCKERFILE
