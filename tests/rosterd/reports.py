"""Reports and rows in one line."""

from typing import Any

import msgspec

from reconciler.report import ActionRow, Complete, Counts, Report, Transport

WHOLE = Complete(users=True, groups=True, memberships=True)


def counts(**given: int) -> Counts:
    """The funnel; everything that is not given is 0."""
    return Counts(**given)


def report(**fields: Any) -> Report:
    """A run that was read whole and did nothing, unless given."""
    made = Report(
        "20261121T100000-1a2b3c", "acme", "acme-okta", "manual", "full", "succeeded", "2026-11-21T10:00:00.000Z",
        ended="2026-11-21T10:00:02.000Z", phases={"pull": 1.25, "plan": 0.1, "apply": 0.3}, complete=WHOLE,
        transport=Transport(12, 1, 0.5), digest=f"sha256:{'0' * 64}",
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


def row(kind: str = "create", seq: int = 1, **fields: Any) -> ActionRow:
    """An applied action about ada."""
    made = ActionRow(
        seq, kind, "ada@acme.com", "00u1", "m1", {}, {}, None, "new in the directory", "applied", "applied", 1, None
    )
    return msgspec.structs.replace(made, **fields)
