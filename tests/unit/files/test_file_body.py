from __future__ import annotations

import os
import tracemalloc

import pytest
import requests

from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.file_body import PIECE_BYTES, FileBody
from tests.unit.audience.inspection import inspect_file


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.csv"
    path.write_bytes(b"a,b\n" + os.urandom(PIECE_BYTES) * 3 + b"end")
    return path


def body_of(path, **options):
    status = path.stat()
    return FileBody(path, size=status.st_size, mtime_ns=status.st_mtime_ns, **options)


def test_gives_prefix_file_and_suffix_each_time(large):
    body = body_of(large, prefix=b"before", suffix=b"after")
    whole = b"before" + large.read_bytes() + b"after"
    assert len(body) == len(whole)
    assert b"".join(body) == whole
    assert b"".join(body) == whole
    assert max(map(len, body)) <= PIECE_BYTES


def test_pieces_may_be_kept(large):
    pieces = list(body_of(large))
    assert b"".join(pieces) == large.read_bytes()


def test_fits_what_inspection_tells(make_file):
    found = inspect_file(make_file("a\n1\n"))
    assert b"".join(FileBody(found.path, size=found.size, mtime_ns=found.mtime_ns)) == b"a\n1\n"


def test_requests_sends_a_true_length(large):
    request = requests.Request("POST", "http://localhost/", data=body_of(large, prefix=b"x")).prepare()
    assert request.headers["Content-Length"] == str(large.stat().st_size + 1)
    assert "Transfer-Encoding" not in request.headers


def test_reports_progress_anew_each_time(large):
    seen = []
    body = body_of(large, prefix=b"p", suffix=b"s", progress=lambda sent, total: seen.append((sent, total)))
    for _ in range(2):
        seen.clear()
        assert sum(map(len, body)) == len(body)
        assert seen[0] == (1, len(body))
        assert seen[-1] == (len(body), len(body))
        assert [sent for sent, _ in seen] == sorted(sent for sent, _ in seen)


@pytest.mark.parametrize("change", ["grow", "shrink", "touch", "replace"])
@pytest.mark.parametrize("suffix", [b"", b"end"])
def test_a_file_that_has_changed_is_not_sent(large, change, suffix):
    body = body_of(large, suffix=suffix)
    alter(large, change)
    with pytest.raises(AudienceFileError, match=r"large\.csv: the file has changed since it was checked"):
        list(body)


@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
@pytest.mark.parametrize("suffix", [b"", b"end"])
def test_a_change_on_the_way_stops_before_the_last_piece(large, change, suffix):
    body = body_of(large, suffix=suffix)
    pieces = iter(body)
    taken = [next(pieces)]
    alter(large, change)
    with pytest.raises(AudienceFileError):
        taken.extend(pieces)
    assert sum(map(len, taken)) < len(body)


def alter(path, change):
    content = path.read_bytes()
    if change == "grow":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "shrink":
        os.truncate(path, 100)
    elif change == "touch":
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    else:
        path.unlink()
        path.write_bytes(content[::-1])
        os.utime(path, ns=(0, 1))


def test_without_a_time_the_size_is_watched(large):
    body = FileBody(large, size=large.stat().st_size)
    os.utime(large, ns=(0, 1))
    assert sum(map(len, body)) == len(body)
    alter(large, "grow")
    with pytest.raises(AudienceFileError):
        list(body)


def test_holds_no_more_than_pieces(tmp_path):
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(200 * PIECE_BYTES)
    tracemalloc.start()
    sent = sum(map(len, body_of(path)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent == 200 * PIECE_BYTES
    assert peak < 4 * PIECE_BYTES
