"""One clear error for everything that can be wrong: code, key, line, the way out; and all of them at once."""

import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rosterd.settings import ConfigError, Problem, load
from rosterd.settings.values import toml
from tests.rosterd.files import WORKSPACE, directory, problems, write

AXIS = '[[workspace.role]]\naxis = "a"\nvalues = ["low", "high"]\n'
ACME = '[[workspace]]\nid = "acme"\n'
FIELD = '[[directory.attribute]]\nfrom = "jobTitle"\nto = "title"\n'
ROLE = '[[directory.role]]\naxis = "role"\n'
TOLD_OF = '[[notify]]\nid = "ops"\nurl = { env = "NOTIFY_URL" }\n'
OTHER = '[[workspace]]\nid = "other"\n'
TOLD = directory("scim").replace('id = "scim"', 'id = "acme-scim"')
AUDITED = WORKSPACE + TOLD

# code, key, line, a word of the message or the fix, the file
CASES: list[tuple[str, str, int | None, str, str]] = [
    ("no_workspace", "workspace", None, "[[workspace]]", ""),
    ("no_workspace", "workspace", 1, "[[workspace]]", "workspace = []"),
    ("wrong_type", "workspace", 1, "[[workspace]], with two brackets", '[workspace]\nid = "acme"'),
    ("wrong_type", "directory", 6, "[[directory]], with two brackets", WORKSPACE + '[directory]\nid = "x"'),
    ("wrong_type", "workspace[0]", 1, "a table is expected", "workspace = [3]"),
    ("unknown_key", "stor", 1, '"store"', "stor = 1\n" + WORKSPACE),
    ("unknown_key", "_env_file", 1, "known here", '_env_file = "x"\n' + WORKSPACE),
    ("unknown_key", "store.uri", 7, '"url"', WORKSPACE + '[store]\nuri = "x"'),
    ("wrong_type", "store", 1, "a table is expected", "store = 1\n" + WORKSPACE),
    ("wrong_type", "store.url", 7, "a text is expected", WORKSPACE + "[store]\nurl = 1"),
    ("bad_listen", "http.listen", 7, "127.0.0.1:8460", WORKSPACE + '[http]\nlisten = "8460"'),
    ("bad_url", "http.public_url", 7, "https://", WORKSPACE + '[http]\npublic_url = "acme.com"'),
    # workspaces
    ("missing_key", "workspace[0].id", 1, "unique", "[[workspace]]\n"),
    ("bad_id", "workspace[0].id", 2, "small letters", '[[workspace]]\nid = "Acme Inc"'),
    ("duplicate_id", "workspace[1].id", 4, "two [[workspace]]", ACME + ACME),
    ("unknown_key", "workspace[0].email_domain", 3, '"email_domains"', ACME + "email_domain = []"),
    ("bad_domain", "workspace[0].email_domains[1]", 3, "acme.com", ACME + 'email_domains = ["a.b", "@c.d"]'),
    ("bad_email", "workspace[0].protected[0]", 3, "owner@acme.com", ACME + 'protected = ["owner"]'),
    ("wrong_type", "workspace[0].protected", 3, "an array is expected", ACME + 'protected = "a@b.c"'),
    ("empty_value", "workspace[0].role[0].values", 5, "lowest first", ACME + '[[workspace.role]]\naxis="r"\nvalues=[]'),
    ("unknown_value", "workspace[0].role[0].default", 6, '"high"', ACME + AXIS + 'default = "hihg"'),
    ("unknown_value", "workspace[0].role[0].protect_last", 6, "high, low", ACME + AXIS + 'protect_last = "boss"'),
    ("unknown_value", "workspace[0].role[0].disabled_values[0]", 6, "low", ACME + AXIS + 'disabled_values = ["x"]'),
    ("disabled_default", "workspace[0].role[0].default", 6, "default",
     ACME + AXIS + 'default = "low"\ndisabled_values = ["low"]'),
    ("disabled_default", "workspace[0].role[0].default", 3, '"low"', ACME + AXIS + 'disabled_values = ["low"]'),
    ("disabled_value", "workspace[0].role_rule[0].force.a", 9, "the plan has",
     ACME + AXIS + 'disabled_values = ["high"]\n[[workspace.role_rule]]\nwhen = { a = "low" }\nforce = { a = "high" }'),
    ("duplicate_value", "workspace[0].role[0].values[1]", 5, "twice",
     ACME + '[[workspace.role]]\naxis = "r"\nvalues = ["a", "\uff41"]'),
    ("duplicate_value", "workspace[0].role[0].values[1]", 5, "twice",
     ACME + '[[workspace.role]]\naxis = "r"\nvalues = ["a", "A"]'),
    ("duplicate_axis", "workspace[0].role[1].axis", 7, "two role axes", ACME + AXIS + AXIS),
    ("bad_value", "workspace[0].role[0].when_absent", 6, '"keep"', ACME + AXIS + 'when_absent = "kepe"'),
    ("bad_value", "workspace[0].role[0].on_unknown", 6, "ignore", ACME + AXIS + 'on_unknown = "grant"'),
    ("unknown_axis", "workspace[0].role_rule[0].when.b", 7, "one of: a",
     ACME + AXIS + '[[workspace.role_rule]]\nwhen = { b = "x" }\nforce = { a = "low" }'),
    ("unknown_value", "workspace[0].role_rule[0].force.a", 8, '"low"',
     ACME + AXIS + '[[workspace.role_rule]]\nwhen = { a = "low" }\nforce = { a = "lwo" }'),
    ("empty_value", "workspace[0].role_rule[0].when", 7, "axis = value",
     ACME + AXIS + '[[workspace.role_rule]]\nwhen = {}\nforce = { a = "low" }'),
    # limits
    ("unknown_key", "workspace[0].limits.deactivate_24", 4, '"deactivate_24h"',
     ACME + "[workspace.limits]\ndeactivate_24 = { count = 1 }"),
    ("unknown_key", "workspace[0].limits.deactivate.percnt", 4, '"percent"',
     ACME + "[workspace.limits]\ndeactivate = { percnt = 1, count = 1 }"),
    ("wrong_type", "workspace[0].limits.update.count", 4, "a whole number",
     ACME + '[workspace.limits]\nupdate = { count = "1" }'),
    ("bad_value", "workspace[0].limits.update.percent", 4, "less than or equal to 100",
     ACME + "[workspace.limits]\nupdate = { percent = 101 }"),
    ("bad_value", "workspace[0].limits.update.count", 4, "greater than or equal to 1",
     ACME + "[workspace.limits]\nupdate = { count = 0 }"),
    ("empty_limit", "workspace[0].limits.update", 4, "false", ACME + "[workspace.limits]\nupdate = { floor = 3 }"),
    ("wrong_type", "workspace[0].limits.update", 4, "a table", ACME + "[workspace.limits]\nupdate = true"),
    # directories
    ("missing_key", "directory[0].kind", 6, "okta, entra, google, scim", WORKSPACE + '[[directory]]\nid = "d"'),
    ("unknown_kind", "directory[0].kind", 7, '"google"', WORKSPACE + '[[directory]]\nkind = "gogle"'),
    ("wrong_type", "directory[0].kind", 7, "a text", WORKSPACE + "[[directory]]\nkind = 3"),
    ("duplicate_id", "directory[1].id", 13, "two [[directory]]",
     WORKSPACE + directory("okta", name="d") + directory("scim", name="d")),
    ("unknown_workspace", "directory[0].workspace", 8, '"acme"', WORKSPACE + directory(workspace="amce")),
    ("missing_key", "directory[0].workspace", 6, "members", WORKSPACE + '[[directory]]\nid="d"\nkind="scim"'),
    ("unknown_key", "directory[0].tokn", 12, '"token"', WORKSPACE + directory("okta", "tokn = 1")),
    ("unknown_key", "directory[0].tenant_id", 12, "kind entra", WORKSPACE + directory("okta", 'tenant_id = "x"')),
    ("unknown_key", "directory[0].role[0].match", 14, "a key of [[directory]]: move it above [[directory.role]]",
     WORKSPACE + directory("okta", ROLE + 'match = "email"\nattribute = "x"')),
    ("missing_key", "directory[0].subject", 6, "service account",
     WORKSPACE + directory("google").replace("subject", "# subject")),
    ("literal_secret", "directory[0].token", 12, "never a literal",
     WORKSPACE + directory("okta").replace("token =", "# token =") + 'token = "s3cr3t"'),
    ("bad_value", "directory[0]", 6, "either token, or client_id",
     WORKSPACE + directory("okta").replace("token =", "# token =")),
    ("bad_value", "directory[0]", 6, "either token, or client_id", WORKSPACE + directory("okta", 'client_id = "x"')),
    ("unknown_key", "directory[0].token.envv", 11, '"env"', WORKSPACE + directory("okta").replace("env =", "envv =")),
    ("insecure_url", "directory[0].endpoint", 12, "https://",
     WORKSPACE + directory("okta", 'endpoint = "http://10.0.0.1"')),
    ("insecure_url", "directory[0].authority", 13, "https://",
     WORKSPACE + directory("entra", 'authority = "http://127.0.0.1.evil.com"')),
    ("insecure_url", "directory[0].token_endpoint", 12, "https://",
     WORKSPACE + directory("google", 'token_endpoint = "http://acme.com"')),
    ("bad_url", "directory[0].endpoint", 12, "up to the host",
     WORKSPACE + directory("okta", 'endpoint = "https://me:hunter2@acme.com"')),
    ("bad_url", "directory[0].url", 10, "https://", WORKSPACE + directory("okta").replace("https://", "")),
    ("short_retention", "retention", 6, '"8d" or more', WORKSPACE + '[retention]\nactions = "7d"'),
    ("bad_duration", "directory[0].every", 12, '"15m"', WORKSPACE + directory("okta", 'every = "15 minutes"')),
    ("bad_duration", "directory[0].every", 12, '"15m"', WORKSPACE + directory("okta", "every = 15")),
    ("bad_duration", "directory[0].verify_every", 12, '"24h"', WORKSPACE + directory("okta", 'verify_every = "0s"')),
    ("bad_cron", "directory[0].cron", 12, "five fields", WORKSPACE + directory("okta", 'cron = "* * *"')),
    ("bad_cron", "directory[0].cron", 12, "never fires", WORKSPACE + directory("okta", 'cron = "0 0 31 2 *"')),
    ("two_schedules", "directory[0].cron", 13, "alternatives",
     WORKSPACE + directory("okta", 'every = "1h"\ncron = "0 * * * *"')),
    ("not_for_kind", "directory[0].every", 10, "SCIM", WORKSPACE + directory("scim", 'every = "1h"')),
    ("not_for_kind", "directory[0].simulate", 10, "SCIM", WORKSPACE + directory("scim", 'simulate = "x"')),
    ("bad_value", "directory[0].match", 12, '"user_name"', WORKSPACE + directory("okta", 'match = "username"')),
    ("wrong_type", "directory[0].guests", 12, "true or false", WORKSPACE + directory("okta", 'guests = "yes"')),
    ("wrong_type", "directory[0].simulate", 12, "a path", WORKSPACE + directory("okta", "simulate = 1")),
    ("unknown_axis", "directory[0].role[0].axis", 11, '"role"',
     WORKSPACE + directory("scim", '[[directory.role]]\naxis = "rol"\nattribute = "x"')),
    ("unknown_value", 'directory[0].role[0].groups."The Admins"', 12, '"admin"',
     WORKSPACE + directory("scim", ROLE + 'groups = { "The Admins" = "Admin" }')),
    ("no_source", "directory[0].role[0]", 10, "attribute", WORKSPACE + directory("scim", ROLE)),
    ("missing_key", "directory[0].attribute[0].from", 10, "as the vendor names it",
     WORKSPACE + directory("scim", FIELD.replace("from", "# from"))),
    ("unknown_key", "directory[0].attribute[0].source", 13, "known here: from, to",
     WORKSPACE + directory("scim", FIELD + 'source = "x"')),
    ("bad_field", "directory[0].attribute[0].to", 12, "cost_center",
     WORKSPACE + directory("scim", FIELD.replace("title", "Cost Center"))),
    ("reserved_field", "directory[0].attribute[0].to", 12, "given_name",
     WORKSPACE + directory("scim", FIELD.replace("title", "active"))),
    ("duplicate_field", "directory[0].attribute[2].to", 18, '"jobTitle" (attribute[0]) and "position" (attribute[2])',
     WORKSPACE + directory("scim", FIELD + FIELD.replace("title", "name") + FIELD.replace("jobTitle", "position"))),
    ("bad_pattern", "directory[0].exclude[1]", 10, "[ is never closed",
     WORKSPACE + directory("scim", 'exclude = ["svc-*", "bot[0-9"]')),
    ("bad_pattern", "directory[0].exclude[0]", 10, "is empty", WORKSPACE + directory("scim", 'exclude = ["bot[9-0]"]')),
    ("bad_pattern", "directory[0].exclude[0]", 10, "254 characters", WORKSPACE + directory("scim", 'exclude = [" "]')),
    ("bad_pattern", "directory[0].exclude[0]", 10, "254 characters",
     WORKSPACE + directory("scim", f'exclude = ["{"x" * 255}"]')),
    ("bad_pattern", "directory[0].exclude[0]", 10, "is everybody",
     WORKSPACE + directory("scim", 'exclude = ["*@*.*"]')),
    ("bad_pattern", "directory[0].exclude[0]", 10, "is everybody",
     WORKSPACE + directory("scim", 'exclude = ["[a-z]*"]')),
    ("bad_value", "directory[0].exclude", 10, "at most 100", WORKSPACE + directory("scim", f"exclude = {['x'] * 101}")),
    # notifications
    ("duplicate_id", "notify[1].id", 10, "two [[notify]]", WORKSPACE + TOLD_OF + TOLD_OF),
    ("unknown_directory", "notify[0].directories[1]", 13, 'did you mean "okta"?',
     WORKSPACE + directory("scim", name="okta") + TOLD_OF + 'directories = ["okta", "otka"]'),
    ("unknown_workspace", "notify[0].workspaces[0]", 9, "one of: acme",
     WORKSPACE + TOLD_OF + 'workspaces = ["zzz"]'),
    ("not_for_kind", "directory[1].audits", 14, "remove", AUDITED + directory("scim", 'audits = "acme-scim"')),
    ("unknown_directory", "directory[1].audits", 16, '"acme-scim"',
     AUDITED + directory("okta", 'audits = "acme-scin"')),
    ("audits_itself", "directory[1].audits", 16, "acme-scim", AUDITED + directory("okta", 'audits = "okta"')),
    ("not_told", "directory[0].audits", 12, "remove",
     WORKSPACE + directory("okta", 'audits = "entra"') + directory("entra")),
    ("other_workspace", "directory[1].audits", 18, "same workspace",
     WORKSPACE + OTHER + TOLD.replace('"acme"', '"other"') + directory("okta", 'audits = "acme-scim"')),
    ("two_auditors", "directory[2].audits", 23, '"okta"',
     AUDITED + directory("okta", 'audits = "acme-scim"') + directory("google", 'audits = "acme-scim"')),
    ("only_feeding", "directory[1].match", 17, "acme-scim",
     AUDITED + directory("okta", 'audits = "acme-scim"\nmatch = "email"')),
    ("only_feeding", "directory[1].team", 17, "acme-scim",
     AUDITED + directory("okta", 'audits = "acme-scim"\n[[directory.team]]\ngroup = "g"\nteam = "t"')),
    ("missing_key", "directory[0].team[0].team", 10, "workspace",
     WORKSPACE + directory("scim", '[[directory.team]]\ngroup = "g"')),
]  # fmt: skip


