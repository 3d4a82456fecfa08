"""What a run reads: connectors with their secrets, and simulators."""

import asyncio
from pathlib import Path

import pytest

from rosterd.simulators import World
from rosterd.simulators.world import Kind
from rosterd.sources import CannotSimulate, NotPulled, connect, require_pulled
from rosterd.wiring import check_directory, open_store
from tests.rosterd.files import CONNECTIONS, WORKSPACE, directory, loaded, simulated

ENTRA, OKTA = 'tenant_id = "t"\n', 'url = "https://acme.okta.com"\n'


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("entra", f"{ENTRA}managed_identity = true"),
        ("entra", f'{ENTRA}client_id = "c"\nfederated_token_file = "token"'),
        ("entra", f'{ENTRA}client_id = "c"\ncertificate = {{ file = "entra.pem" }}'),
        ("okta", f'{OKTA}client_id = "c"\nprivate_key = {{ file = "okta.pem" }}'),
    ],
)
def test_a_simulated_directory_is_reached_whichever_way_in_is_configured(
    kind: Kind, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: with managed_identity a simulated tenant asked the machine it ran on for a token."""
    monkeypatch.setitem(CONNECTIONS, kind, f"{way}\n")
    settings = simulated(tmp_path, kind)
    store = open_store(settings)
    findings = asyncio.run(check_directory(settings, store, settings.directory[0]))
    store.close()
    assert {finding.severity for finding in findings} == {"ok"}


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), ("{}", "missing required field"), ("no JSON", "malformed"), ("entra", "of kind entra")],
)
def test_a_world_that_cannot_be_served_names_its_file(content: str | None, says: str, tmp_path: Path) -> None:
    settings = simulated(tmp_path, "okta")
    file = tmp_path / "world.json"
    if content is None:
        file.unlink()
    elif content == "entra":
        World.generate("entra", 1, 0).save(file)
    else:
        file.write_text(content)

    async def opened() -> None:
        async with connect(settings.directory[0]):
            raise AssertionError("it opened")

    with pytest.raises(CannotSimulate, match=says) as caught:
        asyncio.run(opened())
    assert caught.value.where == str(file)


def test_a_scim_directory_is_told_not_asked(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WORKSPACE + directory("scim"))
    with pytest.raises(NotPulled, match="it is told, not asked"):
        require_pulled(settings.directory[0])
