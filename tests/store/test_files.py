"""How the file of a database is made, and what is wrong with it, found out at the file."""

import os
from pathlib import Path

import pytest

from reconciler.errors import StoreError
from store import open_store
from store.database import connect, rows
from store.files import obstacle


@pytest.mark.parametrize(("before", "after"), [(None, 0o600), (0o644, 0o644), (0o660, 0o660)])
def test_a_new_database_is_for_its_owner_only_and_one_that_is_there_stays(
    tmp_path: Path, before: int | None, after: int
) -> None:
    file = tmp_path / "rosterd.db"
    if before is not None:
        file.touch()
        file.chmod(before)
    store = open_store(f"sqlite:///{file}")
    with store.read() as connection:
        assert rows(connection, "SELECT 1")
        found = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    store.close()
    assert found == dict.fromkeys(("rosterd.db", "rosterd.db-wal", "rosterd.db-shm"), after)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused_with_the_way_out(url: str) -> None:
    """It would forget whom rosterd manages, and each thread would have its own."""
    with pytest.raises(StoreError, match="forgets whom rosterd manages") as caught:
        connect(url)
    assert "sqlite:///rosterd.db" in caught.value.fix


def test_a_folder_that_is_not_there_is_to_be_made(tmp_path: Path) -> None:
    assert obstacle(tmp_path / "gone" / "rosterd.db") == (
        "cannot_open", f"make the folder {tmp_path}/gone, or correct [store] url",
    )  # fmt: skip


def test_nothing_is_wrong_with_what_can_be_written(tmp_path: Path) -> None:
    assert obstacle(tmp_path / "rosterd.db") is None
    (tmp_path / "rosterd.db").touch()
    assert obstacle(tmp_path / "rosterd.db") is None


@pytest.mark.parametrize("name", ["", "rosterd.db"])
def test_a_file_or_folder_of_somebody_else_is_told_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Root may write everything: what the kernel says of others is stood in for."""
    (tmp_path / "rosterd.db").touch()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path / name)
    code, fix = obstacle(tmp_path / "rosterd.db") or ("", "")
    assert code == "read_only"
    assert fix == f"let user {os.geteuid()}, whom rosterd runs as, write {tmp_path}/rosterd.db and its folder"
