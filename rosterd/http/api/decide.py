"""Routes by which people decide about runs: approving and rejecting what is held, undoing; and reading configuration
again.

What is meant is checked and done by rosterd/deciding.py, as for the commands. An approval and an undo are runs: each
has a thread of its own, few at once, and ends between two batches when the daemon does.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from reconciler.report import Report
from rosterd.deciding import approve_run, reject_run, undo_run
from rosterd.http.api.calls import Call, Called, Name, Routes
from rosterd.http.api.problems import Refusal
from rosterd.http.api.shapes import Rejected, Reloaded

routes = Routes("decide")

Digest = Annotated[str, Field(min_length=1, max_length=200, description="Of what is held: refused when it is another.")]
Only = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(default_factory=list, max_length=1000, description="Only these clusters; empty: all of them."),
]


class Decision(BaseModel):
    """What is decided about: what somebody has looked at, by its digest."""

    model_config = ConfigDict(extra="forbid", strict=True)
    digest: Digest
    only: Only


class Undo(BaseModel):
    """How to undo: `plan` shows what would be taken back, and changes nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)
    plan: bool = False


@routes.route_for("POST", "/runs/{run}/approve", Report, scope="operate")
async def approve(call: Called, run: Name, decision: Decision) -> Response:
    """Makes the held changes of a run that are still what the directory asks for. The answer is the report of that."""

    def work() -> Response:
        earlier = call.run(run).run
        report = approve_run(
            call.settings, call.store, earlier, only=decision.only, digest=decision.digest, by=call.by,
            progress=_progress(call),
        )  # fmt: skip
        return call.answer(report)

    return await _alone(call, work)


@routes.route_for("POST", "/runs/{run}/reject", Rejected, scope="operate")
def reject(call: Called, run: Name, decision: Decision) -> Response:
    """Drops the held changes of a run: they are not planned again until their cause changes."""
    earlier = call.run(run).run
    dropped = reject_run(
        call.settings, call.store, earlier, only=decision.only, digest=decision.digest, by=call.by
    )  # fmt: skip
    return call.answer(Rejected(earlier, dropped))


@routes.route_for("POST", "/runs/{run}/undo", Report, scope="operate")
async def undo(call: Called, run: Name, how: Undo | None = None) -> Response:
    """Takes back what a run changed, through the same guards. The answer is the report of that."""
    apply = how is None or not how.plan

    def work() -> Response:
        earlier = call.run(run).run
        return call.answer(undo_run(call.settings, call.store, earlier, apply=apply, progress=_progress(call)))

    return await _alone(call, work)


@routes.route_for("POST", "/reload", Reloaded, scope="operate")
async def reload(call: Called) -> Response:
    """Has the configuration read again. What is wrong with it is all told, and the old one stays."""
    if call.grant.workspace is not None:
        raise Refusal(404, "not_found", "there is nothing at this address")
    later = await call.outside.reload()
    return call.answer(Reloaded(tuple(each.id for each in call.settings.directory), later))


async def _alone(call: Call, work: Callable[[], Response]) -> Response:
    """
    Raises:
        Refusal: the daemon ends.
    """
    async with call.outside.deciding:
        try:
            return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            if not call.outside.stop.is_set():
                raise
            raise Refusal(503, "stopping", "the daemon ended before this was done; what was done is recorded",
                          fix="ask again once it runs", headers={"Retry-After": "10"}) from None  # fmt: skip


def _progress(call: Call) -> Callable[[str, int, int | None], None]:
    """Ends a run between two batches once the daemon ends."""

    def progress(_phase: str, _done: int, _total: int | None) -> None:
        if call.outside.stop.is_set():
            raise asyncio.CancelledError

    return progress
