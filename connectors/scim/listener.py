"""The listener of one directory: finds what a request is about and has it answered; every refusal is a SCIM error.

What the requests mean is in users.py, groups.py, paging.py, bulk.py and discovery.py.
"""

from collections.abc import Callable

from connectors.scim.errors import ScimError
from connectors.scim.exchange import Endpoint, Request, Response, refused
from connectors.scim.ports import Resources

__all__ = ["Endpoint", "Listener", "Request", "Response"]

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Listener:
    """Answers the requests to one directory. It keeps no state: an instance per directory serves every thread."""

    def __init__(self, endpoint: Endpoint, new_id: Callable[[], str]) -> None:
        self.endpoint = endpoint
        self._new_id = new_id

    def writes(self, request: Request) -> bool:
        """Whether it needs a transaction that writes. A search by POST does not."""
        if request.method in _READS:
            return False
        return not request.path.rstrip("/").lower().endswith("/.search")

    def answer(self, request: Request, resources: Resources, now: str) -> Response:
        """The response to any request. One of 400 and above means that nothing of it may stay: roll back."""
        try:
            return self._answered(request, resources, now)
        except ScimError as error:
            return refused(error, request.headers.get("accept", ""))

    def _answered(self, request: Request, resources: Resources, now: str) -> Response:  # noqa: ARG002
        name = request.path.strip("/").partition("/")[0]
        if name.lower() == "me":
            raise ScimError(501, "/Me is not offered: no person signs in here, only the directory does")
        raise ScimError(404, f"there is no {request.path}")
