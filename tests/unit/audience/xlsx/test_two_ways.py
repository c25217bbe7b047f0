"""Whatever a workbook's XML looks like, patterns read what the parser reads, or refuse what it refuses."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from airflow_provider_iqm.audience.xlsx.reader import package
from airflow_provider_iqm.audience.xlsx.reader.errors import WorkbookError
from airflow_provider_iqm.audience.xlsx.reader.items import ItemReader
from tests.unit.audience.xlsx.raw_workbook import write_workbook
from tests.unit.audience.xlsx.test_reader import STYLES, read

CASES = 400

TEXTS = (
    "x", " x ", "0042", "1", "0", "2", "3", "-1", "1.50", "4.41E+11", "44000", "0.5", "TRUE", "", " ", "\n\tx", "é",
    "😀", "x &amp; y", "&#10;x&#32;", "&#x1F600;", "&lt;v&gt;", "&quot;", "a > b", "_x000D_", "_xD83D_",
    "_x005F_x000D_", "2020-06-18T00:00:00", "#N/A", "<![CDATA[<c>&amp;]]>", "x<!-- no -->y", "x<?p i?>y",
)  # fmt: skip
MALFORMED = (
    "]]>", "&nbsp;", "&#xFFFE;", "&#65535;", "&#0;", "&#xD800;", "&", "&#x110000;", "\ufffe", "\uffff", "\x0b", "<v>",
    "</v>", "<c>", "</c>", "<row>", "</row>", "</sheetData>", "</si>", "<si>", "\r\n", "<x:v/>", '"',
)  # fmt: skip
TYPES = ("", ' t="s"', ' t="str"', ' t="inlineStr"', ' t="b"', ' t="e"', ' t="d"', ' t="n"', ' t="z"')
STYLE_NUMBERS = ("", "", ' s="0"', ' s="1"', ' s="2"', ' s="4"', ' s="99"', ' s="x"', " s='1'")


class Writer:
    """Writes the XML of a small workbook, which any of many programs might have written."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        # Most workbooks are in their usual form almost everywhere.
        self.oddness = self.random.choice((0.0, 0.02, 0.1, 0.4))

    def odd(self) -> bool:
        return self.random.random() < self.oddness

    def text(self) -> str:
        return self.random.choice(TEXTS if self.odd() else TEXTS[:20])

    def rich(self) -> str:
        """Write what is inside ``si`` and ``is``."""
        preserved = self.random.choice(("", "", ' xml:space="preserve"', " xml:space='preserve'" if self.odd() else ""))
        if not self.odd():
            return f"<t{preserved}>{self.text()}</t>"
        return self.random.choice(
            (
                f"<r><t>{self.text()}</t></r><r><rPr><b/></rPr><t{preserved}>{self.text()}</t></r>",
                f'<t>{self.text()}</t><rPh sb="0" eb="1"><t>{self.text()}</t></rPh><phoneticPr fontId="1"/>',
                "<t/>",
                "",
                f"<t {preserved} >{self.text()}</t >",
            )
        )

    def cell(self, column: int, row: int) -> str:
        kind, style = self.random.choice(TYPES[:4] if not self.odd() else TYPES), self.random.choice(STYLE_NUMBERS)
        reference = f' r="{"ABCDEFG"[column]}{row}"'
        if self.odd():
            reference = self.random.choice(
                ("", f' r="A{row}"', f' r="B{row + 1}"', f" r='C{row}'", ' r="XFE1"', ' r="3"')
            )
        attributes = [reference, style, kind]
        if self.odd():
            self.random.shuffle(attributes)
            attributes.append(self.random.choice((" ", ' x:y="1"', ' cm="1"', ' r="A1"', ' t="s"')))
        content = f"<is>{self.rich()}</is>" if "inline" in kind else f"<v>{self.number(kind)}</v>"
        if self.odd():
            content = self.random.choice(
                (
                    "", "<v/>", f"<f>A1</f><v>{self.text()}</v>", "<f>A1</f>", f"\n{content}\n", content * 2,
                    f"<is>{self.rich()}</is>", f"<v>{self.text()}</v>", f"<x:v>{self.text()}</x:v>",
                    f"<v >{self.text()}</v >",
                    f"<!-- c -->{content}", "<extLst><ext><row r='9'/></ext></extLst>",
                )
            )  # fmt: skip
        return self.random.choice(
            (f"<c{''.join(attributes)}>{content}</c>", f"<c{''.join(attributes)}/>")[: 1 + self.odd()]
        )

    def number(self, kind: str) -> str:
        return (
            self.text()
            if self.odd() or kind == ' t="str"'
            else self.random.choice(TEXTS[3:11] if not kind else TEXTS[3:7])
        )

    def row(self, row: int, layout: list[int]) -> str:
        number = f' r="{row}"'
        if self.odd():
            number = self.random.choice(("", f' r="{row - 2}"', f" r='{row}'", ' r="0"', ' r="x"', f' r="0{row}"'))
        extra = self.random.choice(("", "", ' spans="1:3"', ' ht="15" x14ac:dyDescent="0.25"'))
        if self.odd():
            extra += self.random.choice(
                (' spans="1:3"', ' 1a="1"', ' xmlns="urn:x"', " ", ' a=">"', ' a="&amp;"', ' r="7"')
            )
        if self.odd():
            self.random.shuffle(layout)
        cells = "".join(self.cell(column, row) for column in layout)
        text = f"<row{number}{extra}>{cells}</row>"
        if self.odd():
            text = self.random.choice(
                (f"<row{number}/>", f"<!-- r -->{text}", f"{text}\n ", f"between{text}", f"<x>{text}</x>")
            )
        return text

    def rows(self) -> str:
        # A header without a blank cell, behind which the reading would end.
        layout, texts, row = [0, 1, 2], ['<row r="1"><c r="A1"><v>1</v></c></row>'], 1
        for _ in range(self.random.randrange(1, 9)):
            row += self.random.choice((1, 1, 1, 2))
            if self.random.random() < 0.3:
                layout = sorted(self.random.sample(range(7), self.random.randrange(0, 5)))
            text = self.row(row, [*layout])
            texts.append(text)
            while self.random.random() < 0.4:
                # Rows alike are read by their layout.
                texts.append(text.replace(f'{row}"', f'{row + 1}"'))
                row += 1
                text = texts[-1]
        return "".join(texts)

    def sheet(self) -> str:
        opening = self.random.choice(
            ("<sheetData>", "<sheetData >", '<sheetData a="b">', '<sheetData a=">">')[: 1 + 3 * self.odd()]
        )
        before = self.random.choice(("<!-- -->", "<!-- <sheetData> -->", "\n", "<x><row/></x>")) if self.odd() else ""
        behind = self.random.choice(
            ('<mergeCells><mergeCell ref="A1:B1"/></mergeCells>', '<x><row r="99"><c r="A99"><v>1</v></c></row></x>',
             '<sheetData><row r="99"><c r="A99"><v>1</v></c></row></sheetData>',
             '<row r="98"><c r="A98"><v>8</v></c></row><row r="99"><c r="A99"><v>9</v></c></row>', "<!-- -->")
        ) if self.odd() else ""  # fmt: skip
        return self.damaged(f"{before}{opening}{self.rows()}</sheetData>{behind}")

    def strings(self) -> str:
        strings = "".join(f"<si>{self.rich()}</si>" for _ in range(4))
        return self.damaged(strings + ("<x><si><t>no</t></si></x>" if self.odd() else ""))

    def damaged(self, text: str) -> str:
        while self.odd():
            position = self.random.randrange(len(text) + 1)
            if self.random.random() < 0.5:
                text = text[:position] + self.random.choice(MALFORMED) + text[position:]
            else:
                # Of a text, most of the time.
                position = text.find(">", position) + 1
                text = text[:position] + self.random.choice(MALFORMED) + text[position:]
        return text


