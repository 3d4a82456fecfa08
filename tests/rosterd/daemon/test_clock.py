"""The clock of this machine against the database's."""

from datetime import timedelta

import pytest
import time_machine

from rosterd.daemon.clock import Clock
from store import Store


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(seconds=16), ["this machine's clock is 16 s ahead of the database's: have both set by NTP"]),
        (timedelta(hours=-1), ["this machine's clock is 3600 s behind the database's: have both set by NTP"]),
        (timedelta(seconds=14), []),
        (timedelta(seconds=-14), []),
    ],
)
def test_a_quarter_of_a_lease_is_too_much(
    store: Store, caplog: pytest.LogCaptureFixture, off: timedelta, said: list[str]
) -> None:
    with time_machine.travel(off):
        Clock(store).look()
    assert [record.getMessage() for record in caplog.records] == ([] if store.sqlite else said)


def test_it_is_said_once_that_they_differ_and_once_that_they_agree(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    clock = Clock(store)
    for off in (0, 90, 90, 0, 0):
        with time_machine.travel(timedelta(seconds=off)):
            clock.look()
    assert [record.levelname for record in caplog.records] == ([] if store.sqlite else ["WARNING", "INFO"])
