"""Every kind of cell has the same text, whichever of the two ways reads its row, and the one that other readers see."""

from __future__ import annotations

import datetime
import io
import math
import warnings
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from airflow_provider_iqm.audience.records.value_text import value_text
from airflow_provider_iqm.audience.xlsx.reader import sheet
from airflow_provider_iqm.audience.xlsx.reader.errors import WorkbookError
from airflow_provider_iqm.audience.xlsx.reader.package import Package
from airflow_provider_iqm.audience.xlsx.reader.row_parser import RowParser
from airflow_provider_iqm.audience.xlsx.reader.sheet import SheetReader
from airflow_provider_iqm.audience.xlsx.reader.strings import SharedStrings
from airflow_provider_iqm.audience.xlsx.reader.values import ERROR, UNCALCULATED, CellReader, format_kind
from tests.unit.audience.xlsx.raw_workbook import write_workbook

STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/><numFmt numFmtId="165" formatCode="[hh]:mm"/>'
    '<numFmt numFmtId="166" formatCode="0.0&quot; days&quot;"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="22"/>'
    '<xf numFmtId="46"/></cellXfs>'
)
STRINGS = (
    '<si><t>plain</t></si><si><t> stripped </t></si><si><t xml:space="preserve"> kept </t></si>'
    '<si><r><t xml:space="preserve">ri</t></r><r><rPr><b/></rPr><t>ch</t></r><rPh sb="0" eb="1"><t>no</t></rPh></si>'
    "<si><t>&#233; &amp; &lt;b&gt; _x000D_ _x005F_x000D_</t></si><si><t/></si><si><t><![CDATA[<c>&amp;]]></t></si><si/>"
)


def read(path: Path, *, memory: int = 1 << 20) -> list:
    package = Package(path)
    strings = SharedStrings(memory=memory, folder=None)
    strings.load(package)
    return list(SheetReader(package, package.sheet(None), CellReader(package, strings)).rows())


@pytest.fixture(params=["usual", "unusual", "with a prefix"])
def read_cell(request, tmp_path):
    """Read one cell, by patterns and by the parser: a comment before the rows leaves all to it."""

    def read_cell(cell, **options):
        prefix = "x:" if request.param == "with a prefix" else ""
        before = "<!-- -->" if request.param == "unusual" else ""
        rows = f'<sheetData><row r="1">{cell}</row></sheetData>'
        if prefix:
            rows = rows.replace("</", "</\0").replace("<", f"<{prefix}").replace(f"<{prefix}/\0", f"</{prefix}")
        path = write_workbook(
            tmp_path / "list.xlsx", before + rows, strings=STRINGS, styles=STYLES, prefix=prefix, **options
        )
        ((row, values),) = read(path) or [(1, [""])]
        assert (row, values) == (1, values[-1:])
        return values[0]

    return read_cell


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c r="A1"><v>1</v></c>', "1"),
        ('<c r="A1" t="n"><v>-1.50</v></c>', "-1.5"),
        ('<c r="A1"><v>441234567890123456</v></c>', "441234567890123456"),
        ('<c r="A1"><v>4.41E+11</v></c>', "441000000000"),
        ('<c r="A1"><v>1E-7</v></c>', "0.0000001"),
        ('<c r="A1"><v>007</v></c>', "7"),
        ('<c r="A1"><v>1e999</v></c>', "1e999"),
        ('<c r="A1"><v>nan</v></c>', "nan"),
        ('<c r="A1"><v>n/a</v></c>', "n/a"),
        ('<c r="A1" s="3"><v>2</v></c>', "2"),
        ('<c r="A1" s="99"><v>2</v></c>', "2"),
        ('<c r="A1" s="1"><v>44000</v></c>', "2020-06-18"),
        ('<c r="A1" s="1"><v>60</v></c>', "1900-02-28"),
        ('<c r="A1" s="1"><v>59</v></c>', "1900-02-28"),
        ('<c r="A1" s="1"><v>2958465</v></c>', "9999-12-31"),
        ('<c r="A1" s="1"><v>2958465.999999999</v></c>', "2958465.999999999"),
        ('<c r="A1" s="1"><v>2958466</v></c>', "2958466"),
        ('<c r="A1" s="1"><v>-1</v></c>', "-1"),
        ('<c r="A1" s="1"><v>1e300</v></c>', f"{int(1e300)}"),
        ('<c r="A1" s="4"><v>44000.5</v></c>', "2020-06-18T12:00:00"),
        ('<c r="A1" s="4"><v>0.25</v></c>', "06:00:00"),
        ('<c r="A1" s="2"><v>1.25</v></c>', "1 day, 6:00:00"),
        ('<c r="A1" s="5"><v>0.5</v></c>', "12:00:00"),
        ('<c r="A1" t="d"><v>2020-06-18T00:00:00</v></c>', "2020-06-18"),
        ('<c r="A1" t="d"><v>2020-06-18T10:11:12</v></c>', "2020-06-18T10:11:12"),
        ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A1" t="b"><v>0</v></c>', "FALSE"),
        ('<c r="A1" t="e"><v>#N/A</v></c>', ERROR),
        ('<c r="A1" t="e"><f>NA()</f><v>#DIV/0!</v></c>', ERROR),
        ('<c r="A1" t="e"/>', ""),
        ('<c r="A1"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="A1"><f t="shared" si="0"/><v>2</v></c>', "2"),
        ('<c r="A1"><f>1+1</f></c>', UNCALCULATED),
        ('<c r="A1"><f>1+1</f><v></v></c>', UNCALCULATED),
        ('<c r="A1"><f>1+1</f><v/></c>', UNCALCULATED),
        ('<c r="A1" t="str"><f>""</f><v></v></c>', ""),
        ('<c r="A1" t="str"><f>A2</f><v>x &amp; y</v></c>', "x & y"),
        ('<c r="A1" t="s"><v>0</v></c>', "plain"),
        ('<c r="A1" t="s"><v>1</v></c>', "stripped"),
        ('<c r="A1" t="s"><v>2</v></c>', " kept "),
        ('<c r="A1" t="s"><v>3</v></c>', "rich"),
        ('<c r="A1" t="s"><v>4</v></c>', "é & <b> \r _x000D_"),
        ('<c r="A1" t="s"><v>5</v></c>', ""),
        ('<c r="A1" t="s"><v>6</v></c>', "<c>&amp;"),
        ('<c r="A1" t="s"><v>7</v></c>', ""),
        ('<c r="A1" t="s"><v/></c>', ""),
        ('<c r="A1" t="inlineStr"><is><t>0042</t></is></c>', "0042"),
        ('<c r="A1" t="inlineStr"><is><t> a </t></is></c>', "a"),
        ('<c r="A1" t="inlineStr"><is><t xml:space="preserve"> a </t></is></c>', " a "),
        ('<c r="A1" t="inlineStr"><is><t>&#x1F600;&quot;_xD83D__xDE00_</t></is></c>', '😀"😀'),
        ('<c r="A1" t="inlineStr"><is><t>_xD83D_</t></is></c>', "\ufffd"),
        ('<c r="A1" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>', "ab"),
        ('<c r="A1" t="inlineStr"><is><t>a&#10;b</t></is></c>', "a\nb"),
        ('<c t="inlineStr"><is><t>a</t></is></c>', "a"),
        ('<c t="s" r="A1" s="1"><v>0</v></c>', "plain"),
        ('<c r="A1"/>', ""),
        ('<c r="A1" s="1"></c>', ""),
    ],
)
def test_cells_are_converted_to_text(read_cell, cell, text):
    assert read_cell(cell) == text


