"""The words in which a report speaks to people, shared by its text and its page."""

from collections.abc import Iterable, Iterator

from reconciler.health import age, sentence
from reconciler.model import JSON
from reconciler.report import ActionRow, Complete, Report

DONE = {
    "create": "Created",
    "update": "Updated",
    "deactivate": "Deactivated",
    "reactivate": "Reactivated",
    "adopt": "Adopted",
    "set_role": "Roles set",
    "join_team": "Joined teams",
    "leave_team": "Left teams",
}
PLANNED = {
    "create": "To create",
    "update": "To update",
    "deactivate": "To deactivate",
    "reactivate": "To reactivate",
    "adopt": "To adopt",
    "set_role": "Roles to set",
    "join_team": "To join teams",
    "leave_team": "To leave teams",
}
AUDITED = {
    "lost_delete": "Lost deletes",
    "orphan": "Orphans",
    "missing": "Missing",
    "different": "Different",
    "membership": "Memberships",
}
ALWAYS = ("create", "update", "deactivate")  # named even when nobody was
STATES = {
    "running": "is running, or its process ended before it could say more",
    "succeeded": "done",
    "partial": "some actions failed; they are tried again with the next run",
    "held": "some changes are held by a guard and were not made",
    "blocked": "the directory could not be read whole: nothing was removed",
    "failed": "the run did not end",
}
EVIDENCE = {
    "tombstone": "the directory says that the account was deleted",
    "status": "the account is suspended or disabled",
    "scope": "the account left what is synced",
    "absence": "a complete read no longer holds the account",
}


