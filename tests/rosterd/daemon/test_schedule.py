"""The schedule of a daemon: it wakes what is due, and rests directories that cannot be read."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.health import Health
from rosterd.daemon import schedule
from rosterd.daemon.schedule import Schedule
from rosterd.settings import DirectorySettings
from tests.rosterd.files import WORKSPACE, directory, loaded

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is the test's: it is looked at without waiting."""
    monkeypatch.setattr(schedule, "SHORTEST_SLEEP", 0.0)
    monkeypatch.setattr(schedule, "LONGEST_SLEEP", 0.001)


def configured(folder: Path) -> dict[str, DirectorySettings]:
    text = (
        WORKSPACE + directory("okta", 'every = "15m"') + directory("scim") + directory("entra", 'cron = "0 12 * * *"')
    )
    return {each.id: each for each in loaded(folder, text).directory}


def woken(folder: Path, last: dict[str, datetime], hours: float, **health: Health) -> list[tuple[float, str, str]]:
    """Hours after which each directory was woken, when they last ran at `last`."""
    found: list[tuple[float, str, str]] = []
    moment = [NOW]

    async def live() -> None:
        made = Schedule(
            lambda name, trigger: found.append(((moment[0] - NOW) / timedelta(hours=1), name, trigger)),
            lambda: moment[0],
        )
        for name, each in configured(folder).items():
            at = last.get(name)
            made.enter(each, None if at is None else at.isoformat(), health.get(name, Health()))
        keeping = asyncio.create_task(made.keep())
        while moment[0] < NOW + timedelta(hours=hours):
            await asyncio.sleep(0.002)
            moment[0] += timedelta(minutes=5)
        keeping.cancel()

    asyncio.run(live())
    return found


def times(found: list[tuple[float, str, str]], name: str) -> list[float]:
    return [hour for hour, each, _ in found if each == name]


def test_what_never_ran_runs_now_and_then_at_its_interval(tmp_path: Path) -> None:
    found = woken(tmp_path, {}, 1.0)
    assert times(found, "okta")[0] == 0.0
    assert len(times(found, "okta")) in (4, 5)
    assert {trigger for _, _, trigger in found} == {"schedule"}


def test_a_restart_neither_forgets_nor_repeats(tmp_path: Path) -> None:
    found = woken(tmp_path, {"okta": NOW - timedelta(minutes=5), "scim": NOW - timedelta(hours=1)}, 1.0)
    assert times(found, "okta")[0] == pytest.approx(1 / 6, abs=0.1)
    assert times(found, "scim") == []


def test_a_directory_that_tells_is_compared_whole_once_a_day(tmp_path: Path) -> None:
    found = woken(tmp_path, {"okta": NOW, "scim": NOW - timedelta(hours=23)}, 2.0)
    assert times(found, "scim") == [pytest.approx(1.0, abs=0.1)]


def test_a_cron_line_is_kept(tmp_path: Path) -> None:
    found = woken(tmp_path, {"okta": NOW, "scim": NOW, "entra": NOW}, 3.0)
    assert times(found, "entra") == [pytest.approx(2.0, abs=0.11)]


def test_one_that_cannot_be_read_rests_and_a_paused_one_is_left_alone(tmp_path: Path) -> None:
    later = (NOW + timedelta(minutes=40)).isoformat()
    failing = Health("failing", 4, NOW.isoformat(), later, "directory_unavailable", "it did not answer")
    assert times(woken(tmp_path, {}, 1.0, okta=failing), "okta")[0] == pytest.approx(2 / 3, abs=0.1)
    paused = Health("paused", 1, NOW.isoformat(), None, "directory_refused", "401")
    assert times(woken(tmp_path, {}, 1.0, okta=paused), "okta") == []
