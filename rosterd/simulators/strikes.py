"""Faults at work: what a fault is made of, and which of those that are on meet a request. What each does: faults.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from rosterd.simulators.web import Call, Endpoint, Vendor


@dataclass
class Strike:
    """One fault meeting one request. `memory` is the fault's own and lasts while it is on; the world's lock is held."""

    vendor: "Vendor"
    row: "Endpoint"
    call: "Call"
    active: "Active"

    @property
    def memory(self) -> dict[str, Any]:
        return self.active.memory


@dataclass(frozen=True)
class Fault:
    """One way to fail.

    `kinds` are the vendors that it fits; `on` is what a route must hold (`Endpoint.content`) to be met unasked, `fits`
    what it may hold when a route is named. What it does, in the order of a request: wait `seconds`; answer `instead` of
    the vendor; `change` the vendor's 200; send the answer as `wire` makes it. `instead` and `change` return None when
    they leave this request alone. `small_pages` cuts listings to three pages, so that there is a page in the middle.
    `times` is how often it strikes before it is spent, None for ever.

    Two ways are no answers but a state of the directory, as long as the fault is on: `takes` are scopes or permissions
    that the customer's admin did not grant, `drift` is by how many seconds the directory's clock is ahead of ours.
    """

    name: str
    description: str
    kinds: frozenset[str]
    on: frozenset[str]
    fits: frozenset[str]
    instead: Callable[[Strike], Response | None] | None = None
    change: Callable[[Strike, Response], Response | None] | None = None
    wire: Callable[[Response], Response] | None = None
    seconds: float = 0.0
    small_pages: bool = False
    times: int | None = None
    takes: frozenset[str] = frozenset()
    drift: float = 0.0


@dataclass
class Active:
    """A fault that is on. `route` is a part of the path ("/members", a group's id) that a request must have."""

    fault: Fault
    route: str = ""
    left: int | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def meets(self, row: "Endpoint", call: "Call") -> bool:
        if self.left == 0:
            return False
        if not self.route:
            return row.content in self.fault.on
        return row.content in self.fault.fits and (self.route in call.path or self.route in row.path)

    def struck(self) -> None:
        if self.left is not None:
            self.left -= 1


class Strikes:
    """The faults that meet one request, in the order in which they were switched on."""

    def __init__(self, vendor: "Vendor", row: "Endpoint", call: "Call") -> None:
        self._met = [Strike(vendor, row, call, active) for active in vendor.faults if active.meets(row, call)]

    @property
    def seconds(self) -> float:
        """How long to wait first."""
        waiting = [strike for strike in self._met if strike.active.fault.seconds]
        for strike in waiting:
            strike.active.struck()
        return sum(strike.active.fault.seconds for strike in waiting)

    @property
    def small_pages(self) -> bool:
        return any(strike.active.fault.small_pages for strike in self._met)

    def instead(self) -> Response | None:
        for strike in self._met:
            hook = strike.active.fault.instead
            if hook and (made := hook(strike)) is not None:
                strike.active.struck()
                return made
        return None

    def changed(self, response: Response) -> Response:
        for strike, hook in self._hooks():
            made = hook(strike, response) if response.status_code == 200 else None
            if made is not None:
                strike.active.struck()
                response = made
        return response

    def sent(self, response: Response) -> Response:
        for strike in self._met:
            if strike.active.fault.wire:
                strike.active.struck()
                return strike.active.fault.wire(response)
        return response

    def _hooks(self) -> Iterator[tuple[Strike, Callable[[Strike, Response], Response | None]]]:
        for strike in self._met:
            if strike.active.fault.change:
                yield strike, strike.active.fault.change
