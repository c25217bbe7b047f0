"""Values that people can read and that used to be lost, or hashed as something else."""

from __future__ import annotations

import csv
import hashlib
import json

import pytest

from airflow_provider_iqm.audience.upload import prepare_upload

SETTINGS = {
    "Email": {"Email": "Raw"},
    "Phone": {"Phone": "Raw"},
    "NPI ID": {"NPI_ID": "hl_npi_id"},
    "Voter ID": {"Voters_ID": "LalVoterID"},
}
DROPPED = None
INVISIBLE = (
    "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    "\u061c\u180e\ufe0f\U000e0001\x02\x7f"
)
SPACES = " \t\n\u00a0\u1680\u2003\u2009\u202f\u205f\u3000"
GOOD = {
    "Email": "mary@example.com",
    "Phone": "6175550123",
    "State": "MA",
    "Zip": "02134",
    "NPI ID": "1234567893",
    "First Name": "Mary",
    "City": "Boston",
    "Age": "42",
}


@pytest.fixture
def clean(tmp_path):
    """Clean a column of a list; return its values, None where the record was dropped, and the report's counts."""

    def run(field, values, **options):
        path = tmp_path / "list.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["n", "x", "a"], *([n, value, "k"] for n, value in enumerate(values))])
        options = {"normalize": True, "column_settings": SETTINGS.get(field), **options}
        columns = {"x": field, "a": "Full Address"}
        with (
            prepare_upload(
                file_path=path, audience_name="List", columns=columns, max_invalid_ratio=1, **options
            ) as upload,
            upload.file.path.open(newline="", encoding="utf-8") as file,
        ):
            kept = {int(record["n"]): record["x"] for record in csv.DictReader(file)}
        return [kept.get(number) for number in range(len(values))], upload.report

    return run


