from __future__ import annotations

import os

import pytest

from airflow_provider_iqm.audience.stream import PIECE_BYTES, FileBody
from airflow_provider_iqm.exceptions import AudienceFileError

SIZE = 2 * PIECE_BYTES + 5


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(os.urandom(SIZE))
    return path


def test_the_body_is_whole_each_time_and_its_length_is_true(path):
    told = []
    body = FileBody(
        path, size=SIZE, prefix=b"before", suffix=b"after", progress=lambda *told_now: told.append(told_now)
    )
    for _ in range(2):
        assert b"".join(body) == b"before" + path.read_bytes() + b"after"
    assert len(body) == SIZE + 11
    assert told[-1] == (len(body), len(body))
    assert [len(piece) for piece in body][1] == PIECE_BYTES


@pytest.mark.parametrize("change", ["grown", "shrunk", "rewritten"])
def test_a_file_that_changed_is_not_sent_to_its_end(path, change):
    body = FileBody(path, size=SIZE, mtime_ns=path.stat().st_mtime_ns, suffix=b"after")
    pieces = iter(body)
    sent = [next(pieces)]
    if change == "grown":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "shrunk":
        os.truncate(path, PIECE_BYTES)
    else:
        os.utime(path, ns=(1, 1))
    with pytest.raises(AudienceFileError, match=r"list\.csv"):
        sent.extend(pieces)
    assert b"after" not in sent
