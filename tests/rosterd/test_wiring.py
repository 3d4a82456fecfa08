"""Runs and checks of directories, as configuration names them."""

import asyncio
from pathlib import Path

import pytest

from connectors.base import Refused
from rosterd.settings import ConfigError
from rosterd.simulators import World
from rosterd.simulators.world import Kind
from rosterd.wiring import check_directory, open_store, require_secrets, run_directory
from tests.rosterd.files import WORKSPACE, directory, loaded, simulated


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_a_simulated_directory_is_served_while_it_is_read_and_needs_no_secret(kind: Kind, tmp_path: Path) -> None:
    settings = simulated(tmp_path, kind)
    require_secrets(settings, settings.directory)
    store = open_store(settings)
    report = asyncio.run(run_directory(settings, store, settings.directory[0], progress=lambda *_: None))
    findings = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert (report.state, report.counts.seen) == ("succeeded", 10)
    assert {finding.severity for finding in findings} == {"ok"}


def test_a_missing_secret_is_found_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OKTA_TOKEN", raising=False)
    settings = loaded(tmp_path, WORKSPACE + directory())
    with pytest.raises(ConfigError, match="OKTA_TOKEN"):
        require_secrets(settings, settings.directory)
    require_secrets(settings, ())


def test_a_missing_secret_is_a_finding_of_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OKTA_TOKEN", raising=False)
    settings = loaded(tmp_path, WORKSPACE + directory())
    store = open_store(settings)
    (finding,) = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert (finding.severity, finding.code) == ("error", Refused.code)
    assert "OKTA_TOKEN" in finding.message


def test_of_a_scim_directory_the_check_says_what_it_told(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WORKSPACE + directory("scim"))
    store = open_store(settings)
    found = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert [(finding.severity, finding.code) for finding in found] == [
        ("ok", "told"), ("warning", "never_heard"), ("warning", "no_token"),
    ]  # fmt: skip


def test_a_run_that_is_told_to_stop_stops_between_two_batches(tmp_path: Path) -> None:
    settings = simulated(tmp_path, "okta", users=50)
    store = open_store(settings)
    phases: list[str] = []

    async def run() -> None:
        def stop(phase: str, done: int, total: int | None) -> None:
            phases.append(phase)
            if phase == "apply":
                task.cancel()

        task = asyncio.ensure_future(run_directory(settings, store, settings.directory[0], progress=stop))
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert phases.count("apply") == 1
    report = asyncio.run(run_directory(settings, store, settings.directory[0], progress=lambda *_: None))
    store.close()
    assert report.state == "succeeded"


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_a_check_knows_the_domains_and_what_the_last_whole_read_saw(kind: Kind, tmp_path: Path) -> None:
    settings = simulated(tmp_path, kind)
    store = open_store(settings)
    asyncio.run(run_directory(settings, store, settings.directory[0], progress=lambda *_: None))
    World.generate(kind, 4, 1, domain="beta.com").save(tmp_path / "world.json")
    workspace = WORKSPACE.replace('id = "acme"', 'id = "acme"\nemail_domains = ["Acme.com"]')
    narrowed = loaded(tmp_path, workspace + directory(kind, 'simulate = "world.json"'))
    found = asyncio.run(check_directory(narrowed, store, narrowed.directory[0]))
    store.close()
    texts = {each.code: each.message for each in found if each.severity != "ok"}
    assert texts["fewer_people"].startswith("4 people are seen, 10 were")
    assert texts["nobody_in_domains"].startswith("4 of 4 people have addresses outside acme.com: beta.com (4)")
