"""Keeps what a directory's client sends and is answered, without people and secrets in it (masking.py): opt-in, for a
client whose habits nobody has seen yet.

One JSON object a line. Written by a thread of its own; what cannot be written is left out, and never breaks a request.
"""

import queue
import secrets
import threading
from pathlib import Path
from typing import Any

import msgspec

from connectors.scim.listener import Request, Response
from rosterd.http.masking import SHOWN_NAMES, Mask
from rosterd.logs import logger

log = logger("rosterd.http")

MOST_BYTES = 16 << 20
WAITING = 1000  # requests that are not written yet; more are left out
_SENT = ("content-type", "location", "etag", "retry-after", "allow")


class Recorder:
    """Records into one file until it is full. The key of its masks is its own and is forgotten with it."""

    def __init__(self, file: Path, *, most: int = MOST_BYTES, key: bytes = b"") -> None:
        self._file, self._most = file, most
        self._mask = Mask(key or secrets.token_bytes(32))
        self._waiting: queue.Queue[tuple[Request, Response, str] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write_all, name=f"recorder {file.name}", daemon=True)
        self._thread.start()

    def note(self, request: Request, response: Response, at: str) -> None:
        """Takes a request and its answer; returns at once."""
        try:
            self._waiting.put_nowait((request, response, at))
        except queue.Full:
            return

    def close(self) -> None:
        """Writes what is waiting."""
        try:
            self._waiting.put(None, timeout=1.0)
        except queue.Full:
            return
        self._thread.join(5.0)

    def line(self, request: Request, response: Response, at: str) -> bytes:
        """What is kept of one request."""
        group = SHOWN_NAMES.search(request.path) is not None
        kept = {
            "at": at,
            "method": request.method,
            "path": self._mask.path(request.path),
            "query": self._mask.query(request.query),
            "headers": dict(request.headers),
            "body": self._body(request.body, group=group),
            "status": response.status,
            "answer_headers": {name: text for name, text in response.headers if name.lower() in _SENT},
            "answer": self._body(response.body, group=group),
            "leniencies": response.leniencies,
        }
        return msgspec.json.encode(kept) + b"\n"

    def _body(self, body: bytes, *, group: bool) -> Any:
        if not body:
            return None
        try:
            return self._mask.body(msgspec.json.decode(body), group=group)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {"unreadable_bytes": len(body)}

    def _write_all(self) -> None:
        try:
            with self._file.open("ab") as out:
                while (taken := self._waiting.get()) is not None:
                    if out.tell() < self._most:
                        out.write(self._safely(*taken))
                        out.flush()
        except OSError as exc:
            log.error("recording_ended", message=f"recording into {self._file.name} ended: {exc.strerror}")
            while self._waiting.get() is not None:
                pass

    def _safely(self, request: Request, response: Response, at: str) -> bytes:
        try:
            return self.line(request, response, at)
        except Exception as error:  # noqa: BLE001 - what one request looks like may not end the recording
            log.error("request_not_recorded", message=f"a request could not be recorded: {type(error).__name__}")
            return b""
