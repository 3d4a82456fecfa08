"""What is wrong with the file of a database, found out at the file."""

import os
from pathlib import Path

import pytest

from store.files import obstacle


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
