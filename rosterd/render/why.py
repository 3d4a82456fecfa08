"""The explanation of a person as text for a terminal; the values are reconciler/explanation.py."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from reconciler.answers import moment
from reconciler.explanation import Change, Event, Explanation, Place, Role, TeamLine
from reconciler.report import ActionRow
from reconciler.roles import Lost, Offer
from rosterd.render import words
from rosterd.render.text import Hanging

EVENTS = 20  # lines of history; the rest is in the JSON
WIDTH = 10
LOST: dict[Lost, str] = {
    "": "",
    "not_a_member": "not a member",
    "absent": "not set",
    "not_a_value": "no value of this axis",
    "switched_off": "switched off (disabled_values)",
    "lower": "lower",
}
TEAMS = {
    "mapped": "because of group",
    "to_join": "not yet: because of group",
    "by_hand": "added by hand: no directory takes them out",
    "to_leave": "until the next sync: in no group that is mapped to it any more",
    "kept": "put there by the directory, and by no group any more",
}


def why_text(found: Explanation) -> Iterator[RenderableType]:
    """The answer first, then what it rests on."""
    yield Text(words.plain(found.answer), style="bold")
    for place in found.directories:
        yield ""
        yield from _place(place)
    yield from _history(found)
    for note in found.notes:
        yield _line("note", note, style="yellow")


def _line(head: str, text: str, *, style: str = "") -> Hanging:
    return Hanging(Text(f"  {head:<{WIDTH}} ", style="dim"), Text(words.plain(text), style=style))


def _place(place: Place) -> Iterator[RenderableType]:
    asof = f" · as of run {place.run}, {moment(place.began)}" if place.run else ""
    yield Rule(Text(f"{place.directory}{asof}", style="bold"), align="left")
    yield from _said(place)
    belongs = place.state == "active" and place.scope is not None and bool(place.scope.inside)
    for role in place.roles:
        if belongs or role.value is not None:
            yield from _role(role, considered=belongs)
    for line in place.teams:
        yield _line("team", f"{line.team}: {_team(line)}")
    for each in place.profile:
        if place.linked and each.value != each.wanted:
            yield _line("profile", f"{each.name}: {each.value or '–'}; the directory says {each.wanted or '–'}")
    yield from _to_do(place)


def _said(place: Place) -> Iterator[RenderableType]:
    """What the directory said, and who that is."""
    yield _line("account", _account(place))
    if place.scope is not None:
        inside = {True: "in", False: "out", None: "unknown"}[place.scope.inside]
        yield _line("scope", f"{inside}: {place.scope.sentence}")
    if place.matching is not None:
        code = f" ({place.matching.code})" if place.matching.code else ""
        yield _line("matched", f"{place.matching.sentence}{code}")
    if place.groups:
        yield _line("groups", ", ".join(" in ".join(group.path) for group in place.groups))
    if place.incomplete:
        yield _line("not whole", ", ".join(place.incomplete), style="yellow")


def _to_do(place: Place) -> Iterator[RenderableType]:
    """What waits, what comes, and what would have to change."""
    for change in place.waiting:
        yield _line(change.state, f"{_change(change)}: {change.sentence or change.code}", style="bold yellow")
    again = [(change.kind, change.before, change.after) for change in place.waiting]
    for change in place.next:
        if (change.kind, change.before, change.after) not in again:
            yield _line("next sync", f"{_change(change)} ({change.cause})")
    for way in place.ways:
        yield _line("way", way)


def _account(place: Place) -> str:
    if place.user is None:
        return f"{place.external_id}: the directory has not described it"
    name = " ".join(str(place.user[part]) for part in ("given_name", "family_name") if place.user[part])
    said = words.EVIDENCE.get(place.evidence or "", "")
    known = " · ".join(part for part in (name, str(place.user["email"]), place.external_id) if part)
    return f"{place.state} · {known}{f' · {said}' if said else ''}"


def _role(role: Role, *, considered: bool) -> Iterator[RenderableType]:
    if role.value == role.wanted or not considered:
        yield _line("role", f"{role.axis}: {role.value} ({role.because})")
    elif role.value is None:
        yield _line("role", f"{role.axis}: would be {role.wanted} ({role.wanted_because})")
    else:
        instead = f"the directory gives {role.wanted} ({role.wanted_because})"
        yield _line("role", f"{role.axis}: {role.value} ({role.because}); {instead}")
    for offer in role.considered if considered else ():
        yield _line("", f"  {_offer(offer)}", style="dim" if offer.lost else "")


def _offer(offer: Offer) -> str:
    if offer.lost == "absent":
        return f"{offer.source}: {LOST[offer.lost]}"
    said = offer.value or f'"{offer.offered}"'
    return f"{offer.source} → {said}{f': {LOST[offer.lost]}' if offer.lost else ''}"


def _team(line: TeamLine) -> str:
    paths = ", ".join(" in ".join(path) for path in line.paths)
    by_hand = "" if line.why != "mapped" or line.member else " (not yet)"
    return f"{TEAMS[line.why]}{f' {paths}' if paths else ''}{by_hand}"


def _change(change: Change | Event) -> str:
    """ "deactivate: active → inactive"."""
    row = ActionRow(0, change.kind, "", "", "", change.before, change.after, None, "", "planned", "", 0, None)
    changed = words.change(row)
    return f"{change.kind.replace('_', ' ')}: {changed}" if changed else change.kind.replace("_", " ")


def _history(found: Explanation) -> Iterator[RenderableType]:
    if not found.history:
        return
    yield ""
    yield Rule(Text("history", style="bold"), align="left")
    for event in found.history[:EVENTS]:
        yield Hanging(Text(f"  {moment(event.began)}  ", style="dim"), Text(words.plain(_event(event))))
    if len(found.history) > EVENTS:
        yield Text(f"  … and {len(found.history) - EVENTS} more: --json", style="dim")


def _event(event: Event) -> str:
    evidence = f", {event.evidence}" if event.evidence else ""
    state = "" if event.state == "applied" else f"; {event.state}: {event.sentence or event.code}"
    again = f" ({event.times} runs since {moment(event.since)})" if event.times > 1 else ""
    because = f"{event.cause}{evidence}" if event.cause != "conflict" else "conflict"
    return f"{_change(event)} ({because}){state}{again} · {event.directory} · run {event.run}"
