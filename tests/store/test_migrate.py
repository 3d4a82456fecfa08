"""Schema: migrated equals the models, on both databases; a newer one is refused."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

import store.tables  # noqa: F401 - fills the metadata
from reconciler.errors import StoreError
from store import Store, open_store
from store import migrate as migrations
from store.database import HEAD, connect, rows, scalar
from store.migrate import FOLDER, current, migrate, upgrade
from tests.acceptance.daemon import eventually
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
    with empty.write(migrates=True) as connection:
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
    return at(url, "0001")


def at(url: str, revision: str) -> Store:
    """A database with an earlier schema."""
    opened = connect(url)
    with opened.write(migrates=True) as connection:
        upgrade(connection, revision)
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
    with old.write(migrates=True) as connection:
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


@pytest.mark.parametrize(("revision", "code"), [("9999", "schema_newer"), ("0001", "schema_older")])
def test_a_process_writes_nothing_into_another_schema_than_its_own(own: Store, revision: str, code: str) -> None:
    """Others upgraded the database, or put an older one in its place, while the process runs."""
    with own.write(migrates=True) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(StoreError, match=f"schema is {revision}") as caught, own.write():
        pytest.fail("it may write")
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value.as_dict())


NEW = (
    "INSERT INTO scim_resource (directory, kind, id, version, created, modified, body)"
    " VALUES ('acme-scim', 'User', '{}', 1, '', '', '{{}}')"
)


@pytest.fixture
def earlier(postgres: Postgres) -> Iterator[Store]:
    """A PostgreSQL before the migration that counts resources."""
    name = postgres.create()
    opened = at(postgres.url(name), "0009")
    yield opened
    opened.close()
    postgres.drop(name)


@contextmanager
def migrating(store: Store) -> Iterator[threading.Thread]:
    """Another process upgrades the database meanwhile."""
    other = connect(str(store.engine.url))
    thread = threading.Thread(target=migrate, args=[other])
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)
        other.close()


def waits_for_a_lock(store: Store) -> bool:
    with store.read() as connection:
        found = scalar(connection, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                       " AND wait_event_type = 'Lock'")  # fmt: skip
    return bool(found)


def test_what_an_older_process_writes_while_others_migrate_is_migrated_or_refused(earlier: Store) -> None:
    with ExitStack() as stack:
        with earlier.write(migrates=True) as writing:
            scalar(writing, "SELECT version_num FROM alembic_version")  # as same_schema does
            writing.exec_driver_sql(NEW.format("ada"))
            thread = stack.enter_context(migrating(earlier))
            eventually(lambda: waits_for_a_lock(earlier))
        with earlier.write(migrates=True) as late:
            seen = scalar(late, "SELECT version_num FROM alembic_version")
        thread.join(30)
    assert seen in ("0009", HEAD)
    with earlier.read() as connection:
        assert current(connection) == HEAD
        assert scalar(connection, "SELECT number FROM scim_count") == 1


def test_a_migration_gives_way_to_a_run_that_reads_in_one_transaction_and_writes_in_another(
    earlier: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run would wait for the migration, the migration for the run, and no database sees that."""
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.2)
    with migrating(earlier) as thread, earlier.read() as reading:
        scalar(reading, "SELECT count(*) FROM mirror_user")
        eventually(lambda: waits_for_a_lock(earlier) or not thread.is_alive())
        for _ in range(3):
            with earlier.write(migrates=True) as writing:
                scalar(writing, "SELECT version_num FROM alembic_version")
                writing.exec_driver_sql("UPDATE mirror_user SET scoped = TRUE")
        assert thread.is_alive()
    with earlier.read() as connection:
        assert current(connection) == HEAD
