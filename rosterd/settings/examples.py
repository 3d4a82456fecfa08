"""config.example.toml, generated: every key of the settings model with its description.

What a key is for and how it may look comes from the model, and from each connector's `Config` the way in that is shown
first. Here is only what a model cannot know: which tables make a telling example, and which optional keys are shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connectors.base import SecretRef
from rosterd.settings.kinds import config
from rosterd.settings.limits import Limits
from rosterd.settings.model import (
    KINDS,
    DaemonSettings,
    DirectoryAttribute,
    DirectoryRole,
    DirectorySettings,
    DirectoryTeam,
    HttpSettings,
    LogSettings,
    NotifySettings,
    RetentionSettings,
    RoleAxis,
    RoleRule,
    StoreSettings,
    TraceSettings,
    WorkspaceSettings,
)
from rosterd.settings.values import OFF, Flap, Limit, keys_of, toml

WIDTH = 118
HEADER = """\
# Every key that rosterd reads, with what it means. `rosterd config example` prints this file, `rosterd config check`
# checks yours. A line that is commented out is optional, or an alternative to the line above it.
#
# Found by --config FILE, else ROSTERD_CONFIG, else rosterd.toml in the working directory. Relative paths begin at the
# folder of this file. A secret is { env = "NAME" } or { file = "PATH" }, never the secret itself.
"""

# Optional keys that stand in the example as if they were needed.
SHOWN: dict[type[BaseModel], tuple[str, ...]] = {
    HttpSettings: ("public_url",),
    RoleAxis: ("protect_last",),
    DirectoryRole: ("attribute",),
}


def example() -> str:
    """The text of config.example.toml; ends with a newline."""
    parts = (
        HEADER,
        _Part("[store]", StoreSettings).text(),
        _Part("[http]", HttpSettings).text(),
        _Part("[daemon]", DaemonSettings).text(),
        _Part("[retention]", RetentionSettings).text(),
        _Part("[log]", LogSettings).text(),
        _Part("[trace]", TraceSettings).text(),
        _Part("[[notify]]", NotifySettings, commented=True).text(),
        _heading("The tenants of the application."),
        _Part("[[workspace]]", WorkspaceSettings).text(),
        _Part("[[workspace.role]]", RoleAxis).text(),
        _Part("[[workspace.role_rule]]", RoleRule, commented=True).text(),
        _Part("[workspace.limits]", Limits).text(),
        _heading("Their directories, one table each; the keys that every kind has are explained at the first."),
        *(_directory(kind, brief=kind != KINDS[0]) for kind in KINDS),
    )
    return "\n".join(parts)


def _directory(kind: str, *, brief: bool) -> str:
    common, own = {"id": f"acme-{kind}", "kind": kind}, config(kind)
    role = _Part("[[directory.role]]", DirectoryRole, {"attribute": own.role_attribute}, brief=brief)
    first_way = own.credentials[0] if own.credentials else ()
    parts = [
        _Part("[[directory]]", DirectorySettings, common, brief=brief).text(),
        _Part(f'# Only for kind = "{kind}":', own, kind=kind, shown=first_way).text(),
        role.text(),
    ]
    if brief:
        return "\n".join(parts)
    attribute = _Part("[[directory.attribute]]", DirectoryAttribute, commented=True).text()
    return "\n".join([*parts, _Part("[[directory.team]]", DirectoryTeam).text(), attribute])


def _heading(text: str) -> str:
    return f"# {'-' * (WIDTH - 2)}\n# {text}\n"


@dataclass(frozen=True)
class _Part:
    """A table, or the keys that a kind adds to its table."""

    header: str
    model: type[BaseModel]
    written: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    shown: tuple[str, ...] = ()  # optional keys of this kind that stand there as if they were needed
    commented: bool = False  # the whole table is optional
    brief: bool = False  # only what is needed, without descriptions

    def text(self) -> str:
        about = [] if self.brief or self.kind else _comment(str(self.model.__doc__))
        head = f"# {self.header}" if self.commented else self.header
        return "\n".join([*about, head, *self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        for name, info in keys_of(self.model).items():
            if _holds_tables(info) or (self.kind and name in DirectorySettings.model_fields):
                continue
            needed = info.is_required() or name in (*self.shown, *SHOWN.get(self.model, ()))
            if self.brief and not (needed or name in self.written or info.default == {}):
                continue
            if not self.brief:
                yield from _comment(str(info.description))
            off = self.commented or not (needed or _has_default(info))
            yield f"{'# ' if off else ''}{name} = {toml(self._value(name, info))}"

    def _value(self, name: str, info: FieldInfo) -> Any:
        if name in self.written:
            return self.written[name]
        if info.examples:
            return info.examples[0]
        if _has_default(info):
            return info.default
        return {"env": f"{self.kind}_{name}".upper()} if SecretRef in _parts(info.annotation) else "…"


def _has_default(info: FieldInfo) -> bool:
    """Whether leaving the key out means some value; of windows, an example shows that it means none."""
    return not info.is_required() and info.default is not None and not (info.default is OFF and info.examples)


def _holds_tables(info: FieldInfo) -> bool:
    return any(
        isinstance(part, type) and issubclass(part, BaseModel) and part not in {SecretRef, Limit, Flap}
        for part in _parts(info.annotation)
    )


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _comment(text: str) -> list[str]:
    paragraphs = " ".join(text.split())
    return [f"# {line}" for line in wrap(paragraphs, WIDTH - 2, break_on_hyphens=False)]