def write(path: Path, seed: int) -> Path:
    writer = Writer(seed)
    write_workbook(path, writer.sheet(), strings=writer.strings(), styles=STYLES, is_1904=seed % 7 == 0)
    before = writer.random.choice(
        (b"", b"", b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n', b'\xef\xbb\xbf<?xml version="1.0"?>',
         b'<?xml version="1.0" encoding="latin-1"?>', b'<?xml version="1.0" encoding="us-ascii"?>')
    )  # fmt: skip
    utf16 = writer.odd()
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            if name.endswith(("sheet1.xml", "sharedStrings.xml")):
                data = data.decode().encode("utf-16") if utf16 else before + data
            archive.writestr(name, data)
    return path


def outcome(path: Path) -> list | None:
    """Read a workbook; ``None`` stands for any refusal."""
    try:
        return read(path)
    except WorkbookError:
        return None


def test_patterns_agree_with_the_parser(tmp_path, monkeypatch):
    accepted = 0
    for seed in range(CASES):
        monkeypatch.setattr(package, "_PIECE_BYTES", (1 << 18, 97)[seed % 2])
        path = write(tmp_path / "list.xlsx", seed)
        found = outcome(path)
        with monkeypatch.context() as patch:
            # All of it is left to the parser.
            patch.setattr(ItemReader, "_read_head", lambda self, pieces: None)
            assert outcome(path) == found, seed
        accepted += found is not None
    # There are enough of both kinds for the test to mean something.
    assert CASES / 4 < accepted < CASES * 3 / 4


