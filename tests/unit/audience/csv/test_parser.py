"""Values that are too long for ``csv``, and what its own parser makes of any text."""

from __future__ import annotations

import csv
import gzip
import io
import time
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_iqm.audience.csv import lines
from airflow_provider_iqm.audience.csv.exact_reader import read_records
from airflow_provider_iqm.audience.csv.lines import MAX_LINE, read_lines
from airflow_provider_iqm.audience.csv.parser import RecordParser
from airflow_provider_iqm.audience.formats.reading_options import ReadingOptions
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, IQMError
from tests.unit.audience.inspection import inspect_file

SECRET = "Frodo-0x7"
LIMIT = 131_072
"""What ``csv`` takes, unless somebody else in the process has changed it."""

LONG = "x" * (LIMIT + 1)
LISTS = {
    "plain": f"email,b\na@b.com,{LONG}\n",
    "quoted": f'email,b\na@b.com,"{LONG}"\n',
    "with quotes": 'email,b\na@b.com,"' + '""' * LIMIT + '"\n',
    "with line breaks": 'email,b\na@b.com,"' + "x\r\n" * LIMIT + '"\n',
    "in the middle": f'email,b\nc@b.com,1\na@b.com,{LONG}\nd@b.com,"{LONG}"\ne@b.com,1\n',
    "several": f"email,b\na@b.com,{LONG},{LONG},{LONG}\n".replace("b\n", "b,c,d\n"),
    "as long as can be": "email,b\na@b.com," + "x" * (MAX_LINE - 9) + "\n",
    "without a line end": f"email,b\na@b.com,{LONG}",
}


@pytest.fixture
def prepare(make_file):
    def prepare(content, name="list.csv", **options):
        columns = {"columns": {"email": "Email"}, "column_settings": {"Email": "Raw"}}
        return prepare_upload(file_path=make_file(content, name), audience_name="x", **columns | options)

    return prepare


@pytest.mark.parametrize("cleaned", [False, True])
@pytest.mark.parametrize("case", LISTS)
def test_long_values_are_read(prepare, monkeypatch, case, cleaned):
    text = LISTS[case]
    monkeypatch.setattr("airflow_provider_iqm.audience.list_reader.SMALL_FILE_BYTES", 100_000)
    with prepare(text, normalize=cleaned) as upload:
        assert upload.file.records == (4 if case == "in the middle" else 1)
        sent = upload.file.path.read_bytes().decode()
    # How a value is quoted may change, and the end of the last line.
    assert len(sent) >= len(text.rstrip("\n")) - 2
    assert csv.field_size_limit() == LIMIT


@pytest.mark.parametrize(
    ("name", "encode", "options"),
    [
        ("list.csv", lambda text: text.replace(",", ";").encode(), {}),
        ("list.tsv", lambda text: text.replace(",", "\t").encode(), {}),
        ("list.csv.gz", lambda text: gzip.compress(text.encode()), {}),
        ("list.csv", lambda text: text.encode("utf-16"), {}),
        ("list.csv", lambda text: text.encode("cp1252"), {"encoding": "cp1252"}),
    ],
)
@pytest.mark.parametrize("case", ["quoted", "with line breaks", "in the middle"])
def test_long_values_are_read_in_any_form(prepare, case, name, encode, options):
    with prepare(encode(LISTS[case]), name, **options) as upload:
        assert upload.file.records == LISTS[case].count("@")


@pytest.mark.parametrize("large", [False, True])
def test_a_fault_behind_a_long_value_has_its_line(make_file, refuse, monkeypatch, large):
    if large:
        monkeypatch.setattr("airflow_provider_iqm.audience.list_reader.SMALL_FILE_BYTES", 0)
    error = refuse(make_file(f'a,b\n1,"{LONG}\n"\n{SECRET},2,3\n'))
    assert "line 4 has 3 values" in str(error)
    error = refuse(make_file(f'a,b\n1,{LONG}\n1,"{SECRET}" 2\n'))
    assert "line 3 has text after a closing quote" in str(error)


