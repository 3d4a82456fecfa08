"""What a good file means: defaults, relative paths, the environment, and one class for each kind of directory."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import connectors
from connectors.base import ConnectorConfig
from rosterd.settings import ConfigError, check_secrets, connector_config, find, load
from rosterd.settings.kinds import PULLED, config, own_keys
from rosterd.settings.limits import EVIDENCE
from rosterd.settings.model import KINDS, DirectorySettings
from rosterd.settings.values import OFF, limit
from tests.rosterd.files import CONNECTIONS, WORKSPACE, directory, loaded, problems, write

ALL = WORKSPACE + "".join(directory(kind) for kind in KINDS)


def test_the_smallest_file_has_the_documented_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[[workspace]]\nid = "acme"')
    workspace = settings.workspace[0]
    assert settings.store.url == f"sqlite:///{tmp_path}/rosterd.db"
    assert (settings.http.listen, settings.http.public_url) == ("127.0.0.1:8460", None)
    assert (workspace.name, workspace.role, settings.directory) == ("acme", (), ())
    limits = workspace.limits
    assert limits.deactivate == limit(500, 10, 5)
    assert limits.leave_team == limit(None, 25, 20)
    assert limits.demote == limit(None, 25, 3)
    assert limits.promote == limit(None, 25, 5)
    assert limits.update == limit(None, 50, 50)
    assert limits.create.off
    assert limits.deactivate_24h == limit(None, 25, 20)
    assert limits.deactivate_1h.off


@pytest.mark.parametrize(
    ("written", "evidence"),
    [
        ("", ["absence", "scope", "status", "tombstone"]),
        ("deactivate = { count = 9 }", []),  # means every evidence
        ("deactivate = { count = 9 }\ndeactivate_absence = { count = 2 }", ["absence"]),
        ("deactivate_status = false", ["absence", "scope", "status", "tombstone"]),  # off is a limit of its own
        ("deactivate = false", []),
    ],
)
def test_evidence_follows_deactivate_when_only_that_is_written(
    written: str, evidence: list[str], tmp_path: Path
) -> None:
    text = f'[[workspace]]\nid = "acme"\n[workspace.limits]\n{written}'
    found = loaded(tmp_path, text).workspace[0].limits.written()
    own = [key.removeprefix("deactivate_") for key in found if key.removeprefix("deactivate_") in EVIDENCE]
    assert sorted(own) == evidence
    assert ("deactivate" in found) is ("deactivate = false" not in written)


def test_a_directory_has_the_documented_defaults(tmp_path: Path) -> None:
    okta = loaded(tmp_path, WORKSPACE + directory("okta")).directory[0]
    assert (okta.every, okta.cron, okta.verify_every) == (timedelta(minutes=15), None, timedelta(hours=24))
    assert (okta.match, okta.nested_groups, okta.guests, okta.scope_groups) == ("email", True, False, ())
    assert (okta.role, okta.team, okta.simulate) == ((), (), None)


def test_a_role_axis_has_the_documented_defaults(tmp_path: Path) -> None:
    axis = loaded(tmp_path, WORKSPACE).workspace[0].role[0]
    assert (axis.default, axis.when_absent, axis.on_unknown) == ("member", "default", "ignore")
    assert (axis.protect_last, axis.disabled_values) == (None, ())


def test_everything_that_can_be_written_is_read(tmp_path: Path) -> None:
    text = """\
    [store]
    url = "postgresql+psycopg://rosterd@db/rosterd"
    [http]
    listen = "0.0.0.0:80"
    public_url = "https://sync.example.com/"
    [[workspace]]
    id = "acme"
    email_domains = ["acme.com"]
    protected = ["owner@acme.com"]
    limits = { deactivate = { count = 25, percent = 10, floor = 5 }, update = false, deactivate_24h = { count = 9 } }
    [[workspace.role]]
    axis = "primary"
    values = ["listener", "analyst", "recorder"]
    default = "analyst"
    when_absent = "keep"
    disabled_values = ["recorder"]
    [[workspace.role]]
    axis = "permission"
    values = ["user", "admin"]
    protect_last = "admin"
    [[workspace.role_rule]]
    when = { primary = "listener" }
    force = { permission = "user" }
    """
    more = """\
    cron = "30 2 * * mon-fri"
    verify_every = "7d"
    match = "user_name"
    scope_groups = ["Staff"]
    simulate = "world.json"
    [[directory.role]]
    axis = "permission"
    attribute = "jamie_role"
    groups = { "Jamie Admins" = "admin" }
    [[directory.team]]
    group = "Design"
    team = "Designers"
    """
    settings = loaded(tmp_path, text + directory("okta", more))
    workspace, okta = settings.workspace[0], settings.directory[0]
    assert settings.store.url == "postgresql+psycopg://rosterd@db/rosterd"
    assert settings.http.public_url == "https://sync.example.com"
    assert workspace.limits.update.off
    assert workspace.limits.deactivate_24h == limit(9)
    assert [axis.default for axis in workspace.role] == ["analyst", "user"]
    assert workspace.role_rule[0].force == {"permission": "user"}
    assert (okta.every, okta.cron, okta.verify_every) == (None, "30 2 * * mon-fri", timedelta(days=7))
    assert okta.simulate == tmp_path / "world.json"
    assert okta.role[0].groups == {"Jamie Admins": "admin"}
    assert okta.team[0].team == "Designers"
    assert settings.workspace_of(okta) is workspace
    assert settings.directory_named("okta") is okta
    assert settings.directory_named("entra") is None
    assert settings.file == tmp_path / "rosterd.toml"


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = loaded(tmp_path, ALL)
    for value, name in ((settings, "store"), (settings.directory[0], "id"), (settings.workspace[0].limits, "update")):
        with pytest.raises(ValidationError):
            setattr(value, name, None)


# -- kinds --------------------------------------------------------------------------------------------------------


def test_every_connector_has_a_kind_here_and_every_kind_a_connector() -> None:
    assert set(connectors.CONNECTORS) == PULLED


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_redefines_a_common_key(kind: str) -> None:
    assert set(config(kind).model_fields) & set(DirectorySettings.model_fields) <= {"kind"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_gives_its_connector_that_connectors_own_config(tmp_path: Path, kind: str) -> None:
    own = connector_config(loaded(tmp_path, WORKSPACE + directory(kind)).directory[0])
    assert type(own) is config(kind)
    assert isinstance(own, ConnectorConfig)
    assert all(name in own_keys(kind) or name == "kind" for name in type(own).model_fields)
    assert type(own).model_validate(own.model_dump()) == own


def test_a_scim_directory_is_not_read_on_a_schedule(tmp_path: Path) -> None:
    scim = loaded(tmp_path, WORKSPACE + directory("scim", 'dialect = "jumpcloud"\nstrict = true')).directory[0]
    assert (scim.every, scim.cron) == (None, None)
    assert connector_config(scim).model_dump().items() >= {"dialect": "jumpcloud", "strict": True}.items()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://proxy.acme.com"]
)
def test_an_endpoint_may_be_https_or_loopback(tmp_path: Path, address: str) -> None:
    okta = loaded(tmp_path, WORKSPACE + directory("okta", f'endpoint = "{address}"')).directory[0]
    assert connector_config(okta).model_dump()["endpoint"] == address


# -- finding the file, paths, environment -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "variable", "found"),
    [
        ("a.toml", "b.toml", "a.toml"),
        (None, "b.toml", "b.toml"),
        (None, None, "rosterd.toml"),
        (None, "", "rosterd.toml"),
    ],
)
def test_the_option_goes_before_the_variable_before_the_folder(
    tmp_path: Path, option: str | None, variable: str | None, found: str
) -> None:
    for name in ("a.toml", "b.toml", "rosterd.toml"):
        (tmp_path / name).touch()
    env = {} if variable is None else {"ROSTERD_CONFIG": variable}
    assert find(option, env, tmp_path) == tmp_path / found
    assert find(str(tmp_path / "a.toml"), {}, Path("/")) == tmp_path / "a.toml"


@pytest.mark.parametrize(
    ("option", "variable", "said"), [("x.toml", "", "--config"), (None, "x.toml", "ROSTERD_CONFIG")]
)
def test_no_file_is_one_clear_error(tmp_path: Path, option: str | None, variable: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(option, {"ROSTERD_CONFIG": variable}, tmp_path)
    (problem,) = caught.value.problems
    assert problem.code == "no_file"
    assert "x.toml" in problem.message
    assert said in problem.message
    assert "rosterd config example" in problem.fix


def test_relative_paths_begin_at_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    monkeypatch.chdir(tmp_path)
    text = (
        WORKSPACE + '[store]\nurl = "sqlite:///roster.db?timeout=9"\n' + directory("google", 'simulate = "../g.json"')
    )
    settings = load(str(write(conf, text).relative_to(tmp_path)))
    google = connector_config(settings.directory[0]).model_dump()
    assert settings.store.url == f"sqlite:///{conf}/roster.db?timeout=9"
    assert google["service_account"]["file"] == conf / "sa.json"
    assert settings.directory[0].simulate == conf / "../g.json"


@pytest.mark.parametrize(
    "url", ["sqlite:////var/lib/rosterd.db", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"]
)
def test_other_store_urls_stay_as_they_are(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, WORKSPACE + f'[store]\nurl = "{url}"').store.url == url


def test_the_environment_overrides_store_and_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTERD_STORE__URL", "sqlite:////elsewhere.db")
    monkeypatch.setenv("ROSTERD_HTTP__LISTEN", "0.0.0.0:1")
    monkeypatch.setenv("ROSTERD_WORKSPACE", "not one of ours")
    settings = loaded(tmp_path, WORKSPACE + '[store]\nurl = "sqlite:///here.db"\n[http]\npublic_url = "https://a.b"')
    assert settings.store.url == "sqlite:////elsewhere.db"
    assert (settings.http.listen, settings.http.public_url) == ("0.0.0.0:1", "https://a.b")


def test_what_is_wrong_in_the_environment_is_said_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSTERD_HTTP__LISTEN", "everywhere")
    monkeypatch.setenv("ROSTERD_STORE__URI", "x")
    found = {problem.file: problem for problem in problems(tmp_path, WORKSPACE)}
    assert found["environment variable ROSTERD_HTTP__LISTEN"].code == "bad_listen"
    assert found["environment variable ROSTERD_STORE__URI"].fix == 'did you mean "url"?'


# -- secrets ------------------------------------------------------------------------------------------------------


def test_loading_needs_no_secret_and_checking_lists_every_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OKTA_TOKEN", "  ")
    monkeypatch.delenv("ENTRA_SECRET", raising=False)
    settings = loaded(tmp_path, ALL)
    with pytest.raises(ConfigError) as caught:
        check_secrets(settings)
    said = {problem.key: problem for problem in caught.value.problems}
    assert {problem.code for problem in said.values()} == {"missing_secret"}
    assert list(said) == ["directory[0].token", "directory[1].client_secret", "directory[2].service_account"]
    assert str(tmp_path / "sa.json") in said["directory[2].service_account"].message
    assert "ENTRA_SECRET is not set" in said["directory[1].client_secret"].message
    assert "OKTA_TOKEN is empty" in said["directory[0].token"].message
    lines = (tmp_path / "rosterd.toml").read_text().splitlines()
    assert [lines[(problem.line or 0) - 1].split(" =")[0] for problem in said.values()] == [
        "token",
        "client_secret",
        "service_account",
    ]


def test_only_the_named_directories_need_their_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TOKEN", "swordfish")
    settings = loaded(tmp_path, ALL)
    check_secrets(settings, ("okta", "scim"))
    with pytest.raises(ConfigError):
        check_secrets(settings, ("google",))
    assert "swordfish" not in repr(settings)


def test_secrets_that_are_there_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKTA_TOKEN", "a")
    monkeypatch.setenv("ENTRA_SECRET", "b")
    (tmp_path / "sa.json").write_text("{}")
    check_secrets(loaded(tmp_path, ALL))


def test_connections_cover_every_kind() -> None:
    assert set(CONNECTIONS) == set(KINDS)
    assert OFF.off
