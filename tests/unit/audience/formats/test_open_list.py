"""Lists in other delimiters, encodings, sheets and packings: what IQM would get of them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import stat
import zipfile
import zlib

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.formats import open_list, text_list
from airflow_provider_iqm.audience.upload import prepare_upload
from airflow_provider_iqm.exceptions import AudienceFileError, ColumnMappingError, ReadingOptionError
from tests.unit.audience.conftest import SECRET, assert_keeps_secret

TEXT = "email;name;zip\nfrodo@shire.example;Zoë, of the Shire;01234\nsam@shire.example;;00501\n"
PLAIN = 'email,name,zip\r\nfrodo@shire.example,"Zoë, of the Shire",01234\r\nsam@shire.example,,00501\r\n'
COLUMNS = {"email": "Email"}


@pytest.fixture
def prepare(tmp_path, make_file):
    """Prepare a list of this content, and give what would go out: the upload, which is closed by then, and the text."""

    def run(content, name="list.csv", columns=COLUMNS, **options):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        path = make_file(content, name=name) if content is not None else tmp_path / name
        given = {"column_settings": {"Email": "Raw"}, "scratch_dir": scratch, **options}
        try:
            with prepare_upload(file_path=path, audience_name="List", columns=columns, **given) as upload:
                if upload.file.path != path:
                    assert stat.S_IMODE(upload.file.path.stat().st_mode) == 0o600
                    assert stat.S_IMODE(upload.file.path.parent.stat().st_mode) == 0o700
                return upload, upload.file.path.read_bytes().decode()
        finally:
            assert list(scratch.iterdir()) == []

    return run


@pytest.fixture
def refuse(prepare):
    def run(content, *arguments, **options):
        with pytest.raises(AudienceFileError) as caught:
            prepare(content, *arguments, **options)
        assert_keeps_secret(caught.value)
        return caught.value

    return run


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("said", [True, False])
def test_reads_the_usual_delimiters(prepare, delimiter, said):
    upload, sent = prepare(TEXT.replace(";", delimiter), delimiter=delimiter if said else None)
    assert sent == PLAIN
    assert upload.file.name == "list.csv"
    assert upload.file.media_type == "text/csv"
    assert upload.file.records == 2
    assert upload.file.samples["name"] == ("Zoë, of the Shire", "")


def test_reads_any_character_that_is_said_to_be_the_delimiter(prepare):
    assert prepare(TEXT.replace(";", "~"), delimiter="~")[1] == PLAIN


@pytest.mark.parametrize(
    ("header", "row", "column", "found"),
    [
        ("email,name", "1,2", "email", ("email", "name")),
        ("email,a;b|c;d", "1,2", "email", ("email", "a;b|c;d")),
        ("a,b;email,c;d", "1;2;3", "email,c", ("a,b", "email,c", "d")),
        ('"a,b";"email"', "1;2", "email", ("a,b", "email")),
        ("x\ty|z\temail", "1\t2\t3", "email", ("x", "y|z", "email")),
        ("email", "1", "email", ("email",)),
    ],
)
def test_the_delimiter_is_the_one_under_which_the_mapped_columns_are_found(prepare, header, row, column, found):
    upload, _ = prepare(f"{header}\n{row}\n", columns={column: "Email"})
    assert upload.file.columns == found


@pytest.mark.parametrize("quote", ["", '"'], ids=["unquoted", "quoted"])
@pytest.mark.parametrize("name", ["a;b", "a\tb", "a|b", "a;b|c\td"])
@pytest.mark.parametrize("value", ["1", "1;2"])
@pytest.mark.parametrize("options", [{}, {"drop_duplicates": True}, {"delimiter": ","}], ids=["", "cleaned", "said"])
def test_a_single_column_may_have_a_delimiter_in_its_name(prepare, monkeypatch, name, quote, value, options):
    given = {"column_settings": None, **options}
    upload, _ = prepare(f"{quote}{name}{quote}\n{value}\n", columns={name: "Residence_FullAddress"}, **given)
    assert (upload.file.columns, upload.file.records) == ((name,), 1)
    # Whoever reads the file.
    monkeypatch.setattr("airflow_provider_iqm.audience.list_reader.SMALL_FILE_BYTES", 0)
    upload, _ = prepare(f"{quote}{name}{quote}\n{value}\n", columns={name: "Residence_FullAddress"}, **given)
    assert (upload.file.columns, upload.file.records) == ((name,), 1)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_first_record_tells_one_name_from_two(prepare, delimiter):
    names = f"email{delimiter}name"
    with pytest.raises(ColumnMappingError, match=re.escape(f"Columns in the file: {names!r}.")):
        prepare(f"{names}\n1\n", columns={"x": "Email"})
    with pytest.raises(ColumnMappingError, match="Columns in the file: 'email', 'name'"):
        prepare(f"{names}\n1{delimiter}2,5\n", columns={"x": "Email"})


def test_the_data_has_no_say_in_the_delimiter(prepare):
    upload, _ = prepare("email,x\n" + "a;b;c,d;e;f\n" * 50)
    assert upload.file.columns == ("email", "x")


def test_a_misspelt_column_is_told_by_the_names_under_the_likeliest_delimiter(prepare):
    with pytest.raises(ColumnMappingError, match="Did you mean 'email'"):
        prepare(TEXT, columns={"emial": "Email"})


ENCODINGS = {
    "UTF-16 LE": (b"\xff\xfe" + TEXT.encode("utf-16-le"), None),
    "UTF-16 BE": (b"\xfe\xff" + TEXT.encode("utf-16-be"), None),
    "UTF-32": (TEXT.encode("utf-32"), None),
    "UTF-8 with a mark": (TEXT.encode("utf-8-sig"), None),
    "UTF-16 LE without a mark": (TEXT.encode("utf-16-le"), "utf-16-le"),
    "UTF-16 LE with a mark, named": (TEXT.encode("utf-16"), "utf_16_le"),
    "UTF-16 with a mark, named": (TEXT.encode("utf-16"), "UTF-16"),
    "UTF-8 with a mark, named": (TEXT.encode("utf-8-sig"), "utf-8"),
    "UTF-8, named": (TEXT.encode(), "UTF8"),
    "Windows-1252": (TEXT.encode("cp1252"), "cp1252"),
    "Latin-1": (TEXT.encode("latin-1"), "iso-8859-1"),
    "Mac Roman": (TEXT.encode("mac-roman"), "macintosh"),
    "EBCDIC": (TEXT.encode("cp500"), "cp500"),
    "UTF-7": (TEXT.encode("utf-7"), "utf-7"),
}


@pytest.mark.parametrize("case", ENCODINGS)
@pytest.mark.parametrize("block", [1, 3, 1 << 18])
@pytest.mark.parametrize("packed", [False, True])
def test_reads_the_encodings(prepare, monkeypatch, case, block, packed):
    monkeypatch.setattr("airflow_provider_iqm.audience.csv.lines.BLOCK_BYTES", block)
    content, encoding = ENCODINGS[case]
    if packed:
        content = gzip.compress(content)
    upload, sent = prepare(content, "list.csv.gz" if packed else "list.csv", encoding=encoding)
    assert sent == PLAIN
    assert upload.file.name == "list.csv"


@pytest.mark.parametrize(
    ("content", "encoding", "line"),
    [
        (b"email;x\na@b.example;1\n" + SECRET.encode() + b"\x81;2\n", "cp1252", 3),
        (b"email;x\r" + SECRET.encode() + b";\xc3\x28\n", "utf-8", 2),
        ("email,x\na,\n\n".encode("utf-16-le") + b"\x00\xd8\x00\x00" + b"a\x00", "utf-16-le", 4),
        ("email,x\n1,あ\n".encode("shift-jis") + SECRET.encode() + b"\x81\xff\n", "shift-jis", 3),
        (b"email,x\n" + SECRET.encode() + b",\xc3\xa9\n", "ascii", 2),
        (b"email,x\n" + SECRET.encode() + b",\xc3", "utf-8", 2),
        (b"email,x\n", "utf-16", 1),
        (b"email,x\n1,2\n" + SECRET.encode() + b",\\ud800\n", "unicode-escape", 3),
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 18])
def test_undecodable_bytes_fail_with_their_line(refuse, monkeypatch, content, encoding, line, block):
    monkeypatch.setattr("airflow_provider_iqm.audience.csv.lines.BLOCK_BYTES", block)
    error = refuse(content, encoding=encoding)
    assert error.line == line
    assert f"list.csv: line {line} can't be" in str(error)


@pytest.mark.parametrize("encoding", ["nope", "", "hex", "rot13", "zlib", "undefined", "a\0b", "utf-8 "])
def test_an_unknown_encoding_fails_clearly(prepare, encoding):
    if encoding == "utf-8 ":
        prepare(TEXT, encoding=encoding)
        return
    with pytest.raises(ReadingOptionError, match="encoding is"):
        prepare(TEXT, encoding=encoding)


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r", "a", "0", " ", "\0"])
def test_what_cannot_be_a_delimiter_fails_clearly(prepare, delimiter):
    with pytest.raises(ReadingOptionError, match="delimiter is"):
        prepare(TEXT, delimiter=delimiter)


@pytest.mark.parametrize("argument", ["delimiter", "encoding", "sheet"])
def test_arguments_are_text(prepare, argument):
    with pytest.raises(ReadingOptionError, match=f"{argument} must be text, but it is of type int"):
        prepare(TEXT, **{argument: 1})


def test_an_encoding_that_the_byte_order_mark_contradicts_fails_clearly(refuse):
    error = refuse(TEXT.encode("utf-8-sig"), encoding="cp1252")
    assert "encoding says cp1252, but the file begins with the byte order mark of utf-8" in str(error)
    assert "byte order mark of utf-16-le" in str(refuse(TEXT.encode("utf-16"), encoding="utf-16-be"))


def test_utf_16_without_a_mark_asks_for_its_encoding(refuse):
    assert "utf-16-le" in str(refuse(TEXT.encode("utf-16-le")))


@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-8-sig", "UTF8"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_plain_file_goes_out_byte_for_byte_without_a_copy(make_file, monkeypatch, encoding, mark):
    monkeypatch.setattr(text_list, "write_lines", None)
    monkeypatch.setattr(text_list, "write_records", None)
    path = make_file(mark + b'email, "x"\r\n\n1,2\r3,4')
    with prepare_upload(
        file_path=path,
        audience_name="List",
        columns=COLUMNS,
        column_settings={"Email": "Raw"},
        encoding=encoding,
        scratch_dir="/nowhere/at/all",
    ) as upload:
        assert upload.file.path == path


def test_unpacks_gzip_by_its_content(prepare):
    text = 'email, "x"\n\n1,2\r\n3,4'
    for name in ("list.csv.gz", "LIST.CSV.GZ", "list.csv"):
        upload, sent = prepare(gzip.compress(text.encode()), name)
        assert sent == text
        assert upload.file.name.lower() == "list.csv"
        assert upload.file.records == 2
    members = gzip.compress(b"email\n1\n") + gzip.compress(b"2\n")
    assert prepare(members, "list.csv.gz")[1] == "email\n1\n2\n"


DAMAGED = {
    "cut off": gzip.compress(b"email\n" + SECRET.encode() * 99)[:-9],
    "cut in the header": gzip.compress(b"email\n1\n")[:7],
    "a wrong checksum": gzip.compress(b"email\n1\n")[:-8] + bytes(8),
    "a wrong byte": gzip.compress(bytes(range(32, 127)) * 50)[:40] + b"\xff\xff" + bytes(100),
    "more behind it": gzip.compress(b"email\n1\n") + SECRET.encode(),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_gzip_fails_clearly(refuse, case):
    assert "list.csv.gz: the gzip file is damaged or cut off" in str(refuse(DAMAGED[case], "list.csv.gz"))


def test_gzip_by_name_only_fails_clearly(refuse):
    assert "the name says gzip, but the content is not" in str(refuse(f"email\n{SECRET}\n", "list.csv.gz"))
    assert "the file inside is empty" in str(refuse(gzip.compress(b""), "list.csv.gz"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(gzip.compress(b"email\n1\n")), "gzip-compressed"),
        (gzip.compress(b"PK\x03\x04" + bytes(99)), "an Excel workbook or another zip archive"),
        (b"%PDF-1.7\n", "a PDF document"),
    ],
)
def test_what_is_no_text_is_refused(refuse, content, says):
    assert f"the content is {says}" in str(refuse(content, "list.csv.gz" if content[0] == 31 else "list.csv"))
    if content[0] != 31:
        assert f"the content is {says}" in str(refuse(content, encoding="cp1252"))


@pytest.mark.parametrize("name", ["list.txt", "list.gz", "list.xlsx.gz", "list", "list.zip"])
def test_other_names_are_refused(refuse, name):
    error = str(refuse(TEXT, name))
    assert error.startswith(f"{name}: ")
    assert ".csv or .xlsx" in error


def test_a_tsv_file_is_sent_as_csv(prepare):
    upload, sent = prepare(TEXT.replace(";", "\t"), "list.tsv")
    assert (sent, upload.file.name) == (PLAIN, "list.csv")
    assert prepare("email,x\n1,2\n", "list.tsv")[0].file.name == "list.csv"


@pytest.mark.parametrize("line", ["email,x\n", "email;x\n"])
@pytest.mark.parametrize("cleaned", [False, True])
def test_a_gzip_bomb_is_stopped_while_it_is_unpacked(refuse, tmp_path, monkeypatch, line, cleaned):
    monkeypatch.setattr(open_list, "MAX_FILE_BYTES", 1_000_000)
    packed = zlib.compressobj(9, wbits=31)
    bomb = packed.compress(line.encode()) + packed.compress(b"aaaaaaaaaa,;bbbbbbbbb\n" * 500_000) + packed.flush()
    read = []
    real = text_list.read_lines
    monkeypatch.setattr(text_list, "read_lines", lambda *a, **o: (read.append(1) or each for each in real(*a, **o)))
    error = refuse(bomb, "list.csv.gz", normalize=cleaned)
    limit = max(1_000_000, 100 * len(bomb)) if cleaned else 1_000_000
    assert f"list.csv.gz: as plain CSV in UTF-8, the list has more than {limit:,} bytes" in str(error)
    assert len(read) < limit / 20


def test_the_limits_hold_for_the_copy(refuse, prepare, monkeypatch):
    monkeypatch.setattr("airflow_provider_iqm.audience.prepared_list.MAX_RECORDS", 2)
    content = gzip.compress(f"email\n{SECRET}\n2\n3\n".encode())
    assert "list.csv.gz: the file has 3 records, but IQM allows at most 2" in str(refuse(content, "list.csv.gz"))


FAULTS = {
    "ragged": ("email;x\n1;2\n\n\n{};2;3\n", 5, "the record on line 5 has 3 values, but the header has 2 columns"),
    "ragged after line breaks": ('email;x\n"1\n\r\n,";2\n{}\n', 5, "a value with a semicolon or a line break"),
    "unclosed quote": ('email;x\n1;2\n"{};2\n', 3, "the quote that opens a value on line 3 is never closed"),
    "text behind a quote": ('email;x\n1;"2"{}\n', 2, "line 2 has text after a closing quote"),
    "NUL": ("email;x\n1;2\n{}\0;\n", 3, "line 3 can't be read: it holds a NUL"),
    "blank name": ("\nemail;;x\n{};2;3\n", 2, "column 2 of 3 has no name in the header (line 2)"),
    "twice the same name": ("email;x;x\n{};2;3\n", 1, "the name 'x' twice"),
    "no record": ("email;x\n", None, "no records"),
    "nothing": ("\n\n", None, "nothing but blank lines"),
}


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize("packed", [False, True])
def test_faults_are_told_by_the_original_name_and_line(refuse, case, packed):
    text, line, says = FAULTS[case]
    content, name = text.format(SECRET).encode("utf-16"), "list.csv"
    if packed:
        content, name = gzip.compress(content), "list.csv.gz"
    error = refuse(content, name)
    assert str(error).startswith(f"{name}: ")
    assert says in str(error)
    assert error.line == line


def test_a_fault_in_an_unpacked_comma_file_keeps_its_line(refuse):
    error = refuse(gzip.compress(f"email,x\r\n\r\n1,2\r\n{SECRET}\r\n".encode()), "list.csv.gz")
    assert str(error).startswith("list.csv.gz: the record on line 4 has 1 value")
    assert error.line == 4


def test_cleaning_leaves_ragged_records_of_any_list_out(prepare):
    upload, sent = prepare(
        "email;x\na@b.example;1\nc@d.example\ne@f.example;2;3\n", normalize=True, max_invalid_ratio=1
    )
    assert sent == "email,x\na@b.example,1\n"
    assert upload.report.dropped == {"ragged": 2}
    assert upload.file.name == "list.csv"


def test_cleaning_takes_every_form(prepare):
    content = gzip.compress("email|x\n Frodo@Shire.example |é\n".encode("utf-16"))
    upload, sent = prepare(content, "list.csv.gz", normalize=True)
    assert sent == "email,x\nfrodo@shire.example,é\n"
    assert upload.file.name == "list.csv"


def test_the_same_list_has_the_same_token_at_each_try(prepare, make_file, tmp_path):
    def token(content, name):
        path = make_file(content, name=name)
        with prepare_upload(
            file_path=path, audience_name="List", columns=COLUMNS, column_settings={"Email": "Raw"}
        ) as upload:
            return upload.token("dag")

    first = token(gzip.compress(TEXT.encode(), mtime=1), "list.csv.gz")
    assert token(gzip.compress(TEXT.encode(), mtime=2), "list.csv.gz") == first
    assert token(TEXT, "list.csv") == first
    assert token(TEXT.replace("sam", "merry"), "list.csv") != first


@pytest.fixture
def workbook(tmp_path):
    def make(sheets, name="list.xlsx"):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return make


SHEETS = {
    "notes": [["email"], ["first@shire.example"]],
    "The List": [[], ["email", "id"], ["frodo@shire.example", 441234567890.0], [], ["sam@shire.example", "007"]],
    "empty": [],
    "wide": [["email"], ["a@b.example", SECRET]],
}


def test_reads_the_sheet_that_is_named(prepare, workbook):
    workbook(SHEETS)
    upload, sent = prepare(None, "list.xlsx", sheet="The List")
    assert sent == "email,id\r\nfrodo@shire.example,441234567890\r\nsam@shire.example,007\r\n"
    assert (upload.file.name, upload.file.media_type, upload.file.records) == ("list.csv", "text/csv", 2)
    upload, sent = prepare(None, "list.xlsx", sheet="The List", normalize=True)
    assert sent == "email,id\nfrodo@shire.example,441234567890\nsam@shire.example,007\n"


@pytest.mark.parametrize("sheet", [None, "notes"])
def test_the_first_sheet_goes_out_as_the_workbook_that_it_is_in(workbook, sheet):
    path = workbook(SHEETS)
    with prepare_upload(
        file_path=path, audience_name="List", columns=COLUMNS, column_settings={"Email": "Raw"}, sheet=sheet
    ) as upload:
        assert upload.file.path == path
        assert upload.file.name == "list.xlsx"


def test_a_missing_sheet_lists_those_there_are(refuse, workbook):
    workbook(SHEETS)
    error = str(refuse(None, "list.xlsx", sheet="the list"))
    assert "list.xlsx: the workbook has no sheet 'the list'. Did you mean 'The List'?" in error
    assert "It has: 'notes', 'The List', 'empty', 'wide'." in error


def test_a_sheet_that_cannot_be_used_fails_clearly(refuse, prepare, workbook):
    workbook(SHEETS)
    assert "the workbook's sheet 'empty' is empty" in str(refuse(None, "list.xlsx", sheet="empty"))
    error = refuse(None, "list.xlsx", sheet="wide")
    assert "list.xlsx: row 2 has a value to the right of the header's 1 column" in str(error)
    assert error.line == 2
    with pytest.raises(AudienceFileError, match="records are invalid"):
        prepare(None, "list.xlsx", sheet="wide", normalize=True, max_invalid_ratio=1)


def test_formulas_come_out_as_their_values(prepare, tmp_path, workbook):
    path = workbook({"notes": [["x"]], "list": [["email", "id"], ["a@b.example", "=1+1"]]})
    # openpyxl writes no value of a formula; Excel does.
    cell = b'<c r="B2"><f>1+1</f><v></v></c>'
    _replace_in_zip(path, "xl/worksheets/sheet2.xml", cell, cell.replace(b"<v></v>", b"<v>4412345678901</v>"))
    assert prepare(None, "list.xlsx", sheet="list")[1] == "email,id\r\na@b.example,4412345678901\r\n"


def _replace_in_zip(path, member, old, new):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert members[member].replace(b"<v />", b"<v></v>").count(old) == 1
    members[member] = members[member].replace(b"<v />", b"<v></v>").replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_arguments_that_do_not_fit_the_kind_of_file_fail_clearly(prepare, workbook):
    with pytest.raises(ReadingOptionError, match="only a workbook"):
        prepare(TEXT, sheet="notes")
    workbook(SHEETS)
    for option in ({"delimiter": ";"}, {"encoding": "cp1252"}):
        with pytest.raises(ReadingOptionError, match="a workbook has no delimiter and no encoding"):
            prepare(None, "list.xlsx", **option)


ALPHABET = '",;|\t\n\r ab0éÃ€'
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.text(st.sampled_from(ALPHABET), max_size=6), min_size=width, max_size=width), min_size=1, max_size=8
    )
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    packed=st.booleans(),
    block=st.sampled_from([1, 7, 1 << 18]),
)
def test_any_table_in_any_form_is_read_the_same(prepare, rows, delimiter, encoding, line_end, quoting, packed, block):
    header = [f"column {number}" for number in range(len(rows[0]))]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows([header, *rows])
    # Before Python 3.13, csv leaves a lone CR unquoted, and can't read its own text back.
    assume(
        list(csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter, strict=True)) == [header, *rows]
    )
    assume(any(row[0].strip() for row in rows))
    content = text.getvalue().encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow_provider_iqm.audience.csv.lines.BLOCK_BYTES", block)
        upload, sent = prepare(
            gzip.compress(content, 1) if packed else content,
            "list.csv.gz" if packed else "list.csv",
            columns={header[0]: "Voter ID"},
            column_settings={"Voters_ID": "Other"},
            delimiter=delimiter if len(header) == 1 else None,
            encoding=None if encoding in ("utf-8", "utf-8-sig", "utf-16") else encoding,
        )
    assert upload.file.records == len(rows)
    assert list(csv.reader(io.StringIO(sent.removeprefix("\ufeff"), newline=""), strict=True)) == [header, *rows]


SEP_LINES = {
    "semicolon": ("sep=;\nemail;b\na@b.com;1\n", {}),
    "CRLF and a byte order mark": ("\ufeffsep=;\r\nemail;b\r\na@b.com;1\r\n", {}),
    "tab": ("SEP=\t\nemail\tb\na@b.com\t1\n", {}),
    "comma": ("sep=,\nemail,b\na@b.com,1\n", {}),
    "quoted": ('"sep=;"\nemail;b\na@b.com;1\n', {}),
    "an unusual one": ("sep=#\nemail#b\na@b.com#1\n", {}),
    "blank lines behind": ("sep=;\n\n\nemail;b\na@b.com;1\n", {}),
    "overruled": ("sep=;\nemail|b\na@b.com|1\n", {"delimiter": "|"}),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("encoding", [None, "utf-16"])
@pytest.mark.parametrize("case", SEP_LINES)
def test_the_sep_line_of_excel_names_the_delimiter_and_is_no_record(prepare, monkeypatch, case, encoding, packed):
    text, options = SEP_LINES[case]
    monkeypatch.setattr("airflow_provider_iqm.audience.csv.lines.BLOCK_BYTES", 7)
    content = text.removeprefix("\ufeff" if encoding else "").encode(encoding or "utf-8")
    content = gzip.compress(content) if packed else content
    upload, sent = prepare(content, "list.csv", **options)
    assert sent == "email,b\r\na@b.com,1\r\n"
    assert upload.file.records == 1


def test_faults_behind_a_sep_line_keep_their_lines(refuse):
    assert refuse(f"sep=;\nemail;b\n1;2\n{SECRET};2;3\n").line == 4
    assert refuse(f"sep=,\nemail,b\n1,2\n{SECRET},2,3\n").line == 4
    assert refuse(f'sep=;\nemail;b\n"{SECRET}" ;2\n').line == 3
    assert refuse("sep=;\n\nemail;b;b\n1;2;3\n").line == 3
    assert "nothing but blank lines" in str(refuse("sep=;"))


@pytest.mark.parametrize("cleaned", [False, True])
def test_one_quoted_name_may_hold_another_delimiter(prepare, cleaned):
    options = {"columns": {"email;work": "Email"}, "normalize": cleaned}
    for text in ('"email;work"\na@b.com\n', '\r\n"email;work"\r\na@b.com\r\n'):
        upload, sent = prepare(text, **options)
        assert upload.file.columns == ("email;work",)
        assert sent.lstrip().startswith('"email;work"')
    upload, sent = prepare('sep=|\n"email;work"\na@b.com\n', **options)
    assert upload.file.columns == ("email;work",)


GZIP = gzip.compress("".join(f"email{number},{number * number}\n" for number in range(3000)).encode())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        *((GZIP[:length], "it ends too early") for length in (2, 9, 10, 11, 100, 5000, len(GZIP) - 8, len(GZIP) - 1)),
        (GZIP[:-8] + bytes(8), "its checksum, length or header is invalid"),
        (GZIP[:20] + b"\xff" * 200, "its compressed data is invalid"),
        (GZIP + SECRET.encode(), "its data is followed by something that isn't gzip"),
    ],
)
def test_what_is_wrong_with_a_gzip_file_is_said(refuse, content, says):
    assert says in str(refuse(content, "list.csv.gz"))
