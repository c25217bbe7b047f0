"""Each field's rule, value by value, through the whole cleaning."""

from __future__ import annotations

import csv
import hashlib
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.records.states import STATE_CODES
from airflow_provider_iqm.audience.upload import prepare_upload

# Published vectors: raw, normalised, SHA-256 of the normalised (IQM's seed, Google's Data Manager, UID2, Megalista).
EMAILS = [
    ("Bilbo.Baggins@lotr.com", "43f5f8fabe82fc8dce2452267f5550bb036d0ddf33368682a9cd5da8286d63a0"),
    ("Frodo.Baggins@lotr.com", "ceb005d969f16f9a6a487849d27bf854fac1f0733aa61995bcbb5cb928dfc410"),
    ("Samwise.Gamgee@lotr.com", "986c1ae0d3cef60591d3b29aa54afb5d9654406d7cfa4fcbb65c3ad45ad1ce5c"),
    ("  ALEXZ@example.com   ", "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a"),
    ("MyEmail@example.com", "16c18d336f0b250f0e2d907452ceb9658a74ecdae8bc94864c23122a72cc27a5"),
    ("JaneSaoirse@example.com", "d6670e7a92007f1b5ff785f1fc81e53aa6d3d7bd06bdf5c473cdc7286c284b6d"),
    ("JaneSaoirse+Work@example.com", "28aaee4815230cd3b4ebd88c515226550666e91ac019929e3adac3f66c288180"),
    ("john@doe.com", "d709f370e52b57b4eb75f04e2b3422c4d41a05148cad8f81776d94a048fb70af"),
    ("only@email.com", "785af30a27e429e1a2dc2f5e589d59f268239db551c3af29821eb0b3f05d40af"),
]
PHONES = [
    ("3456789012", "26cc49f1a2133f3784b937017f9cc86e05b5413c7f91b0b6bd6375631b68371e"),
    ("(567) 890-1234", "2f510ce904687db4b2706fdaf33f1d0e678be13cc5fe300cf695a546befa5fc8"),
    ("+1 789.012.3456", "453fc17260d034186d92d1e58cc557fea9cafc1bf886154b472057feed950605"),
]


@pytest.fixture
def clean(tmp_path):
    """Clean a list of one column of interest; return its values by record number, None where the record was dropped."""

    def run(field, values, *, settings=None, **options):
        path = tmp_path / "list.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["n", "x", "a"], *([n, value, "k"] for n, value in enumerate(values))])
        columns = {"x": field, "a": "Full Address"}
        options = {"normalize": True, "max_invalid_ratio": 1, "scratch_dir": tmp_path, **options}
        with (
            prepare_upload(
                file_path=path, audience_name="List", columns=columns, column_settings=settings, **options
            ) as upload,
            upload.file.path.open(newline="", encoding="utf-8") as file,
        ):
            kept = {int(record["n"]): record["x"] for record in csv.DictReader(file)}
        return [kept.get(number) for number in range(len(values))]

    return run


def test_emails_are_trimmed_and_lowered_and_hash_to_the_published_vectors(clean):
    raw = [email for email, _ in EMAILS]
    assert clean("Email", raw, settings={"Email": "Raw"}) == [email.strip().lower() for email in raw]
    assert clean("Email", raw, hash_columns={"x": "SHA256"}) == [digest for _, digest in EMAILS]


def test_phones_hash_to_the_published_vectors(clean):
    assert clean("Phone", [raw for raw, _ in PHONES], hash_columns={"x": "SHA256"}) == [digest for _, digest in PHONES]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA1", "SHA256", "SHA512"])
def test_every_hash_is_hashlibs_and_text_is_hashed_as_utf8(clean, algorithm):
    emails = ["josé@peña.example", "a@b.example"]
    expected = [hashlib.new(algorithm.lower(), email.encode()).hexdigest() for email in emails]
    assert clean("Email", emails, hash_columns={"x": algorithm}) == expected