def plain(text: str) -> str:
    """Text from outside without anything that could steer a terminal or turn the reading direction."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def moment(stamp: str | None) -> str:
    """ "2026-11-21T10:00:00.123Z" as "2026-11-21 10:00:00 UTC"."""
    return "" if not stamp else f"{stamp[:10]} {stamp[11:19]} UTC"


def headline(report: Report) -> str:
    """What became of it, in a few words."""
    if report.audit is not None and report.state == "succeeded":
        found = report.audit.findings
        differences = "1 difference" if found == 1 else f"{found:,} differences"
        return f"audit of {report.audit.of}: {differences if found else 'the same'}"
    if report.planned_only and report.state in ("succeeded", "held"):
        held = f", {report.counts.held:,} held by a guard" if report.counts.held else ""
        changes = "change" if report.changes == 1 else "changes"
        return f"plan: {report.changes:,} {changes}{held}" if report.changes or held else "plan: nothing to do"
    if report.state == "succeeded" and not report.changes:
        skipped = actions_count(report)
        return f"nothing changed, {skipped:,} skipped" if skipped else "nothing to do"
    return STATES[report.state]


def funnel(report: Report) -> list[tuple[str, int]]:
    """The steps from what was loaded to what was done: Loaded, Processed, then every kind that has a number."""
    counts, words = report.counts, PLANNED if report.planned_only else DONE
    if report.audit is not None:
        found = [(AUDITED[code], count) for code, count in report.audit.counts.items()]
        return [("Loaded", counts.seen), ("Compared", counts.in_scope), ("The same", counts.unchanged), *found]
    steps = [("Loaded", counts.seen), ("Processed", counts.in_scope)]
    steps += [(word, getattr(counts, kind)) for kind, word in words.items() if kind in ALWAYS or getattr(counts, kind)]
    others = {"Unchanged": counts.unchanged, "Held": counts.held, "Failed": counts.failed, "Skipped": counts.skipped}
    return steps + [(word, count) for word, count in others.items() if count or word == "Unchanged"]


def actions_count(report: Report) -> int:
    """How many actions the report has: those done (or planned), held, failed, and those skipped with a reason."""
    counts = report.counts
    return report.changes + counts.held + counts.failed + counts.skipped - (counts.seen - counts.in_scope)


def phases(report: Report) -> str:
    """ "pull 1.2 s · plan 0.1 s · apply 0.3 s"."""
    return " · ".join(f"{phase} {seconds:.2f} s" for phase, seconds in report.phases.items())


def transport(report: Report) -> str:
    """ "12 requests, 1 retry, throttled for 0.5 s"."""
    cost = report.transport
    requests = "1 request" if cost.requests == 1 else f"{cost.requests:,} requests"
    retries = "1 retry" if cost.retries == 1 else f"{cost.retries:,} retries"
    return f"{requests}, {retries}, throttled for {cost.throttled_seconds:.1f} s"


def completeness(complete: Complete) -> str:
    """Which collections were read whole."""
    if complete.whole:
        return "people, groups and memberships were read whole"
    read = {"people": complete.users, "groups": complete.groups, "memberships": complete.memberships}
    short = " and ".join(name for name, whole in read.items() if not whole)
    return f"{short} not read whole: nothing was removed on that account"


def reading(report: Report) -> str:
    """Which collections were read whole, or why none was read."""
    return (
        f"the directory was not read: this run is about run {report.of}" if report.of else completeness(report.complete)
    )


def ways(report: Report) -> list[str]:
    """How each held cluster is released or dropped; nothing of a plan, which holds nothing."""
    held = [cause.cluster for cause in report.causes if cause.held and cause.cluster]
    if report.planned_only or not report.run:
        return []
    return [
        f"{report.run}{f' --only {cluster}' if len(held) > 1 else ''}" for cluster in held
    ]  # fmt: skip


def health(report: Report) -> list[str]:
    """What is wrong with reading the directory, if anything, and how old the last whole read was then."""
    known = report.health
    if known is None:
        return []
    found = [age(known, report.ended or report.began)]
    return [f"{report.directory} is {wrong}", *found] if (wrong := sentence(known)) else found


def change(row: ActionRow) -> str:
    """What an action changes, from → to: "role: member → admin"."""
    before, after = row.before, row.after
    if row.kind == "create":
        return plain(_created(after))
    if row.kind == "adopt":
        return "linked to the directory"
    if row.kind in ("join_team", "leave_team"):
        return plain(f"+ team {after['team']}" if "team" in after else f"− team {before.get('team', '')}")
    if row.kind in ("deactivate", "reactivate"):
        return "active → inactive" if row.kind == "deactivate" else "inactive → active"
    return plain(", ".join(f"{name}: {_value(before.get(name))} → {_value(after[name])}" for name in _telling(row)))


def _telling(row: ActionRow) -> list[str]:
    """The changed fields, without those that only repeat another: a user name that is the address, a display name
    that is given and family name."""
    names = list(row.after)
    if row.after.get("user_name") == row.after.get("email") and row.before.get("user_name") == row.before.get("email"):
        names = [name for name in names if name != "user_name"]
    return [name for name in names if name != "display_name"] if {"given_name", "family_name"} & set(names) else names


def _created(after: dict[str, JSON]) -> str:
    name = " ".join(str(after[part]) for part in ("given_name", "family_name") if after.get(part))
    roles = after.get("roles") or {}
    listed = ", ".join(f"{axis}: {value}" for axis, value in roles.items())
    return " · ".join(part for part in (name, listed) if part)


def _value(value: JSON) -> str:
    return "–" if value in (None, "") else str(value)


def why(row: ActionRow) -> str:
    """Why an action was taken, or not."""
    reason = row.error if row.error and row.state in ("skipped", "failed") else row.cause
    return plain(reason or row.code)


def outcome(row: ActionRow) -> str:
    """The state of an action where it is not what one expects: "", "held", "skipped: last_holder"."""
    if row.state in ("applied", "planned"):
        return ""
    return row.state if row.code == row.state else f"{row.state}: {row.code}"


def first(rows: Iterable[ActionRow], most: int | None) -> Iterator[ActionRow]:
    """The first rows; all for None."""
    for number, row in enumerate(rows):
        if most is not None and number >= most:
            return
        yield row