PHONES = {
    # Never a digit made up.
    "617555123.0": DROPPED,
    "1617555123.0": DROPPED,
    "617.555.123.0": DROPPED,
    "617555123.4": DROPPED,
    "617555.12": DROPPED,
    "6175551.000": DROPPED,
    "6.175550123E9": DROPPED,
    "6.17555E+09": DROPPED,
    # A number that is whole.
    "6175550123.0": "6175550123",
    "16175550123.0": "6175550123",
    "+16175550123.0": "6175550123",
    "6175550123.00": "6175550123",
    "617-555-0123.0": "6175550123",
    "617.555.0123": "6175550123",
    "617.5550123": "6175550123",
    "617.555.0000": "6175550000",
    # Extensions.
    "617-555-0123 x5": "6175550123",
    "6175550123x5": "6175550123",
    "(617) 555-0123 X 1234": "6175550123",
    "617-555-0123 ext. 12": "6175550123",
    "617-555-0123, Ext 12": "6175550123",
    "617-555-0123 extension 3": "6175550123",
    "617-555-0123 (ext. 3)": "6175550123",
    "617-555-0123 #5": "6175550123",
    "617-555-0123;ext=5": "6175550123",
    "tel:+1-617-555-0123;ext=5;phone-context=+1": "6175550123",
    "617555012 x3": DROPPED,
    "617-555-0123 or 617-555-0124": DROPPED,
    # What is around a number.
    "tel:617-555-0123": "6175550123",
    "TEL: +1 (617) 555-0123": "6175550123",
    "'6175550123": "6175550123",
    "'+16175550123": "6175550123",
    "6175550123;": "6175550123",
    '"6175550123"': "6175550123",
    '="6175550123"': "6175550123",
    "\u2018617-555-0123\u2019": "6175550123",
    # Dashes and digits of other kinds.
    "617\u2212555\u22120123": "6175550123",
    "617\u2010555\u20140123": "6175550123",
    "617\u00b7555\u00b70123": "6175550123",
    "\uff16\uff11\uff17\uff15\uff15\uff15\uff10\uff11\uff12\uff13": "6175550123",
    "\uff08\uff16\uff11\uff17\uff09\uff15\uff15\uff15\uff0d\uff10\uff11\uff12\uff13": "6175550123",
    # What the North American Numbering Plan excludes.
    "0000000000": DROPPED,
    "1111111111": DROPPED,
    "9999999999": DROPPED,
    "1234567890": DROPPED,
    "0175550123": DROPPED,
    "1175550123": DROPPED,
    "9115550123": DROPPED,
    "2905550123": DROPPED,
    "3705550123": DROPPED,
    "9605550123": DROPPED,
    "6170550123": DROPPED,
    "6171550123": DROPPED,
    "6179110123": DROPPED,
    "(211) 555-0123": DROPPED,
    "3605550123": "3605550123",
    "9705550123": "9705550123",
    "6172100123": "6172100123",
    # The last of IQM's own examples.
    "7890123456": "7890123456",
}
E164 = {
    "+16175550123.0": "+16175550123",
    "+1617555123.0": DROPPED,
    "+16175550123 x5": "+16175550123",
    "tel:+44-20-7946-0958": "+442079460958",
    "+442079460958.0": "+442079460958",
    "+33.1.23.45.67.00": "+33123456700",
    "+44 (0)20 7946 0958": DROPPED,
    "+1 (617) 555\u22120123": "+16175550123",
    "\uff0b16175550123": "+16175550123",
    "+10000000000": DROPPED,
    "+1 911 555 0123": DROPPED,
    "+1 617 555 012": DROPPED,
    "+6.175550123E9": DROPPED,
    "6175550123": DROPPED,
}
ZIPS = {
    "02134.0": "02134",
    "02134.00": "02134",
    "021341234.0": "02134",
    "2134.0": DROPPED,
    "2134": DROPPED,
    "02134 1234": "02134",
    "02134\u00a01234": "02134",
    "02134 - 1234": "02134",
    "02134-": "02134",
    "02134\u20131234": "02134",
    "02134\u22121234": "02134",
    "021341234": "02134",
    "'02134": "02134",
    '="02134"': "02134",
    "02134;": "02134",
    "\uff10\uff12\uff11\uff13\uff14": "02134",
    "02134-12": DROPPED,
    "021341": DROPPED,
    "0213.4": DROPPED,
    "2.134E3": DROPPED,
}
PLUS_FOURS = {
    "1234.0": "1234",
    "'1234": "1234",
    '="0012"': "0012",
    "\uff11\uff12\uff13\uff14": "1234",
    "\u200b1234": "1234",
    "\uff11\uff12\uff13": "\uff11\uff12\uff13",
    "'123": "'123",
    " n/a ": "n/a",
    "": "",
}
NPIS = {
    "123 456 7893": "1234567893",
    "123-456-7893": "1234567893",
    "1234\u20135678\u201393": "1234567893",
    "1234567893.0": "1234567893",
    "'1234567893": "1234567893",
    "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff13": "1234567893",
    "123456789.3": DROPPED,
    "123456789.0": DROPPED,
    "123-456-7891": DROPPED,
    "1.234567893E9": DROPPED,
}
STATES = {
    "D. C.": "DC",
    "D.C": "DC",
    "Washington, D.C.": "DC",
    "Wash., D. C.": "DC",
    "N. Y.": "NY",
    "N Y": "NY",
    "n.y.": "NY",
    "N.Y. State": "NY",
    "New York State": "NY",
    "State of New York": "NY",
    "the State of New York": "NY",
    "NEW-YORK": "NY",
    "Mass.": "MA",
    "mass": "MA",
    "Commonwealth of Massachusetts": "MA",
    "Calif.": "CA",
    "Penna.": "PA",
    "Wash.": "WA",
    "Washington State": "WA",
    "W. Va.": "WV",
    "N. Mex.": "NM",
    "No. Carolina": "NC",
    "S. Dak.": "SD",
    "US-TX": "TX",
    "Texas, USA": "TX",
    "Virgin Islands, U.S.": "VI",
    "U.S. Virgin Islands": "VI",
    "P.R.": "PR",
    "Commonwealth of Puerto Rico": "PR",
    "AE": "AE",
    "Armed Forces Pacific": "AP",
    "MA\u200b": "MA",
    "\uff2d\uff21": "MA",
    "\uff2e\uff45\uff57\u3000\uff39\uff4f\uff52\uff4b": "NY",
    "\u202aN.\u200bY.\u202c": "NY",
    "Ontario": "Ontario",
    "N/A": "N/A",
    "USA": "USA",
    "New York City": "New York City",
}
LABEL = "b" * 63
EMAILS = {
    "mailto:Mary@Example.com": "mary@example.com",
    "MAILTO:mary@example.com?subject=Hi": "mary@example.com",
    "Mary J <mary@example.com>": "mary@example.com",
    '"Jones, Mary" <mary@example.com>': "mary@example.com",
    "mary@example.com <mary@example.com>": "mary@example.com",
    "<mary@example.com>": "mary@example.com",
    '"mary@example.com"': "mary@example.com",
    "'mary@example.com'": "mary@example.com",
    "\u201cmary@example.com\u201d": "mary@example.com",
    "mary@example.com.": "mary@example.com",
    "mary@example.com;": "mary@example.com",
    "mary@example.com, ": "mary@example.com",
    "mary\uff20example\uff0ecom": "mary@example.com",
    "o'brien@example.com": "o'brien@example.com",
    "jose\u0301@example.com": "jos\u00e9@example.com",
    "mary@mu\u0308nchen.example": "mary@m\u00fcnchen.example",
    "mary@xn--mnchen-3ya.example": "mary@xn--mnchen-3ya.example",
    "a@-b.com": DROPPED,
    "a@b-.com": DROPPED,
    "a@b..com": DROPPED,
    "a..b@c.com": DROPPED,
    ".a@c.com": DROPPED,
    "a.@c.com": DROPPED,
    "a@b_c.com": DROPPED,
    "a@c.123": DROPPED,
    "a@[192.0.2.1]": DROPPED,
    "a@localhost": DROPPED,
    "a:b@c.com": DROPPED,
    "a b@c.com": DROPPED,
    "mary @example.com": DROPPED,
    "a@b.com, c@d.com": DROPPED,
    "a@b.com; c@d.com": DROPPED,
    "Ann <a@b.com>, Joe <c@d.com>": DROPPED,
    f"a@{LABEL}.com": f"a@{LABEL}.com",
    f"a@{LABEL}b.com": DROPPED,
    f"{'a' * 64}@c.com": f"{'a' * 64}@c.com",
    f"{'a' * 65}@c.com": DROPPED,
    f"a@{LABEL}.{LABEL}.{LABEL}.{'c' * 56}.com": f"a@{LABEL}.{LABEL}.{LABEL}.{'c' * 56}.com",
    f"a@{LABEL}.{LABEL}.{LABEL}.{'c' * 57}.com": DROPPED,
}


