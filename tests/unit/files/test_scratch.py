"""Scratch folders: what is deleted is ours, and nobody uses it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

import pytest

from airflow_provider_iqm.files.scratch import MARKER, PREFIX, Scratch, is_scratch


def left_behind(parent):
    """Make a folder that a killed process would leave."""
    scratch = Scratch(parent)
    scratch.new_file("clean.csv").write_text("frodo@shire.example")
    os.close(scratch._lock)
    return scratch.path


def test_what_a_killed_process_has_left_is_deleted(tmp_path):
    left = left_behind(tmp_path)
    assert is_scratch(left)
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    with Scratch(tmp_path):
        assert not left.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [f"{PREFIX}parts-2026", f"{PREFIX}abcdefgh", PREFIX])
@pytest.mark.parametrize("marker", [None, "a folder", "a link", "a broken link", "a pipe"])
def test_a_user_s_folder_of_such_a_name_stays(tmp_path, name, marker):
    scratch_dir = tmp_path / "scratch"
    folder = scratch_dir / name
    folder.mkdir(parents=True)
    (folder / "people.csv").write_text("keep me")
    if marker == "a folder":
        (folder / MARKER).mkdir()
    elif marker == "a link":
        (tmp_path / "file").write_text("x")
        (folder / MARKER).symlink_to(tmp_path / "file")
    elif marker == "a broken link":
        (folder / MARKER).symlink_to(tmp_path / "nowhere")
    elif marker == "a pipe":
        os.mkfifo(folder / MARKER)
    with Scratch(scratch_dir):
        pass
    assert (folder / "people.csv").read_text() == "keep me"
    if marker is None:
        assert not is_scratch(folder)


def test_a_link_to_what_is_left_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    left = left_behind(elsewhere)
    scratch_dir = tmp_path / "scratch"
    scratch_dir.mkdir()
    (scratch_dir / f"{PREFIX}link").symlink_to(left)
    with Scratch(scratch_dir):
        pass
    assert (left / "clean.csv").exists()


def test_a_link_inside_what_is_left_is_not_followed(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "people.csv").write_text("keep me")
    scratch_dir = tmp_path / "scratch"
    scratch_dir.mkdir()
    left = left_behind(scratch_dir)
    (left / "link").symlink_to(own)
    with Scratch(scratch_dir):
        assert not left.exists()
    assert (own / "people.csv").read_text() == "keep me"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks(tmp_path, monkeypatch, caplog, number):
    left = left_behind(tmp_path)

    def flock(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    with Scratch(tmp_path) as scratch:
        assert f"doesn't support locks ({os.strerror(number)})" in caplog.text
        # Nobody could tell whether they are in use.
        assert left.exists()
        monkeypatch.setattr("fcntl.flock", lambda descriptor, operation: None)
        with Scratch(tmp_path):
            assert scratch.path.exists()
    assert not scratch.path.exists()


def test_a_folder_in_use_stays(tmp_path):
    with Scratch(tmp_path) as one, Scratch(tmp_path) as two:
        assert one.path.exists()
        assert two.path.exists()
        lock = os.open(one.path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(lock)
