"""Simulators as servers: in a thread, with credentials that come with the world."""

import json
import socket
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rosterd.simulators import Simulator, World, simulate
from rosterd.simulators.world import KINDS, Kind
from tests.simulators.clients import client, google_pages, graph_pages, okta_pages

SECRETS = {"okta": "token", "entra": "client_secret", "google": "service_account"}
KEYS = {
    "okta": {"url", "endpoint"},
    "entra": {"tenant_id", "client_id", "endpoint", "authority"},
    "google": {"customer", "subject", "endpoint", "token_endpoint"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_simulator_leaves_nothing_behind(kind: Kind) -> None:
    before = threading.active_count()
    with simulate(kind, 5, 2) as simulator, client(simulator):
        port = int(simulator.url.rpartition(":")[2])
    simulator.stop()
    assert threading.active_count() == before
    with socket.socket() as knock:
        assert knock.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_configuration_names_the_secret_and_does_not_hold_it(kind: Kind, tmp_path: Path) -> None:
    with simulate(kind, 5, 2) as simulator:
        by_env = simulator.configuration("acme-dir", "acme", env="ACME")
        by_file = simulator.configuration("acme-dir", "acme", file=tmp_path / 'a "quoted" name')
        assert simulator.secret not in by_env
        (block,) = tomllib.loads(by_env)["directory"]
        assert set(block) == {"id", "workspace", "kind", SECRETS[kind]} | KEYS[kind]
        assert block[SECRETS[kind]] == {"env": "ACME"}
        assert block["endpoint"] == simulator.url
        assert tomllib.loads(by_file)["directory"][0][SECRETS[kind]] == {"file": str(tmp_path / 'a "quoted" name')}


def test_a_saved_world_keeps_its_credentials(tmp_path: Path) -> None:
    with simulate("google", 5, 2) as before:
        told = json.loads(before.secret)
        before.world.save(tmp_path / "world.json")
    with Simulator("google", World.load(tmp_path / "world.json")) as after:
        assert {**json.loads(after.secret), "token_uri": told["token_uri"]} == told


def test_a_world_of_another_kind() -> None:
    with pytest.raises(ValueError, match="a google simulator cannot show a world of kind okta"):
        Simulator("google", World("okta"))


def test_latency() -> None:
    world = World("okta")
    with Simulator("okta", world, latency=0.05) as okta, client(okta) as http:
        began = time.monotonic()
        http.get("/api/v1/users")
        assert time.monotonic() - began >= 0.05


LISTINGS: dict[Kind, Callable[[httpx.Client], Iterator[list[Any]]]] = {
    "okta": lambda http: okta_pages(http, "/api/v1/users?limit=200&fields=status"),
    "entra": lambda http: graph_pages(http, "/v1.0/users?$select=id&$top=999"),
    "google": lambda http: google_pages(
        http, "/users?customer=my_customer&maxResults=500&fields=nextPageToken,users(id)", "users"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_people(kind: Kind) -> None:
    """Held, and listed whole; how long that takes is bench's business."""
    with simulate(kind, 100_000, 1) as simulator, client(simulator) as http:
        assert sum(len(page) for page in LISTINGS[kind](http)) == 100_000