def test_dates_since_1904(read_cell):
    assert read_cell('<c r="A1" s="1"><v>0.5</v></c>', is_1904=True) == "12:00:00"
    assert read_cell('<c r="A1" s="1"><v>42538</v></c>', is_1904=True) == "2020-06-18"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", 0), ("0.00", 0), ("@", 0), ('0" days"', 0), ("0\\d", 0), ("_-* #,##0_d", 0), ("[Red]0.0", 0),
        ("0.00E+00", 0), ("#,##0;[Red]dd", 0), ("[$-409]d-mmm", 1), ("h:mm AM/PM", 1), ("yyyy;@", 1), ("mm:ss.0", 1),
        ("[h]:mm:ss", 2), ("[mm]:ss", 2), ("[SS]", 2),
    ],
)  # fmt: skip
def test_number_formats_distinguish_dates_from_numbers(code, kind):
    assert format_kind(code) == kind


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=12).map(
    lambda text: "".join(letter for letter in text if letter >= " " or letter in "\n\t")
)
DATES = st.datetimes(datetime.datetime(1900, 3, 1), datetime.datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)
CELLS = st.one_of(
    st.none(),
    st.integers(-(10**15), 10**15),
    # The largest floats are infinite once openpyxl has written them with fewer digits.
    st.floats(-1e300, 1e300),
    st.booleans(),
    TEXTS,
    DATES,
    DATES.map(datetime.datetime.date),
    st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=99)).map(
        lambda length: datetime.timedelta(seconds=int(length.total_seconds()))
    ),
    st.sampled_from(["#N/A", "#DIV/0!", "#REF!"]),
)


def cell_text(cell: object) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return value_text(cell)


