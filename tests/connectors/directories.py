"""Reading simulated directories in tests: connecting, pulling, breaking answers."""

import asyncio
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.responses import Response

from connectors import config, open_connector
from connectors.base import Connector, Expected, Finding, Opened, Patience
from reconciler.model import CollectionEnd, MembersSeen, Observation, Wanted
from rosterd.simulators import Simulator
from rosterd.simulators.web import Call, Endpoint, Refusal
from tests.connectors.clock import Time

NOTHING_EXPECTED = Expected()
QUICK = Patience(first=0.002)  # all the attempts that there are, without the waiting between them


def connect(
    simulator: Simulator, folder: Path, *, secret: str = "", deadline: float = 60.0,
    expected: Expected = NOTHING_EXPECTED, time: Time | None = None, **changed: Any,
) -> Connector:  # fmt: skip
    """A connector of the simulated directory, configured as `rosterd simulate` says, with some keys changed; its waits
    are on the clock of `time`."""
    file = folder / "secret"
    file.write_text(secret or simulator.secret)
    block = tomllib.loads(simulator.configuration("acme", "acme", file=file))["directory"][0]
    keys = {key: value for key, value in block.items() if key not in ("id", "workspace", "kind")} | changed
    keys = {key: value for key, value in keys.items() if value is not None}
    opened = Opened("acme", deadline, patience=QUICK, clock=simulator.time, expected=expected)
    if time is not None:
        opened = replace(opened, patience=Patience(), monotonic=time, sleep=time.sleep)
    return open_connector(config(simulator.kind)(**keys), opened)


def pull(connector: Connector, wanted: Wanted) -> list[Observation]:
    async def read() -> list[Observation]:
        try:
            return [observation async for observation in connector.pull(wanted)]
        finally:
            await connector.close()

    return asyncio.run(read())


def check(connector: Connector, wanted: Wanted) -> list[Finding]:
    async def read() -> list[Finding]:
        try:
            return await connector.check(wanted)
        finally:
            await connector.close()

    return asyncio.run(read())


def break_(simulator: Simulator, made: Callable[[], Response], where: str = "", times: int = 1_000_000) -> None:
    """Requests whose path contains `where` are answered with `made()`, `times` times; token requests are not."""
    whole = simulator.vendor.admit
    left = times

    def admit(call: Call, row: Endpoint) -> None:
        nonlocal left
        if not row.token and where in call.path and left > 0:
            left -= 1
            raise Refusal(made())
        whole(call, row)

    simulator.vendor.admit = admit  # type: ignore[method-assign]  # the fixture puts it back


def ends(observations: list[Observation]) -> list[CollectionEnd]:
    return [seen for seen in observations if isinstance(seen, CollectionEnd)]


def members(observations: list[Observation], group: str) -> list[str]:
    return [u for seen in observations if isinstance(seen, MembersSeen) and seen.group == group for u in seen.users]
