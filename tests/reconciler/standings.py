"""One-line builders of what is known of a person, for the tests of explaining. It is always Ada."""

from typing import Any

from reconciler.explanation import Explanation, Place
from reconciler.known import Known, Recorded, RunOf, Standing
from reconciler.match import Subject
from reconciler.model import DirectoryUser, Member
from reconciler.plan import Kind
from reconciler.policy import Policy, RoleAxis, RoleRule, RoleSource, Scope
from reconciler.report import ActionRow
from reconciler.why import explain
from tests.builders import ROLE, SOURCE, member, policy, user, view

RUN = RunOf("run1", "okta", "2026-11-21T14:02:00.000Z", "2026-11-21T14:02:05.000Z", "succeeded")
LATER = RunOf("run2", "okta", "2026-11-21T15:00:00.000Z", "2026-11-21T15:00:05.000Z", "held")
SPEAKS: Any = object()


def recorded(kind: Kind, state: Any = "applied", run: RunOf = RUN, **fields: Any) -> Recorded:
    """What a run recorded about ada."""
    held = {name: fields.pop(name) for name in ("sentence", "limit", "cluster", "times", "since") if name in fields}
    shown: dict[str, Any] = {"before": {}, "after": {}, "evidence": None, "cause": "", "code": state, "error": None}
    named = {"seq": 1, "kind": kind, "email": "ada@acme.com", "external_id": "ada", "member": "m", "state": state}
    return Recorded(run, ActionRow(**{**named, "attempts": 1, **shown, **fields}), **held)


def standing(
    *groups: str,
    who: DirectoryUser | None = SPEAKS,
    asked: Policy | None = None,
    linked: Member | None = None,
    **fields: Any,
) -> Standing:
    """Ada in okta: active and in these groups, unless told otherwise."""
    about = fields.pop("about", {})
    said = user("ada") if who is SPEAKS else who
    subject = Subject("ada", said, groups=groups, member=linked, **about)
    refs = ("Admins", "Eng", "Ops", "Leads")
    shown = {"view": view(*refs), "ids": {ref: ref for ref in refs}, "names": {ref: ref for ref in refs}}
    return Standing("okta", subject, asked or policy(), newest=RUN, **{**shown, **fields})


def told(*standings: Standing, **fields: Any) -> Explanation:
    """The explanation; the member is the one that a directory user is linked to."""
    linked = next((each.subject.member for each in standings if each.subject.member is not None), None)
    return explain(Known("ada@acme.com", "acme", **{"member": linked, "standings": standings, **fields}))


def answer(*standings: Standing, **fields: Any) -> str:
    return told(*standings, **fields).answer


def place(*groups: str, **fields: Any) -> Place:
    return told(standing(*groups, **fields)).directories[0]


ADA = member("ada")
CREATED = recorded("create", after={"roles": {"role": "member"}}, cause="new in the directory")

NESTED: dict[str, Any] = {"nested": (("Eng", "Sub"),), "names": {"Eng": "Engineers", "Sub": "Platform"}}
RECORDER = RoleAxis("role", ("viewer", "recorder"), "viewer", when_absent="keep")
KEEPING = policy(axes=(RECORDER,), sources=(RoleSource("role", "r"),), teams=())
RULED = policy(
    axes=(ROLE, RoleAxis("seat", ("user", "manager"), "user")),
    sources=(SOURCE, RoleSource("seat", "seat")),
    rules=(RoleRule((("role", "admin"),), (("seat", "manager"),)),),
)
SUSPENDED = recorded("deactivate", evidence="status", cause="suspended in the directory")
SCOPED = policy(scope=Scope(frozenset({"acme.com"}), ("Ops", "Leads"), exclude=("svc-*",)))
CONFLICT = "ada@acme.com belongs to several directory users: ada, eve"
