"""Schema: migrated equals the models, on both databases; a newer one is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

import store.tables  # noqa: F401 - fills the metadata
from reconciler.errors import StoreError
from store import Store, open_store
from store.database import HEAD, connect, rows, scalar
from store.migrate import FOLDER, current, migrate, upgrade
from tests.databases import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that was never opened."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/own.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name).replace("postgres@", "postgres:hunter2@")
    server.drop(name)


@pytest.fixture
def own(url: str) -> Iterator[Store]:
    """A store whose schema may be spoilt."""
    opened = open_store(url)
    yield opened
    opened.close()


def test_the_migrated_schema_equals_the_models(store: Store) -> None:
    with store.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_comparison_would_see_a_missing_column(own: Store) -> None:
    """The test above can fail: a column that the models have and the database lost is a difference."""
    with own.write() as connection:
        connection.exec_driver_sql("ALTER TABLE run DROP COLUMN report")
        found = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
        assert [(change[0], change[2]) for change in found] == [("add_column", "run")]


def test_sqlite_tables_are_clustered_as_the_models_say(sqlite_url: str) -> None:
    """Alembic does not compare WITHOUT ROWID."""
    tables = SQLModel.metadata.tables.values()
    clustered = {table.name for table in tables if table.dialect_options["sqlite"]["with_rowid"] is False}
    opened = open_store(sqlite_url)
    with opened.read() as connection:
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")).scalars()
        assert set(found) == clustered
    opened.close()


def test_head_is_the_newest_migration() -> None:
    names = sorted(path.stem for path in (FOLDER / "versions").glob("v[0-9]*.py"))
    assert names[-1].split("_")[0] == f"v{HEAD}"


@pytest.fixture
def empty(url: str) -> Iterator[Store]:
    """A database without a schema."""
    opened = connect(url)
    yield opened
    opened.close()


BEFORE_LEAVING = """
    INSERT INTO directory (id, generation, users_complete_at, policy_digest)
        VALUES ('read', 9, '2026-06-02T05', 'p'), ('told', 9, '2026-06-02T05', 'p');
    INSERT INTO scim_state (directory, basis) VALUES ('told', '');
    INSERT INTO mirror_user (directory, external_id, state, match_key, changed_at, body)
        VALUES ('read', 'ada', 'active', '', '2026-06-01', ''), ('read', 'bob', 'suspended', '', '2026-06-02', ''),
               ('told', 'ada', 'active', '', '2026-06-01', ''), ('told', 'bob', 'gone', '', '2026-06-02', '');
    INSERT INTO run (id, workspace, directory, state, began, report, generation)
        VALUES ('1', 'acme', 'read', '', '2026-06-01T00', '', 1), ('2', 'acme', 'read', '', '2026-06-02T00', '', 2),
               ('3', 'acme', 'read', '', '2026-06-03T00', '', 2)
"""


def test_who_was_off_before_that_had_a_beginning_is_timed_from_when_the_mirror_had_it(empty: Store) -> None:
    with empty.write() as connection:
        upgrade(connection, "0011")
        for statement in BEFORE_LEAVING.split(";"):
            connection.exec_driver_sql(statement)
        upgrade(connection, "0012")
        people = rows(
            connection,
            "SELECT directory, external_id, off_after, off_told FROM mirror_user ORDER BY directory, external_id",
        )
        assert [tuple(row) for row in people] == [
            ("read", "ada", None, None), ("read", "bob", "2026-06-02", None),
            ("told", "ada", None, None), ("told", "bob", None, "2026-06-02"),
        ]  # fmt: skip
        found = rows(connection, "SELECT id, first_began, last_began FROM directory ORDER BY id")
        assert [tuple(row) for row in found] == [("read", "2026-06-01T00", "2026-06-02T00"), ("told", None, None)]


def test_an_empty_sqlite_file_is_migrated_and_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/folder/new.db"
    for _ in range(2):
        opened = open_store(url)
        with opened.read() as connection:
            assert current(connection) == HEAD
            assert {"member", "mirror_user", "run", "lease"} <= set(inspect(connection).get_table_names())
        opened.close()


def test_an_empty_postgresql_database_is_migrated_in_one_transaction(postgres: Postgres) -> None:
    name = postgres.create()
    opened = open_store(postgres.url(name))
    with opened.read() as connection:
        assert current(connection) == HEAD
    opened.close()
    postgres.drop(name)


def test_a_newer_schema_is_refused_and_left_alone(own: Store) -> None:
    with own.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="schema is 9999, newer than this program's") as caught:
        migrate(own)
    assert caught.value.code == "schema_newer"
    assert "newer rosterd" in caught.value.fix
    assert "hunter2" not in str(caught.value.as_dict())
    with own.read() as connection:
        assert scalar(connection, "SELECT version_num FROM alembic_version") == "9999"


def _first_release(url: str) -> Store:
    """A database with the first schema."""
    opened = connect(url)
    with opened.write() as connection:
        upgrade(connection, "0001")
    return opened


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_of_the_first_release_is_upgraded_with_what_is_in_it(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.url(server.create())
    old = _first_release(url)
    with old.write() as connection:
        connection.execute(
            text(
                "INSERT INTO member (id, workspace, email, email_key, name_key, user_name, given_name, family_name,"
                " display_name, title, department, manager, active, managed, created_at, updated_at) VALUES"
                " ('m1', 'acme', 'Ada@acme.com', 'ada@acme.com', '', '', 'Ada', '', '', '', '', '',"
                " TRUE, FALSE, '', '')"
            )
        )
    old.close()
    upgraded = open_store(url)
    with upgraded.read() as connection:
        assert current(connection) == HEAD
        assert scalar(connection, "SELECT email FROM member WHERE attributes IS NULL") == "Ada@acme.com"
    upgraded.close()