@pytest.mark.parametrize(("code", "key", "line", "word", "text"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_one_error_with_its_place_and_way_out(
    tmp_path: Path, code: str, key: str, line: int | None, word: str, text: str
) -> None:
    found = {problem.key: problem for problem in problems(tmp_path, text)}
    problem = found[key]
    assert (problem.code, problem.line, problem.file) == (code, line, str(tmp_path / "rosterd.toml"))
    assert word in f"{problem.message} {problem.fix}"
    # A SCIM directory without id or workspace lacks two keys; everything else here is one mistake and one error.
    assert len(found) == 1 or all(each.code == "missing_key" for each in found.values() if each is not problem)
    assert "s3cr3t" not in str(problem)


def test_everything_that_is_wrong_is_listed_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "stor = 1\n" + WORKSPACE + directory("okta", 'tokn = "s3cr3t"', workspace="x") + "[http]\nlisten = 1"
    found = problems(tmp_path, text)
    assert [problem.code for problem in found] == ["unknown_key", "unknown_workspace", "unknown_key", "wrong_type"]
    assert [problem.line for problem in found] == [1, 9, 13, 15]


def test_the_text_is_fit_for_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, WORKSPACE + directory("okta", 'tokn = "s3cr3t"') + "[http]\nlisten = 1")
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value) == (
        'rosterd.toml:12: [[directory]] okta: directory[0].tokn: unknown key "tokn"\n'
        '  did you mean "token"?\n'
        "rosterd.toml:14: [http]: http.listen: this is a whole number where a text is expected"
    )
    assert caught.value.__suppress_context__  # pydantic's own text would repeat values
    assert "s3cr3t" not in repr(caught.value)