@pytest.mark.parametrize(
    ("field", "values", "options"),
    [
        ("Phone", PHONES, {}),
        ("Landline", PHONES, {}),
        ("Cellphone", E164, {"phone_format": "E.164"}),
        ("Zip", ZIPS, {}),
        ("ZipPlus4", PLUS_FOURS, {}),
        ("NPI ID", NPIS, {}),
        ("State", STATES, {}),
        ("Email", EMAILS, {}),
    ],
)
def test_readable_values_are_repaired_and_no_others(clean, field, values, options):
    found, _ = clean(field, list(values), **options)
    assert dict(zip(values, found, strict=True)) == values


@pytest.mark.parametrize("field", GOOD)
def test_invisible_characters_and_spaces_of_all_kinds_make_no_difference(clean, field):
    value = GOOD[field]
    values = [f"{mark}{value}{mark}" for mark in SPACES + INVISIBLE]
    values += [f"{value[0]}{mark}{value[1:]}" for mark in INVISIBLE]
    values += [f"\ufeff {mark}{value}\u00a0{mark} \u200b" for mark in INVISIBLE]
    found, report = clean(field, values)
    assert set(found) == {value}
    assert report.repaired["invisible characters removed (x)"] == len(values) - len(SPACES)


CODES = {**{field: GOOD[field] for field in ("Email", "Phone", "State", "Zip", "NPI ID")}, "ZipPlus4": "1234"}
DIGEST = hashlib.sha256(b"mary@example.com").hexdigest()


@pytest.mark.parametrize(
    ("field", "value", "options"),
    [
        *((field, value, {}) for field, value in CODES.items()),
        ("Email", DIGEST, {"column_settings": {"Email": "SHA256"}}),
    ],
)
def test_full_width_codes_become_ascii_and_are_counted(clean, field, value, options):
    found, report = clean(field, [value.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})], **options)
    assert found == [value]
    assert report.repaired == {"digits and punctuation converted to ASCII (x)": 1}


@pytest.mark.parametrize("phone_format", ["10-digit", "E.164"])
@pytest.mark.parametrize("end", ["", " x5"])
def test_a_phone_of_any_layout_has_the_same_ten_digits(clean, phone_format, end):
    marks = ["", "-", ".", " "]
    layouts = [
        f"{country}{opening}617{closing}{first}{second}555{third}0123{end}"
        for country in ("", "1", "1-", "+1", "+1 ")
        for opening in ("", "(")
        for closing in ("", ")")
        for first in marks
        for second in marks
        for third in marks
    ]
    if phone_format == "E.164":
        layouts = [layout for layout in layouts if layout.startswith("+")]
    found, _ = clean("Phone", layouts, phone_format=phone_format)
    # Dots that make a decimal number of it aside.
    wrong = {layout: value for layout, value in zip(layouts, found, strict=True) if value is not DROPPED}
    assert set(wrong.values()) == {"6175550123" if phone_format == "10-digit" else "+16175550123"}


