"""On which line of a TOML file a key stands. tomllib keeps no positions, so this reads the text a second time.

It walks text that tomllib has already accepted and therefore checks nothing: it only steps over values, and knows
comments, all four kinds of strings, quoted and dotted keys, inline tables, arrays, and arrays of tables
(https://toml.io/en/v1.0.0). Tables and keys carry the path that the decoded document has:
`("directory", 0, "role", 1, "axis")`.
"""

import re
import tomllib
from bisect import bisect_right

Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2}(?!"))'  # multi-line basic; up to two quotes may touch the closing ones
    r"|'''.*?'''(?:'{0,2}(?!'))"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


class Lines:
    """The lines of the keys of one document."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
        self._found: dict[Path, int] = {}
        self._rows: dict[Path, int] = {}  # how many tables an array of tables has so far
        self._walk()

    def of(self, path: Path) -> int | None:
        """The line of this key, counted from 1; for a key that is missing, of the table that should hold it."""
        for length in range(len(path), 0, -1):
            if (line := self._found.get(path[:length])) is not None:
                return line
        return None

    def _walk(self) -> None:
        table: Path = ()
        self._skip(_FILLER)
        while self._at < len(self._text):
            table = self._header() if self._text[self._at] == "[" else self._pair(table)
            self._skip(_FILLER)

    def _header(self) -> Path:
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        line = self._line()
        self._at += brackets
        names = self._key()
        self._at += brackets
        path: Path = ()
        for name in names[:-1]:
            path = self._latest((*path, name), line)
        path = (*path, names[-1])
        if brackets == 2:
            self._rows[path] = self._rows.get(path, 0) + 1
        return self._latest(path, line)

    def _latest(self, path: Path, line: int) -> Path:
        """Where a header's name leads: in an array of tables to the last one so far (TOML 1.0, Array of Tables)."""
        self._found.setdefault(path, line)
        if path in self._rows:
            path = (*path, self._rows[path] - 1)
            self._found.setdefault(path, line)
        return path

    def _pair(self, table: Path) -> Path:
        line = self._line()
        path = table
        for name in self._key():
            path = (*path, name)
            self._found.setdefault(path, line)
        self._at += 1  # "="
        self._skip(_BLANK)
        self._value(path)
        return table

    def _key(self) -> list[str]:
        names: list[str] = []
        while True:
            self._skip(_BLANK)
            names.append(self._name())
            self._skip(_BLANK)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _name(self) -> str:
        if self._text[self._at] not in "\"'":
            return self._take(_BARE)
        # The one place where an escape matters: let tomllib read the quoted name.
        return str(tomllib.loads(f"name = {self._take(_STRING)}")["name"])

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening in "\"'":
            self._take(_STRING)
        elif opening == "[":
            self._items(path, "]")
        elif opening == "{":
            self._items(path, "}")
        else:
            self._take(_SCALAR)

    def _items(self, path: Path, closing: str) -> None:
        """An array (its items get indexes) or an inline table (its pairs get names)."""
        self._at += 1
        self._skip(_FILLER)
        index = 0
        while self._text[self._at] != closing:
            if closing == "}":
                self._pair(path)
            else:
                self._found[(*path, index)] = self._line()
                self._value((*path, index))
            self._skip(_FILLER)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_FILLER)
            index += 1
        self._at += 1

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"not TOML at offset {self._at}")
        self._at = found.end()
        return found[0]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)
