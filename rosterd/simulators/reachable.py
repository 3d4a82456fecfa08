"""What a client has to know of a simulated directory, wherever it is served: the keys of `[[directory]]`, the secret.

Serving is in server.py (a thread of this process) and detached.py (a process of its own).
"""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from rosterd.simulators.world import Kind


class Reachable(ABC):
    """A simulated directory, as its clients see it."""

    kind: Kind

    @property
    @abstractmethod
    def sensitive_key(self) -> str:
        """The configuration key that holds the secret."""

    @property
    @abstractmethod
    def keys(self) -> dict[str, str]:
        """The other keys that only this kind reads."""

    @property
    @abstractmethod
    def credentials(self) -> dict[str, Any]:
        """What a client needs to come in: throwaway, made for this server."""

    @property
    def variable(self) -> str:
        """The environment variable for the secret, unless another is named: OKTA_TOKEN."""
        return f"{self.kind}_{self.sensitive_key}".upper()

    @property
    def secret(self) -> str:
        """The text that belongs into the environment variable or file that `configuration` names."""
        found = self.credentials[self.sensitive_key]
        return found if isinstance(found, str) else json.dumps(found)

    def configuration(self, id: str, workspace: str, *, env: str = "", file: Path | None = None) -> str:  # noqa: A002
        """A `[[directory]]` block (contract.md); the secret is read from `file`, else from `env`. A JSON string is a
        TOML basic string."""
        source, place = ("file", str(file)) if file else ("env", env or self.variable)
        keys = {"id": id, "workspace": workspace, "kind": self.kind, **self.keys}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        return "\n".join(["[[directory]]", *lines, f"{self.sensitive_key} = {{ {source} = {json.dumps(place)} }}", ""])
