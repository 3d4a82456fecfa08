"""The file of an SQLite database: how it is made, and why it cannot be used, found out at the file, because SQLite says
the same of many reasons."""

import os
from contextlib import suppress
from pathlib import Path


def made(file: Path) -> None:
    """Makes the file for nobody but its owner: it holds names and addresses, and SQLite gives what it puts beside it
    the same mode. One that is there stays as it is; where none can be made, SQLite finds that out."""
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def obstacle(file: Path) -> tuple[str, str] | None:
    """The code and the way out of what is wrong with a file or its folder; None when nothing can be seen."""
    folder = file.parent
    try:
        flags = os.statvfs(folder).f_flag
    except FileNotFoundError:
        return "cannot_open", f"make the folder {folder}, or correct [store] url"
    except OSError as error:
        return "cannot_open", f"{folder} cannot be used ({error.strerror}): correct [store] url"
    if flags & os.ST_RDONLY:
        return "read_only", f"the file system of {folder} is read-only: mount it writable, or correct [store] url"
    # SQLite makes files beside it, so that the folder counts as well.
    if not os.access(folder, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        return "read_only", f"let user {os.geteuid()}, whom rosterd runs as, write {file} and its folder"
    return None