def test_a_problem_without_a_place_is_its_sentence() -> None:
    assert str(Problem("x", "it is wrong")) == "it is wrong"


@pytest.mark.parametrize(
    ("content", "code", "line", "word"),
    [
        (b'a = "\n', "toml_syntax", 1, "quotes"),
        (b"a = 1\nb = {\n", "toml_syntax", 2, "TOML"),
        (b"a = 1\na = 2\n", "toml_syntax", 2, "once"),
        (b"[[workspace]]\nid = [1,\n", "toml_syntax", 2, "TOML"),
        (b"a = 1\nb = '\xff'", "unreadable", 2, "UTF-8"),
        (b"\xef\xbb\xbfa = 1", "toml_syntax", 1, "TOML"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes, code: str, line: int, word: str) -> None:
    file = tmp_path / "rosterd.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == (code, line)
    assert word in f"{problem.message} {problem.fix}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.problems[0].code == "no_file"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the tests may run as root, who reads every file
    (problem,) = problems(tmp_path, WORKSPACE)
    assert (problem.code, "Permission denied" in problem.message) == ("unreadable", True)


# -- whatever the file holds --------------------------------------------------------------------------------------

EXAMPLE = tomllib.loads((Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8"))
ODD: tuple[Any, ...] = (3, -1, 1.5, True, False, "", "x", "okta", [], {}, [[]], [{}], ["x"], {"x": {}}, {"env": "X"})


@settings(deadline=None)
@given(st.data())
def test_no_file_makes_loading_fail_in_any_other_way(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    document = deepcopy(EXAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(document, data)
    text = "\n".join(f"{toml({name: value})[2:-2]}" for name, value in document.items())
    tomllib.loads(text)
    file = write(tmp_path_factory.getbasetemp(), text)
    found: tuple[Problem, ...] = ()
    try:
        load(file)
    except ConfigError as exc:
        found = exc.problems
    assert len(found) == len({problem.key for problem in found})
    assert all(problem.line is not None for problem in found if problem.key != "workspace")


def _spoil(value: Any, data: st.DataObject) -> None:
    """Puts something odd in the place of one value, removes it, or adds an unknown one, somewhere inside."""
    steps = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not steps:
        return
    step = data.draw(st.sampled_from(steps))
    if isinstance(value[step], dict | list) and data.draw(st.booleans()):
        _spoil(value[step], data)
    elif data.draw(st.integers(0, 4)) == 0:
        del value[step]
    else:
        value[step] = deepcopy(data.draw(st.sampled_from(ODD)))
