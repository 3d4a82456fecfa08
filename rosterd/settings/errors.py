"""What is wrong with a configuration, as values a person can act on.

Nothing here imports pydantic: the command line may name `ConfigError` without paying for the settings model.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing to put right. No text here ever holds a value that could be a secret."""

    code: str  # stable: "unknown_key", "missing_secret", "duplicate_id" …
    message: str  # one sentence
    file: str = ""  # as a person would type it; "" when there is no file
    line: int | None = None  # 1-based; the line of the key, else of the table that should hold it
    key: str = ""  # "directory[1].token", counted from 0 as in the JSON form
    fix: str = ""  # the way out
    table: str = ""  # "[[directory]] acme-okta"

    @property
    def where(self) -> str:
        """ "rosterd.toml:14: [[directory]] acme-okta: directory[0].token": file, line, table, key, as far as known."""
        place = f"{self.file}:{self.line}" if self.file and self.line is not None else self.file
        return ": ".join(part for part in (place, self.table, self.key) if part)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  {self.fix}" if self.fix else text


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds all that is wrong with it, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