@pytest.fixture(params=["patterns", "parser"])
def outcome_of(request, tmp_path, monkeypatch):
    """Read a sheet whose second row is given."""
    if request.param == "parser":
        monkeypatch.setattr(ItemReader, "_read_head", lambda self, pieces: None)

    def outcome_of(row: str, **options):
        header = '<row r="1"><c r="A1"><v>1</v></c></row>'
        return outcome(write_workbook(tmp_path / "l.xlsx", f"<sheetData>{header}{row}</sheetData>", **options))

    return outcome_of


@pytest.mark.parametrize(
    "text", ["a]]>b", "\ufffe", "\uffff", "&#xFFFE;", "&#65535;", "&#0;", "&#xD800;", "&nbsp;", "\x0b", "a & b"]
)
def test_characters_that_xml_forbids_are_rejected(outcome_of, text):
    assert outcome_of(f'<row r="2"><c r="A2" t="str"><v>{text}</v></c></row>') is None
    assert outcome_of("", strings=f"<si><t>{text}</t></si>") is None


@pytest.mark.parametrize(
    "row",
    [
        '<row r="2" spans="1" spans="1"><c r="A2"><v>1</v></c></row>',
        '<row r="2" 1a="1"><c r="A2"><v>1</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v><v>2</v></c></row>',
    ],
)
def test_invalid_markup_is_rejected(outcome_of, row):
    assert outcome_of(row) is None


def test_only_the_rows_of_the_sheet_are_read(outcome_of):
    behind = '</sheetData><x><row r="8"/><row r="9"><c r="A9"><v>9</v></c></row></x><sheetData>'
    assert outcome_of(f'<row r="2"><c r="A2"><v>2</v></c></row>{behind}') == [(1, ["1"]), (2, ["2"])]


def test_white_space_is_stripped_after_it_is_decoded(outcome_of):
    strings = '<si><t>&#10;a&#32;</t></si><si><t xml:space="preserve">&#32;a</t></si>'
    row = '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c></row>'
    assert outcome_of(row, strings=strings)[1] == (2, ["a", " a"])


def test_both_readers_have_the_same_limit_of_a_row(outcome_of):
    text = "x" * 1_900_000
    assert outcome_of(f'<row r="2"><c r="A2" t="str"><v>{text}</v></c></row>')[1] == (2, [text])


@pytest.mark.parametrize("encoding", ["latin-11", "shift-jis"])
def test_unknown_encodings_are_rejected(tmp_path, encoding):
    path = write_workbook(tmp_path / "list.xlsx", "<sheetData/>")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + data)
    assert outcome(path) is None
