"""Where tests keep their files, and fixtures that every part may ask for: a migrated store on each database."""

import functools
import gc
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
from cryptography.hazmat.primitives import serialization

from store import Store, open_store
from tests.databases import SHARED, Postgres, postgres_server

MEMORY, ENOUGH = Path("/dev/shm"), 2 << 30  # a file system in memory, and the bytes that have to be free there


def pytest_configure() -> None:
    """Temporary files go to memory where that can be: databases make and remove thousands of files, and no test asks
    whether they outlive the machine's power. Garbage is looked for less often: the vendors' libraries are large, and
    going through them took a tenth of the time. What the tests start can be interrupted also from the background of a
    shell, which has it ignore that, and hands that down."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(20_000, 20, 20)
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        tempfile.tempdir = str(MEMORY)


def pytest_collection_finish() -> None:
    """What is loaded by now stays until the end, so nobody needs to look through it for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def cheap_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What every client of a directory does anew, for 30 ms each, and no test is about: httpx reads all the world's
    authorities, of which one will do, and Google's library proves the primes of a private key, for which once will."""
    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----\n")
    authority = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.write_text(first + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))
        patch.setattr(serialization, "load_pem_private_key", functools.cache(serialization.load_pem_private_key))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process, started when the first test asks for it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of a fresh, migrated SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "rosterd.db")
    return f"sqlite:///{tmp_path}/rosterd.db"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database without rows; its schema is not to be changed."""
    yield postgres.url(SHARED)
    postgres.empty()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database without rows: the test runs once on each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A store without rows; the test runs once on SQLite and once on PostgreSQL."""
    opened = open_store(store_url)
    yield opened
    opened.close()
