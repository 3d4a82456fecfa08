"""The JSON shapes of the contract, as JSON Schema; more keys may be added, none may go."""

from typing import Any

from jsonschema import Draft202012Validator

TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "number", "minimum": 0}, {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
MAYBE_TEXT = {"type": ["string", "null"]}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
KINDS = ["create", "adopt", "update", "deactivate", "reactivate", "set_role", "join_team", "leave_team"]


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


ERROR = _object(code={**TEXT, "minLength": 1}, message={**TEXT, "minLength": 1}, where=TEXT, fix=TEXT)
ERRORS = _object(error=ERROR)
MEMBER = _object(
    id=TEXT, email=TEXT, given_name=TEXT, family_name=TEXT, active=FLAG, managed=FLAG, directory=MAYBE_TEXT,
    external_id=MAYBE_TEXT, roles={"type": "object", "additionalProperties": TEXT}, teams=_list(TEXT),
)  # fmt: skip
MEMBERS = _list(MEMBER)
ACTION = _object(
    seq={"type": "integer", "minimum": 1}, kind={"enum": KINDS}, email=TEXT, external_id=TEXT, member=TEXT,
    before={"type": "object"}, after={"type": "object"},
    evidence={"enum": ["tombstone", "status", "scope", "absence", None]}, cause=TEXT,
    state={"enum": ["planned", "held", "applied", "failed", "skipped"]}, code=TEXT, attempts=COUNT, error=MAYBE_TEXT,
)  # fmt: skip
HEADER = _object(
    run=TEXT, workspace=TEXT, directory=TEXT, trigger=TEXT, mode={"enum": ["full", "incremental"]},
    state={"enum": ["succeeded", "partial", "held", "blocked", "failed"]}, began=MOMENT, ended=MOMENT,
    phases={"type": "object", "additionalProperties": NUMBER},
    complete=_object(users=FLAG, groups=FLAG, memberships=FLAG, incomplete_groups=_list(TEXT)),
    counts=_object(**dict.fromkeys(["seen", "in_scope", "unchanged", *KINDS, "held", "failed", "skipped"], COUNT)),
    transport=_object(requests=COUNT, retries=COUNT, throttled_seconds=NUMBER),
    digest={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    causes=_list(_object(cause=TEXT, kind={"enum": KINDS}, count=COUNT, held=FLAG)),
    error={"anyOf": [ERROR, {"type": "null"}]},
)  # fmt: skip
REPORT = {
    **HEADER,
    "properties": {**HEADER["properties"], "actions": _list(ACTION)},
    "required": [*HEADER["required"], "actions"],
}
REPORTS = _list({**HEADER, "not": {"required": ["actions"]}})
AGAINST = _object(
    directory=TEXT, against=TEXT, changed=COUNT, unchanged=COUNT, complete=FLAG, warnings=_list(TEXT),
    differences=_list(
        _object(
            kind={"enum": ["standing", "link", "role", "team", "field", "held"]}, change=TEXT, because=TEXT,
            count=COUNT, people=_list(TEXT), sentence=TEXT,
        )
    ),
)  # fmt: skip
CHECK = _object(
    directory=TEXT, ok=FLAG,
    findings=_list(_object(severity={"enum": ["ok", "warning", "error"]}, code=TEXT, message=TEXT, fix=TEXT)),
)  # fmt: skip

RUN_OF = _object(run=TEXT, directory=TEXT, began=MOMENT, ended={"anyOf": [MOMENT, {"type": "null"}]}, state=TEXT,
                 planned_only=FLAG)  # fmt: skip
VALUES, EVIDENCE = {"type": "object"}, {"enum": ["tombstone", "status", "scope", "absence", None]}
WHY_CHANGE = _object(
    kind={"enum": KINDS}, before=VALUES, after=VALUES, cause=TEXT, evidence=EVIDENCE,
    state={"enum": ["planned", "held", "applied", "failed", "skipped"]}, code=TEXT, sentence=TEXT, run=TEXT, limit=TEXT,
    cluster=TEXT, planned_only=FLAG,
)  # fmt: skip
WHY_ROLE = _object(
    axis=TEXT, value=MAYBE_TEXT, because=TEXT, wanted=TEXT, wanted_because=TEXT, waits=TEXT, code=TEXT,
    considered=_list(_object(
        source=TEXT, offered=TEXT, value=TEXT,
        lost={"enum": ["", "not_a_member", "absent", "not_a_value", "switched_off", "lower"]},
    )),
)  # fmt: skip
WHY_DIRECTORY = _object(
    directory=TEXT, run=TEXT, began=TEXT, external_id=TEXT,
    state={"enum": ["active", "suspended", "pending", "unknown", "gone", None]}, evidence=EVIDENCE,
    user={"type": ["object", "null"]}, linked=FLAG, incomplete=_list(TEXT), ways=_list(TEXT),
    groups=_list(_object(id=TEXT, name=TEXT, direct=FLAG, path=_list(TEXT), mapped=FLAG)),
    scope={"anyOf": [_object(inside={"type": ["boolean", "null"]}, sentence=TEXT), {"type": "null"}]},
    matching={"anyOf": [_object(how=TEXT, sentence=TEXT, code=TEXT), {"type": "null"}]},
    roles=_list(WHY_ROLE), teams=_list(_object(team=TEXT, member=FLAG, paths=_list(_list(TEXT)), why=TEXT)),
    profile=_list(_object(name=TEXT, value=MAYBE_TEXT, wanted=TEXT, source=TEXT)),
    recorded=_list(WHY_CHANGE), next=_list(WHY_CHANGE), waiting=_list(WHY_CHANGE),
)  # fmt: skip
WHY_MEMBER = _object(
    id=TEXT, email=TEXT, active=FLAG, managed=FLAG, directory=MAYBE_TEXT, external_id=MAYBE_TEXT, roles=VALUES,
    teams=_list(TEXT), by_hand=_list(TEXT), profile=VALUES, uncertain=_list(TEXT),
)  # fmt: skip
EXPLANATIONS = _list(_object(
    asked=TEXT, workspace=TEXT, answer={**TEXT, "minLength": 1}, at={"anyOf": [RUN_OF, {"type": "null"}]},
    member={"anyOf": [WHY_MEMBER, {"type": "null"}]}, directories=_list(WHY_DIRECTORY), notes=_list(TEXT),
    history=_list(_object(
        run=TEXT, began=MOMENT, directory=TEXT, kind={"enum": KINDS}, email=TEXT, before=VALUES, after=VALUES,
        cause=TEXT, evidence=EVIDENCE, state=TEXT, code=TEXT, sentence=TEXT, times=COUNT, since=MOMENT,
    )),
))  # fmt: skip


def holds(document: Any, shape: dict[str, Any]) -> Any:
    """The document, which is of this shape."""
    Draft202012Validator(shape).validate(document)
    return document