def test_a_record_without_an_end_is_refused_with_the_reason(make_file, refuse):
    error = refuse(make_file(f'a,b\n1,2\n3,"{SECRET}\n' + "x,y\n" * (MAX_LINE // 2)))
    assert "the record on line 3 is longer than 2,000,000 characters, which is the limit" in str(error)
    assert "the quote that opens a value on line 3 isn't closed by then" in str(error)
    assert error.line == 3
    error = refuse(make_file("a,b\n1," + "x" * MAX_LINE + "\n"))
    assert "line 2 can't be read: it is longer than 2,000,000 characters, which is the limit" in str(error)
    # A record of many quoted values, each of them short.
    error = refuse(make_file("a,b\n" + '"1\n",' * MAX_LINE))
    assert "the record on line 2 is longer than 2,000,000 characters" in str(error)


def test_a_file_without_line_ends_is_given_up_early(make_file, refuse, monkeypatch):
    blocks = count()
    monkeypatch.setattr(lines, "read_blocks", lambda path, size, **_: (b"x" * size for _ in blocks))
    with pytest.raises(AudienceFileError, match="line 1 can't be read: it is longer than"):
        list(read_lines(make_file("x"), name="list.csv"))
    assert next(blocks) < 10


@pytest.mark.parametrize("long", [1001, LIMIT + 1, MAX_LINE - 9])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_long_name_in_the_header_is_refused_with_the_reason(make_file, refuse, long, quote):
    error = refuse(make_file(f"a,{quote}{SECRET.ljust(long)}{quote}\n1,2\n"))
    assert f"the name of column 2 of 2 in the header (line 1) has {long:,} characters" in str(error)
    assert error.line == 1
    assert len(str(error)) < 300


def test_a_line_of_delimiters_is_refused_soon(make_file, refuse):
    started = time.process_time()
    error = refuse(make_file("," * 1_000_000 + "\n1\n"))
    assert "the header (line 1) has 1,000,001 columns; the limit is 100,000" in str(error)
    assert time.process_time() - started < 5


def test_long_lines_take_no_longer_in_small_blocks(make_file, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_BYTES", 7)
    started = time.process_time()
    assert len(list(read_lines(make_file(LONG * 4 + "\n" + LONG * 4), name="list.csv"))) == 2
    assert time.process_time() - started < 5


def test_a_limit_that_others_have_set_does_no_harm(make_file):
    limit = csv.field_size_limit(3)
    try:
        assert inspect_file(make_file("email\nmary@example.com\n\n\r\n'1'\n")).records == 2
        assert csv.field_size_limit() == 3
    finally:
        csv.field_size_limit(limit)


TEXTS = st.lists(st.sampled_from(["a", '"', '""', ",", "\n", "\r", "\r\n", " ", "ä", ";"]), max_size=30).map("".join)


@given(text=TEXTS, delimiter=st.sampled_from(",;"))
@example(text='"a\n""b",c\r\r\n\n"', delimiter=",")
def test_the_parser_agrees_with_csv(text, delimiter):
    lines = io.StringIO(text, newline="").readlines()
    try:
        expected = list(csv.reader(iter(lines), delimiter=delimiter, strict=True))
    except csv.Error:
        expected = None
    try:
        found = [record for _, record in RecordParser(iter(lines), name="list.csv", delimiter=delimiter, line=1)]
    except AudienceFileError:
        found = None
    assert found == expected


@given(text=TEXTS, block=st.integers(1, 7), limit=st.integers(1, 20))
def test_the_records_do_not_depend_on_blocks_or_limits(tmp_path_factory, text, block, limit):
    path = tmp_path_factory.mktemp("records") / "list.csv"
    path.write_bytes(text.encode())
    results = []
    for size, longest in ((lines.BLOCK_BYTES, LIMIT), (block, limit)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lines, "BLOCK_BYTES", size)
            before = csv.field_size_limit(longest)
            try:
                results.append(list(read_records(path, name="list.csv")))
            except AudienceFileError as error:
                results.append((str(error), error.line))
            finally:
                csv.field_size_limit(before)
    assert results[0] == results[1]


def records_in(path, *, column, encoding):
    """Give the number of records; ``None`` where the list is refused by an error of ours that carries nothing along."""
    options = {"columns": {column: "Email"}, "column_settings": {"Email": "Raw"}, "audience_name": "x"}
    try:
        with prepare_upload(file_path=path, encoding=encoding, **options) as upload:
            return upload.file.records
    except IQMError as error:
        if error.__context__ is not None:
            raise
        return None


ENCODINGS = st.sampled_from(
    [None, "utf-7", "utf-16", "utf-32-be", "hz", "iso2022_kr", "cp037", "shift_jis", "big5hkscs"]
)


@given(
    content=st.binary(max_size=60) | TEXTS.map(str.encode),
    name=st.sampled_from(["list.csv", "list.tsv", "list.csv.gz"]),
    encoding=ENCODINGS,
    block=st.integers(1, 7),
    packed=st.sampled_from(["no", "yes", "cut"]),
    longest=st.integers(5, 100),
)
def test_any_bytes_give_a_result_or_one_of_our_errors(
    tmp_path_factory, content, name, encoding, block, packed, longest
):
    path = tmp_path_factory.mktemp("any") / name
    content = content if packed == "no" else gzip.compress(content)
    path.write_bytes(content[:-5] if packed == "cut" else content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK_BYTES", block)
        patch.setattr(lines, "MAX_LINE", longest)
        patch.setattr("airflow_provider_iqm.audience.csv.parser.MAX_LINE", longest)
        patch.setattr("airflow_provider_iqm.audience.csv.exact_reader.MAX_LINE", longest)
        assert records_in(path, column="a", encoding=encoding) != 0


def test_every_encoding_of_python_reads_a_list_or_is_refused(make_file):
    import encodings.aliases

    names = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
    names |= {"idna", "punycode", "undefined", "utf-8-sig", "unicode_escape", "raw_unicode_escape", "rot13"}
    path = make_file(b"email,b\na@b.com,\xc3\xa9 \\x\xff+\xfe~{\x1b$\n" * 2)
    for name in sorted(names):
        assert records_in(path, column="email", encoding=name) in (3, None), name
    for name in ("idna", "punycode", "rot13", "undefined", "hex"):
        with pytest.raises(IQMError, match="isn't a text encoding"):
            ReadingOptions(encoding=name)