def trimmed(values: list) -> list:
    while values and values[-1] == "":
        values.pop()
    return values


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, max_size=5), max_size=6))
def test_both_readers_agree_with_openpyxl_and_calamine(tmp_path, monkeypatch, rows):
    # The header without a blank cell, behind which the reading would end.
    book = openpyxl.Workbook()
    # Each row several times: rows alike are read by their layout.
    for row in [["a"], *(row for row in rows for _ in range(3)), *rows]:
        book.active.append([value if not isinstance(value, str) or value[:1] != "=" else f"x{value}" for value in row])
    data = io.BytesIO()
    book.save(data)
    path = tmp_path / "list.xlsx"
    path.write_bytes(data.getvalue())

    found = read(path)
    with monkeypatch.context() as patch:
        patch.setattr(sheet, "_MAX_LAYOUTS", 0)
        assert read(path) == found
        patch.setattr(SheetReader, "_usual_row", lambda self, text: None)
        assert read(path) == found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = openpyxl.load_workbook(path, read_only=True).active.iter_rows()
    expected = []
    for number, row in enumerate(theirs, start=1):
        values = [ERROR if cell.data_type == "e" else cell_text(cell.value) for cell in row]
        if trimmed(values):
            expected.append((number, values))
    assert found == expected
    by_calamine = []
    for number, row in enumerate(CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows(), start=1):
        if values := trimmed([cell_text(cell) for cell in row]):
            by_calamine.append((number, values))
    without_errors = [(number, trimmed([value or "" for value in values])) for number, values in found]
    assert [row for row in without_errors if row[1]] == by_calamine


def test_spilled_strings_are_the_same(tmp_path):
    cells = "".join(f'<c t="s"><v>{number}</v></c>' for number in (4, 0, 3, 0))
    path = write_workbook(tmp_path / "l.xlsx", f"<sheetData><row>{cells}</row></sheetData>", strings=STRINGS)
    assert read(path, memory=3) == read(path) == [(1, ["é & <b> \r _x000D_", "plain", "rich", "plain"])]


def test_usual_rows_do_not_use_the_parser(tmp_path, monkeypatch):
    book = openpyxl.Workbook()
    for row in [["a", "b"], ["é & b", 1], [None, True], [datetime.date(2020, 1, 2), 1.5]]:
        book.active.append(row)
    book.save(tmp_path / "list.xlsx")
    monkeypatch.setattr(RowParser, "parse", None)
    assert len(read(tmp_path / "list.xlsx")) == 4


def test_similar_rows_are_read_with_their_layout(tmp_path, monkeypatch):
    def row(number, name, amount, attributes='spans="1:2"'):
        cells = f'<c r="A{number}" t="inlineStr"><is><t>{name}</t></is></c><c r="B{number}" s="1"><v>{amount}</v></c>'
        return f'<row r="{number}" {attributes}>{cells}</row>'

    rows = [row(1, "name", 1), row(3, "Mary ", "02"), row(4, "", ""), row(6, "_x0041_", "1e3"), row(7, "Jos\u00e9", 7)]
    odd = [row(8, "a &amp; b", 8), row(10, "ht", 9, 'ht="20"'), row(11, "x", 10).replace('r="B11"', 'r="C11"')]
    odd.append(row(12, "y", 1))
    path = write_workbook(tmp_path / "l.xlsx", f"<sheetData>{''.join([*rows, *odd])}</sheetData>")
    found = [(1, ["name", "1"]), (3, ["Mary", "2"]), (6, ["A", "1000"]), (7, ["Jos\u00e9", "7"])]
    found += [(8, ["a & b", "8"]), (10, ["ht", "9"]), (11, ["x", "", "10"]), (12, ["y", "1"])]
    assert read(path) == found

    whole = []
    usual_cells = SheetReader._usual_cells
    monkeypatch.setattr(SheetReader, "_usual_cells", lambda self, text: whole.append(text) or usual_cells(self, text))
    assert read(path) == found
    # The first, and those that are unlike the one before; a text with an entity is read by itself.
    assert len(whole) == 5


@pytest.mark.parametrize(
    "change",
    [('r="B3"', 'r="B4"'), ('r="3"', 'r="2"'), ('r="A3"', 'r="A03"'), ("</c>", "<c/></c>"), ("Mary", "Ma<b/>ry")],
)
def test_damaged_rows_have_no_layout(tmp_path, monkeypatch, change):
    rows = [
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{name}</t></is></c>'
        f'<c r="B{number}"><v>1</v></c></row>'
        for number, name in enumerate(["name", "Sam", "Mary"], start=1)
    ]
    path = write_workbook(tmp_path / "l.xlsx", f"<sheetData>{rows[0]}{rows[1]}{rows[2].replace(*change)}</sheetData>")

    def outcome():
        try:
            return read(path)
        except WorkbookError as error:
            return str(error)

    found = outcome()
    monkeypatch.setattr(SheetReader, "_usual_row", lambda self, text: None)
    assert outcome() == found


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_the_xml_can_have_another_encoding(tmp_path, encoding):
    path = write_workbook(tmp_path / "l.xlsx", "<sheetData/>")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = '<worksheet><sheetData><row><c t="str"><v>é</v></c></row></sheetData></worksheet>'
    parts["xl/worksheets/sheet1.xml"] = f'<?xml version="1.0" encoding="{encoding}"?>{sheet}'.encode(encoding)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            # And some programs write other capitals, or backslashes.
            archive.writestr(name.replace("xl/", "XL\\") if "sheet1" in name else name, text)
    assert read(path) == [(1, ["é"])]


def test_long_numbers_are_finite_text(read_cell):
    assert read_cell(f'<c r="A1"><v>{"9" * 5000}</v></c>') == "9" * 5000
    assert math.isinf(float("9" * 5000))
