"""One running simulator of each kind per test module, with a client that has signed in."""

from collections.abc import Iterator

import httpx
import pytest

from rosterd.simulators import Simulator, simulate
from tests.simulators.clients import client


@pytest.fixture(scope="module")
def okta() -> Iterator[Simulator]:
    with simulate("okta", 450, 20) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def entra() -> Iterator[Simulator]:
    with simulate("entra", 450, 20) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def google() -> Iterator[Simulator]:
    with simulate("google", 450, 20) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def okta_http(okta: Simulator) -> Iterator[httpx.Client]:
    with client(okta) as http:
        yield http


@pytest.fixture(scope="module")
def entra_http(entra: Simulator) -> Iterator[httpx.Client]:
    with client(entra) as http:
        yield http


@pytest.fixture(scope="module")
def google_http(google: Simulator) -> Iterator[httpx.Client]:
    with client(google) as http:
        yield http
