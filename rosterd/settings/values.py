"""The values configuration is written with: durations, crontab lines, slugs, addresses, URLs, limits.

Each says for itself what is wrong with a text and what to write instead; none prints the text it was given when that
could be a secret. Where they stand in the file is model.py.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from fnmatch import translate
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

import scheduler
from connectors.base import complaint

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,9})s)?", re.ASCII)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_FIELD = re.compile(r"[a-z](?:[a-z0-9_]{0,62}[a-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"[^\s@/:]+(?:\.[^\s@/:.]+)+|localhost")


class Section(BaseModel):
    """Base of every table: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a table under the names that a file gives them."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def parse_duration(text: str) -> timedelta:
    """ "15m", "24h", "90s", "7d", "1h30m" as a timedelta.

    Raises:
        ValueError: it is not of that form, or not longer than nothing.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = sum(int(found[unit] or 0) * size for unit, size in _UNITS.items()) if found else 0
    if seconds <= 0:
        raise complaint("bad_duration", f'"{text[:40]}" is no duration', 'write "90s", "15m", "24h" or "7d"')
    return timedelta(seconds=seconds)


def duration_text(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads as this length; whole seconds."""
    seconds = int(length.total_seconds())
    text = ""
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    # One unit reads better than two where it is exact: 24h is written as such in the documentation.
    return "24h" if text == "1d" else text


def _duration(given: object) -> object:
    if isinstance(given, str):
        return parse_duration(given)
    if isinstance(given, timedelta):
        return given
    raise complaint("bad_duration", "a duration is a text", 'write "90s", "15m", "24h" or "7d"')


def _cron(line: str) -> str:
    try:
        scheduler.trigger(None, line)
    except ValueError as exc:
        fix = 'write five fields in UTC, "30 2 * * *" for every night at half past two'
        raise complaint("bad_cron", str(exc), fix) from exc
    return line


def _matching(pattern: re.Pattern[str], code: str, what: str, fix: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise complaint(code, f'"{text[:80]}" is no {what}', fix)
        return text

    return check


def _pattern(text: str) -> str:
    """A shell pattern of addresses or user names, of which none is everybody's."""
    fix = 'write "svc-*@acme.com", "*-bot@*", "svc-[0-9]*"; a bracket itself is [[]'
    said = f'"{text[:80]}" is no pattern'
    if not text.strip() or len(text) > 254:  # longer than any address (RFC 5321 §4.5.3.1.3)
        raise complaint("bad_pattern", f"{said}: it has to have 1 to 254 characters", fix)
    bare = re.sub(r"\[!?\]?[^\]]*\]", "?", text)
    if "[" in bare:
        raise complaint("bad_pattern", f"{said}: a [ is never closed", fix)
    if "(?!)" in translate(text):  # what fnmatch makes of [z-a]
        raise complaint("bad_pattern", f"{said}: a range in [ ] is empty", fix)
    if not bare.strip("*?@. "):
        raise complaint("bad_pattern", f'"{text[:80]}" is everybody', "name some part of the address or user name")
    return text


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise complaint("bad_listen", f'"{text[:80]}" is no address to listen on', 'write "127.0.0.1:8460"')
    return text


def is_slug(text: str) -> bool:
    """Whether it may be an id: small letters, digits and . _ - between them."""
    return _SLUG.fullmatch(text) is not None


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of `http.listen`; the brackets of an IPv6 address are removed."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise complaint("bad_url", "this is no web address", 'write "https://sync.example.com"')
    return text.rstrip("/")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "minLength": 2}),
]
Cron = Annotated[str, AfterValidator(_cron)]
Slug = Annotated[
    str,
    AfterValidator(_matching(_SLUG, "bad_id", "id", "use small letters, digits and . _ - between them")),
    WithJsonSchema({"type": "string", "pattern": f"^{_SLUG.pattern}$"}),
]
Domain = Annotated[str, AfterValidator(_matching(_DOMAIN, "bad_domain", "mail domain", 'write "acme.com"'))]
Email = Annotated[
    str,
    AfterValidator(
        _matching(re.compile(r"[^\s@]+@[^\s@]+"), "bad_email", "mail address", 'write "owner@acme.com"'),
    ),
]
Pattern = Annotated[str, AfterValidator(_pattern), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 254})]
Listen = Annotated[str, AfterValidator(_listen)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
FieldName = Annotated[
    str,
    AfterValidator(
        _matching(_FIELD, "bad_field", "name of a member field", 'write "title", or a name of your own: "cost_center"')
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_FIELD.pattern}$"}),
]


def _without_controls(text: str) -> str:
    if any(sign < " " or sign == "\x7f" for sign in text):
        raise complaint("control_character", "a text holds a control character", "leave it out")
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_without_controls)]


class Limit(Section):
    """One safeguard. It trips when the count or the percentage is reached (`>=`), and never below `floor` actions.

    `Limit.OFF` (written `false`) never trips: it has neither count nor percentage.
    """

    count: int | None = Field(default=None, ge=1, strict=True, description="actions of this kind")
    percent: float | None = Field(
        default=None, gt=0, le=100, strict=True, description="percent of the workspace's managed members"
    )
    floor: int = Field(default=0, ge=0, strict=True, description="never trips below this many actions")

    @property
    def off(self) -> bool:
        """Whether this limit can never trip."""
        return self.count is None and self.percent is None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.off and self is not OFF:
            raise complaint("empty_limit", "a limit needs count or percent", "write false to switch it off")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"const": False}]}


class Flap(Section):
    """What is set back and forth is held: it went back to an earlier value `times` times in the last `runs` runs."""

    times: int = Field(default=4, ge=2, strict=True, description="so many returns to an earlier value")
    runs: int = Field(default=50, ge=2, le=1000, strict=True, description="in so many runs of the directory")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"const": False}]}


OFF = Limit.model_construct(count=None, percent=None, floor=0)


def _or_off(given: object) -> object:
    return OFF if given is False else given


def _or_none(given: object) -> object:
    return None if given is False else given


FlapOrOff = Annotated[Flap | None, BeforeValidator(_or_none)]
LimitOrOff = Annotated[Limit, BeforeValidator(_or_off)]


def limit(count: int | None = None, percent: float | None = None, floor: int = 0) -> Limit:
    """One line for a default."""
    return Limit(count=count, percent=percent, floor=floor)


def toml(value: Any) -> str:
    """A settings value as TOML writes it; the inverse of reading it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, timedelta):
        return _quoted(duration_text(value))
    if isinstance(value, Limit):
        return "false" if value.off else toml(value.model_dump(exclude_defaults=True))
    if isinstance(value, Flap):
        return toml(value.model_dump())
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(key)} = {toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return _quoted(str(value))


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04X}" for c in escaped) + '"'
