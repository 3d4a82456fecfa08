"""How long the phases of a run take, by a clock that is given."""

from typing import Protocol


class Clock(Protocol):
    """Tells the time and how much of it passes."""

    def now(self) -> str:
        """RFC 3339 UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...


class Watch:
    """Times the phases of a run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.began = clock.now()
        self.phases: dict[str, float] = {}

    def phase(self, name: str) -> "_Phase":
        """A context manager that adds its time to `phases[name]`."""
        return _Phase(self._clock, self.phases, name)


class _Phase:
    def __init__(self, clock: Clock, phases: dict[str, float], name: str) -> None:
        self._clock, self._phases, self._name = clock, phases, name

    def __enter__(self) -> None:
        self._began = self._clock.elapsed()

    def __exit__(self, *_: object) -> None:
        self._phases[self._name] = round(self._clock.elapsed() - self._began, 4)