@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256", "SHA512"])
@pytest.mark.parametrize("settings", [False, True])
def test_hashes_are_recognized_with_invisible_characters_in_and_around_them(clean, algorithm, settings):
    digest = hashlib.new(algorithm.lower(), b"mary@example.com").hexdigest()
    values = [digest, *(f"{mark}{digest[:9]}{mark}{digest[9:].upper()}{mark}" for mark in INVISIBLE), f'"{digest}";']
    options = {"column_settings": {"Email": algorithm}} if settings else {"hash_columns": {"x": algorithm}}
    for order in (values, values[::-1]):
        assert set(clean("Email", order, **options)[0]) == {digest}


@pytest.mark.parametrize(("field", "values"), [("Email", EMAILS), ("Phone", PHONES)])
def test_what_is_hashed_is_what_is_written_without_hashing(clean, field, values):
    written, _ = clean(field, list(values))
    hashed, report = clean(field, list(values), column_settings=None, hash_columns={"x": "SHA256"}, normalize=False)
    assert hashed == [value and hashlib.sha256(value.encode()).hexdigest() for value in written]
    assert report.repaired


@pytest.mark.parametrize("field", ["First Name", "Last Name", "Full Name", "City", "Street Address", "Email"])
def test_composed_and_decomposed_spellings_are_one_record(clean, field):
    composed, decomposed = "jos\u00e9.nu\u00f1ez@example.com", "jose\u0301.nun\u0303ez@example.com"
    found, report = clean(field, [decomposed, composed, f"{composed[:4]}\u200b{composed[4:]}"], drop_duplicates=True)
    assert found == [composed, None, None]
    assert report.duplicates == 2


def test_nothing_is_repaired_unless_values_are_normalized(clean):
    values = ["617-555-0123 x5", "\u200b6175550123", "617555012"]
    found, report = clean("Phone", values, normalize=False, on_invalid_records="drop")
    assert found == [*values[:2], None]
    assert "repaired" not in report.counts()


def test_repairs_are_counted_by_kind_and_column(clean):
    values = [
        *["617-555-0123 x5"] * 3,
        *["'617-555-0123"] * 2,
        "tel:617-555-0123 x5",
        "617\u2212555\u22120123",
        "6175550123.0",
        "617-555-0123\ufeff",
        "617555012 x5",
        "(617) 555-0123",
        "",
    ]
    _, report = clean("Phone", values)
    assert report.counts()["repaired"] == {
        "extension removed (x)": 4,
        "punctuation removed (x)": 2,
        "prefix removed (x)": 1,
        "digits and punctuation converted to ASCII (x)": 1,
        "decimal .0 removed (x)": 1,
        "invisible characters removed (x)": 1,
    }
    assert json.loads(json.dumps(report.counts()))["repaired"]["extension removed (x)"] == 4
    [line] = [line for line in str(report).splitlines() if "extension" in line]
    assert line.split() == ["repaired:", "extension", "removed", "(x)", "4"]


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("Email", "Mary <mary@example.com>", "display name removed"),
        ("Email", "mailto:mary@example.com", "prefix removed"),
        ("Email", "mary@example.com;", "punctuation removed"),
        ("Email", "jose\u0301@example.com", "letters and accents composed"),
        ("First Name", "Jose\u0301", "letters and accents composed"),
        ("Zip", "02134.0", "decimal .0 removed"),
        ("Zip", "02134 1234", "punctuation removed"),
        ("NPI ID", "123-456-7893", "punctuation removed"),
        ("NPI ID", "1234567893.0", "decimal .0 removed"),
        ("State", "Mass.", "name or abbreviation replaced by code"),
        ("Zip", "02134-1234", None),
        ("State", " ma ", None),
        ("ZipPlus4", "'1234", "punctuation removed"),
        ("ZipPlus4", "'123", None),
        ("ZipPlus4", "\uff11\uff12\uff13", None),
        ("Email", " MARY@example.com ", None),
        ("Phone", "+1 (617) 555-0123", None),
        ("First Name", " Mary  Ann ", None),
    ],
)
def test_each_repair_has_a_name_and_mere_formatting_has_none(clean, field, value, kind):
    _, report = clean(field, [value])
    assert report.repaired == ({f"{kind} (x)": 1} if kind else {})


def test_records_that_are_dropped_or_duplicates_count_as_read(clean):
    _, report = clean("Phone", ["6175550123 x1", "6175550123 x1", "123 x1"], drop_duplicates=True)
    assert (report.records_kept, report.duplicates, report.repaired) == (1, 1, {"extension removed (x)": 2})