GOOD, BAD = object(), None
VALUES = {
    "email": (
        "Email",
        {"settings": {"Email": "Raw"}},
        {
            "\u00a0a@b.example\t": "a@b.example",
            "a@b": BAD,
            "a b@c.example": BAD,
            "a@@b.example": BAD,
            "a@b..example": BAD,
            "a@b.example, c@d.example": BAD,
            "@b.example": BAD,
            "n/a": BAD,
        },
    ),
    "phone": (
        "Phone",
        {"settings": {"Phone": "Raw"}},
        {
            "1-345-678-9012": "3456789012",
            " (345)\u00a0678\u20139012 ": "3456789012",
            "13456789012": "3456789012",
            "+13456789012": "3456789012",
            "+44 20 7946 0958": BAD,
            "678-9012": BAD,
            "4.41E+11": BAD,
            "345-678-9012 x5": "3456789012",
            "23456789012": BAD,
            "345+6789012": BAD,
            "()": BAD,
        },
    ),
    "phone E.164": (
        "Cellphone",
        {"phone_format": "E.164"},
        {
            "+1 (345) 678-9012": "+13456789012",
            "+44 20 7946 0958": "+442079460958",
            "3456789012": BAD,
            "+0123456789": BAD,
            "": "",
        },
    ),
    "zip": (
        "Zip",
        {},
        {
            "01234": "01234",
            " 01234-5678 ": "01234",
            "012345678": "01234",
            "1234": BAD,
            "ABCDE": BAD,
            "123456": BAD,
            "": "",
        },
    ),
    "npi": (
        "NPI ID",
        {"settings": {"NPI_ID": "hl_npi_id"}},
        {
            "1234567893": "1234567893",
            " 1467478172": "1467478172",
            "1558598797": "1558598797",
            "1528060837": "1528060837",
            "2123456784": "2123456784",
            "1234567891": BAD,
            "123456789": BAD,
            "12345678931": BAD,
            "12345678A3": BAD,
        },
    ),
    "state": (
        "State",
        {},
        {
            "ny": "NY",
            "N.Y.": "NY",
            " New  York ": "NY",
            "district of columbia": "DC",
            "D.C.": "DC",
            "Puerto Rico": "PR",
            "U.S. Virgin Islands": "VI",
            "guam": "GU",
            "Ontario ": "Ontario",
            "": "",
        },
    ),
    "city": ("City", {}, {"  St.\u00a0 \tPaul ": "St. Paul", "Zürich": "Zürich", "a\n b": "a b", "": ""}),
    "name": ("First Name", {}, {" Mary  Ann ": "Mary Ann", "José": "José", "\u3000李 ": "李"}),
    "voter id": (
        "Voter ID",
        {"settings": {"Voters_ID": "LalVoterID"}},
        {"LALNY0001": "LALNY0001", " 007 ": " 007 ", "1E5": "1E5"},
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_normalised_or_their_records_left_out(clean, case):
    field, options, values = VALUES[case]
    assert clean(field, list(values), **options) == list(values.values())


WHITE = " \t\n\u00a0\u2003\u3000\x1f"
EMAIL = rf'[^@,;<>()"{WHITE}]+@[^\W\d_]+(\.[^\W\d_]+)+'
NANP = "(?:[2-9](?:[02-58][0-9]|1[02-9])|[2-8]6[0-9]|[24-9]7[0-9])[2-9](?:[02-9][0-9]|1[02-9])[0-9]{4}"
MARKS = re.compile(rf"[()./\-\u2010-\u2015{WHITE}]")


def email(value):
    value = value.strip().lower()
    if not re.fullmatch(EMAIL, value):
        value = value.rstrip(f".,{WHITE}")
    local = value.partition("@")[0]
    return value if re.fullmatch(EMAIL, value) and "" not in local.split(".") else None


def phone(value):
    digits = MARKS.sub("", value)
    return digits[-10:] if re.fullmatch(rf"(\+?1)?{NANP}", digits) else None


def cellphone(value):
    digits = MARKS.sub("", value)
    if re.search(r"^\+?[0-9]+\.[0-9]{1,3}$|\.[0-9]$", value.strip()):
        return None
    return digits if re.fullmatch(rf"\+(1{NANP}|[2-9][0-9]{{6,14}})", digits) else None if value.strip() else ""


def name(value):
    return " ".join(value.split())


# A field's rule in Python, the cleaning's options, a good value, and what values are made of.
RULES = {
    "Email": (email, {"settings": {"Email": "Raw"}}, "a@b.c", ["a", "É", "@", "@b.c", ".", "+", ","]),
    "Phone": (phone, {"settings": {"Phone": "Raw"}}, "3456789012", ["345", "678-9012", "1", "+", "(", ")", "\u2013"]),
    "Cellphone": (cellphone, {"phone_format": "E.164"}, "+3456789", ["+", "+44", "1", "0", "(", "-", ".", "34567"]),
    "First Name": (name, {}, "a", ["a", "é", ".", "李"]),
    "Age": (str.strip, {}, "a", ["a", "é", ".", "李"]),
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("field", RULES)
def test_any_value_is_normalised_as_its_rule_says(clean, data, field):
    rule, options, good, pieces = RULES[field]
    texts = st.lists(st.sampled_from([*pieces, *WHITE]), max_size=6).map("".join)
    values = [*data.draw(st.lists(texts, max_size=40)), good]
    assert clean(field, values, **options) == [rule(value) for value in values]


def test_every_state_district_and_territory_is_known_by_name_and_code(clean):
    codes = (
        "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH "
        "OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI FM MH PW"
    )
    assert sorted(set(STATE_CODES.values())) == sorted(codes.split())
    names = [name.title() for name in STATE_CODES]
    assert clean("State", names) == list(STATE_CODES.values())
    assert clean("State", [code.lower() for code in STATE_CODES.values()]) == list(STATE_CODES.values())


def test_zip_plus_four_takes_what_stands_behind_the_zip_unless_it_has_a_value(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("a,zip,four\nk,01234-5678,\nk,01234-5678,9999\nk,01234,\n")
    columns = {"a": "Full Address", "zip": "Zip", "four": "ZipPlus4"}
    with prepare_upload(file_path=path, audience_name="List", columns=columns, normalize=True) as upload:
        assert upload.file.path.read_text() == "a,zip,four\nk,01234,5678\nk,01234,9999\nk,01234,\n"


def test_columns_that_are_not_mapped_stay_as_they_are(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('a,Note,note\nk," x  y ",007\n')
    with prepare_upload(file_path=path, audience_name="List", columns={"a": "Full Address"}, normalize=True) as upload:
        assert upload.file.path.read_text() == "a,Note,note\nk, x  y ,007\n"


def test_a_column_that_the_settings_call_hashed_is_lowered_and_not_hashed_again(clean):
    digest = hashlib.sha1(b"a@b.example").hexdigest()
    found = clean("Email", [f" {digest.upper()} ", "a@b.example", digest], settings={"Email": "SHA1"})
    assert found == [digest, None, digest]
