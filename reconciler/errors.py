"""What stops a run, as seen by the loop: the edge and the memory raise subclasses of these."""


class RunError(Exception):
    """A run cannot go on. Texts are for people and free of secrets.

    `where` names the request, file or row; `fix` is the way out.
    """

    code = "error"

    def __init__(self, message: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.fix = message, where, fix

    def __str__(self) -> str:
        return f"{self.message} ({self.where})" if self.where else self.message

    @property
    def whole(self) -> str:
        """All of it in one line: what, where, and the way out."""
        return f"{self}: {self.fix}" if self.fix else str(self)

    def as_dict(self) -> dict[str, str]:
        """The `error` object of the contract."""
        return {"code": self.code, "message": self.message, "where": self.where, "fix": self.fix}


class DirectoryError(RunError):
    """The directory could not be read: the run is blocked, nothing is removed."""

    code = "directory_error"


class CursorExpired(DirectoryError):
    """The place where an incremental read was to begin is void: everything has to be read again."""

    code = "cursor_expired"


class StoreError(RunError):
    """The store refused: full disk, locked database, lost lease; `code` says which where that is known."""

    def __init__(self, message: str, *, code: str = "store_error", where: str = "", fix: str = "") -> None:
        super().__init__(message, where=where, fix=fix)
        self.code = code


class ChangeRefused(RunError):
    """A change by hand is not made; `code` says which rule refused it."""

    def __init__(self, code: str, message: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(message, where=where, fix=fix)
        self.code = code
