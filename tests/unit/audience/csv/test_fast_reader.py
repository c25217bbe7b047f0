"""The fast reader returns what the exact one returns, or leaves the file to it."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc

import pytest

from airflow_provider_iqm.audience.csv import checked_blocks
from airflow_provider_iqm.audience.csv.exact_reader import read_exactly
from airflow_provider_iqm.audience.csv.fast_reader import read_ahead, read_fast
from airflow_provider_iqm.exceptions import AudienceFileError
from airflow_provider_iqm.files.reading_progress import reading_progress

BLOCKS = [3, 4, 5, 7, 11, 1 << 19]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r\n1,2\r\n3,4\r",
        "a,b\r\n1,2\n3,\r\n",
        "\ufeffa,b\n1,\n,é\n\n\n",
        '\ufeff"a",b\n1,2\n',
        'a,b\n"1\n2","x""y"\n"3,4",\n',
        '"a",b\r\n"1\r\n2","x"" y"\r\n"3,4",\r\n',
        'a,b\n"1\r2","""x"""\n"""",""\n',
        "a,b\n1, \n2,\u3000\n",
        'a,b\n1," "\n2,""\n',
        "a\n1\n2\n",
        "a,b\n1,2\n\n3,4\n",
        "a,b\r\n1,2\r\n\r\n3,4\r\n",
        "a\n1\n\n2\n \n",
        "a\r\n1\r\n\r\n2\r\n",
        'a\n1\n""\n',
        "\n\r\n\na,b\n1,2\n",
        '"a\nb",c\n1,2\n',
        '\ufeff"a\r\n b\r\n"\r\nc\r\nd',
        "a,b\n1,\x01\n",
        "a,b\n1,\u2028\u0085\n",
        "a,b\n😀,é\u3000ß\n",
    ],
)
def test_reads_well_formed_files(make_file, monkeypatch, text, block):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", block)
    path = make_file(text)
    assert read_fast(path, name="list.csv") == read_exactly(path, name="list.csv")


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    "text",
    ["a,b\r1,2\r", "a,b\n1,2\r3,4\n", 'a,b\n1, "x"\n', 'a,b\n1,x"y\n', 'a,b\n1,x""y\n', '\ufeff\ufeff"a",b\n1,2\n'],
)
def test_leaves_irregular_files_to_the_exact_reader(make_file, monkeypatch, text, block):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", block)
    path = make_file(text)
    assert read_fast(path, name="list.csv") is None
    assert read_exactly(path, name="list.csv").records


@pytest.mark.parametrize(
    "odd",
    [
        "4,5,6,",
        "4,5",
        '"4"x,5,6',
        '"4" ,5,6',
        '"4,5,6',
        ' "4",5,6',
        '4,5"",6',
        "4,5,\0",
        '4,"5"\r,6',
        "4\r5,6,7",
        "4,5,\xff",
        "4,5,6\r\r",
        " ",
    ],
)
def test_finds_an_odd_record_far_down(make_file, monkeypatch, odd):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", 1000)
    lines = ["a,b,c", *["1,2,3"] * 2000, odd, *["7,8,9"] * 2000]
    path = make_file("\n".join(lines).encode("latin-1"))
    assert read_fast(path, name="list.csv") is None


@pytest.mark.parametrize("end", ["4,5", '4,"5', "4,\xff", '4,"5"x', "4,5,6,7", '"'])
def test_finds_an_odd_record_at_the_end(make_file, end):
    lines = ["a,b,c", *["1,2,3"] * 2000, end]
    assert read_fast(make_file("\n".join(lines).encode("latin-1")), name="list.csv") is None


def test_a_character_that_is_cut_off_at_the_end_is_not_text(make_file):
    assert read_fast(make_file(b"a,b\n" + b"1,2\n" * 2000 + b"1,\xc3"), name="list.csv") is None


