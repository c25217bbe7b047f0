"""The page on cleaning: its examples are what the code does, and it names what is counted."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from airflow_provider_iqm.audience.cleaning.rules.rule import RepairKind
from airflow_provider_iqm.audience.upload import prepare_upload

PAGE = Path(__file__).parents[4].joinpath("docs", "cleaning.md").read_text(encoding="utf-8")
SETTINGS = {"Email": {"Email": "Raw"}, "Phone": {"Phone": "Raw"}, "NPI ID": {"NPI_ID": "hl_npi_id"}}
TABLES = {
    field: re.findall(r"^\| `(.+?)` \| (?:`(.+?)`|malformed) \| .+? \| (.*?) \|$", rows, re.MULTILINE)
    for field, rows in re.findall(r"^\| raw, (.+?) \| normalized .*\n\| ---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
}


def shown(text):
    """Put in the characters that the page writes as [U+200B], because nobody would see them."""
    return re.sub(r"\[U\+([0-9A-F]+)\]", lambda match: chr(int(match[1], 16)), text)


@pytest.mark.parametrize("field", ["City", "Email", "Phone", "Cellphone", "Zip", "ZipPlus4", "NPI ID", "State"])
def test_the_page_s_examples_are_what_the_code_does(tmp_path, field):
    examples = TABLES[field]
    assert len(examples) > 2
    assert all(source for _, _, source in examples)
    path = tmp_path / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        records = ([number, shown(raw), "k"] for number, (raw, _, _) in enumerate(examples))
        csv.writer(file).writerows([["n", "x", "a"], *records])
    with (
        prepare_upload(
            file_path=path,
            audience_name="List",
            columns={"x": field, "a": "Full Address"},
            column_settings=SETTINGS.get(field),
            normalize=True,
            max_invalid_ratio=1,
            phone_format="E.164" if field == "Cellphone" else "10-digit",
        ) as upload,
        upload.file.path.open(newline="", encoding="utf-8") as file,
    ):
        kept = {int(record["n"]): record["x"] for record in csv.DictReader(file)}
    found = {raw: kept.get(number, "") for number, (raw, _, _) in enumerate(examples)}
    assert found == {raw: normalized for raw, normalized, _ in examples}


def test_every_example_is_read():
    assert sum(map(len, TABLES.values())) == len(
        re.findall(r"^\| `.+?` \| (?:`.+?`|malformed) \| .* \| .* \|$", PAGE, re.MULTILINE)
    )


def test_the_page_names_every_kind_of_repair():
    assert [kind for kind in RepairKind if f"| `{kind.value}` |" not in PAGE] == []