def test_an_error_among_the_first_records_is_the_exact_readers(make_file):
    path = make_file('a,b\n1,2\n3\n"4"x,5\n')
    with pytest.raises(AudienceFileError) as exact:
        read_exactly(path, name="list.csv")
    with pytest.raises(AudienceFileError) as fast:
        read_fast(path, name="list.csv")
    assert str(fast.value) == str(exact.value)


def test_a_column_blank_for_long_is_not_blank_throughout(make_file):
    lines = ["a,b,c,d", *['1,,,""'] * 3000, '1,x, ," "']
    found = read_fast(make_file("\n".join(lines)), name="list.csv")
    assert found is not None
    assert found.blank_columns == {2, 3}


def test_damage_is_counted_in_quoted_and_unquoted_values(make_file, monkeypatch):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", 4000)
    lines = ["zip,phone,note", *["00501,2.02E+09,é", '"1002",2025550143,"a ""b"", c\n"', '"00501","2.02E+09",'] * 1000]
    path = make_file("\r\n".join(lines))
    mapped = {"zip": "Residence_Addresses_Zip", "phone": "Phone"}
    found = read_fast(path, name="list.csv", mapped=mapped)
    assert found == read_exactly(path, name="list.csv", mapped=mapped)
    assert found is not None
    assert [damage.count for damage in found.damage] == [1000, 2000]


@pytest.mark.parametrize("block", range(3, 12))
def test_garbled_text_is_counted_once_wherever_a_block_ends(make_file, monkeypatch, block):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", block)
    content = "a\nÃ©xÃ©Ã©x\ufffd\ufffdâ€™yÂ°SÃO\n"
    found = read_fast(make_file(content), name="list.csv")
    assert found is not None
    assert [damage.count for damage in found.damage] == [7]
    assert found.sha256 == hashlib.sha256(content.encode()).hexdigest()


def test_long_records_go_on_for_several_blocks(make_file, monkeypatch):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", 10_000)
    record = '"' + 'é,"" \n' * 10_000 + '",2\n'
    path = make_file("a,b\n" + record * 30)
    found = read_fast(path, name="list.csv")
    assert found is not None
    assert found == read_exactly(path, name="list.csv")


def test_records_too_long_for_the_memory_are_left_to_the_exact_reader(make_file):
    path = make_file("a,b\n" + "1,2\n" * 2000 + "x" * 1_200_000 + ",2\n")
    assert read_fast(path, name="list.csv") is None
    assert read_exactly(path, name="list.csv").records == 2001


@pytest.mark.parametrize("record", ["1,2,3\n", ",,\n", '"a, ""b""",é,\r\n'])
def test_memory_does_not_grow_with_the_file(make_file, record):
    path = make_file("zip,b,c\n" + record * 1_500_000)
    read_fast(path, name="list.csv")
    tracemalloc.start()
    try:
        assert read_fast(path, name="list.csv", mapped={"zip": "Residence_Addresses_Zip"}) is not None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48_000_000


def test_reads_one_block_ahead():
    read, allowed = [], threading.Semaphore(2)

    def blocks():
        for block in (b"a", b"b", b"c", b"d"):
            assert allowed.acquire(timeout=10)
            read.append(block)
            yield block

    ahead = read_ahead(blocks())
    assert next(ahead) == b"a"
    allowed.release(2)
    assert list(ahead) == [b"b", b"c", b"d"]
    assert read == [b"a", b"b", b"c", b"d"]


def test_reports_progress(make_file, monkeypatch):
    monkeypatch.setattr(checked_blocks, "BLOCK_BYTES", 1000)
    path, positions = make_file("a,b\n" + "1,2\n" * 2000), []
    with reading_progress(positions.append):
        assert read_fast(path, name="list.csv") is not None
    assert positions[-1] == path.stat().st_size
    assert len(positions) > 8


def test_an_error_of_the_disk_is_raised():
    def blocks():
        yield b"a"
        raise OSError(5, "Input/output error")

    ahead = read_ahead(blocks())
    assert next(ahead) == b"a"
    with pytest.raises(OSError, match="Input/output"):
        next(ahead)
